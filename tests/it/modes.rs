//! `vectors/decide` once more: through sockets, with real sign-ins, to the hub or not; and one
//! question, every mode, one answer.

use std::path::Path;

use crate::support::scene::{Mode, Scene, browsing};
use crate::support::vectors::{Age, Case, Outcome, Vectors};

#[tokio::test]
async fn every_vector_is_answered_as_it_says_in_every_mode() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/decide");
    let mut wrong = Vec::new();
    let (mut asked, mut unseen) = (0, 0);
    for vectors in Vectors::all(&folder) {
        let scene = Scene::of(&vectors).await;
        let sessions = scene.sessions(&vectors.cases).await;
        for case in &vectors.cases {
            let session = sessions.iter().find(|(of, _)| *of == browsing(case));
            let session = session.map(|(_, session)| session.as_str());
            let (answer, at_hub) = scene.ask(Mode::Proxy, case, session).await;
            let mut answers = vec![(Mode::Proxy, answer, at_hub.clone())];
            for mode in [
                Mode::Nginx,
                Mode::NginxAtOnce,
                Mode::Forward,
                Mode::ForwardAtOnce,
                Mode::Envoy,
                Mode::Grpc,
            ] {
                let (answer, told) = scene.ask(mode, case, session).await;
                if is_unseen(mode, case) {
                    unseen += 1;
                    let live = case.sign_ins.iter().any(|line| line.standing == Age::Live);
                    let place = format!("{}:{} {mode:?}: {answer}", vectors.name, case.line);
                    assert!(live || !matches!(answer, Outcome::Allow(_)), "{place}");
                    continue;
                }
                answers.push((mode, answer, told));
            }
            asked += 1;
            for (mode, answer, told) in answers {
                let place = format!("{}:{} {mode:?}", vectors.name, case.line);
                let question = format!("{} {} {}", case.who, case.method, case.target);
                // An offer shows in page loads only.
                let expected = match &case.expected {
                    Outcome::Offer(_) => &Outcome::Allow(None),
                    other @ (Outcome::Allow(_)
                    | Outcome::Notice { .. }
                    | Outcome::Challenge { .. }
                    | Outcome::Deny { .. }
                    | Outcome::Refused { .. }) => other,
                };
                if answer != *expected {
                    wrong.push(format!("{place}: {question} => {answer}, not {}", case.expected));
                } else if told != at_hub {
                    wrong.push(format!("{place}: {question}: told {told:?}, not {at_hub:?}"));
                }
            }
        }
    }
    assert!(asked > 300 && unseen > 20, "only {asked} vectors were found, {unseen} unseen");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether the body decides, and this proxy has not sent it.
fn is_unseen(mode: Mode, case: &Case) -> bool {
    let sends = case.body.as_ref().is_some_and(|body| !body.is_empty())
        && !matches!(mode, Mode::Nginx | Mode::NginxAtOnce | Mode::ForwardAtOnce);
    let by_body = case.body.is_some()
        || matches!(&case.expected, Outcome::Refused { reason, .. } if reason == "ambiguous-body");
    by_body && !sends
}
