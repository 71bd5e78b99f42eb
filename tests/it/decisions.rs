//! `vectors/decide`: every row of the contract's tables, asked of the hub's URLs and the decision.

use std::path::Path;
use std::time::{Duration, SystemTime};

use http::uri::PathAndQuery;
use hubgate::config::Config;
use hubgate::hub::{BODY_LIMIT, Found, Hub};
use hubgate::policy::{Claimed, Decision, Reason, Target, decide};

use crate::support::vectors::{Case, Outcome, Vectors, World};

#[test]
fn every_vector_is_decided_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/decide");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for vectors in Vectors::all(&folder) {
        let config = vectors.world.config();
        let hub = Hub::new(&config.hub, &config.organizations);
        for case in &vectors.cases {
            asked += 1;
            let answer = answer(&hub, case, &config, &vectors.world);
            if answer != case.expected {
                let place = format!("{}:{}", vectors.name, case.line);
                let question = format!("{} {} {}", case.who, case.method, case.target);
                wrong.push(format!("{place}: {question} => {answer}, not {}", case.expected));
            }
        }
    }
    assert!(asked > 300, "only {asked} vectors were found");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

fn answer(hub: &Hub, case: &Case, config: &Config, world: &World) -> Outcome {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let principal = case.principal(config, world, now);
    let refused =
        |status, reason: Reason| Outcome::Refused { status, reason: reason.as_str().to_owned() };
    let Ok(path) = PathAndQuery::try_from(&case.target) else {
        return refused(400, Reason::AmbiguousPath);
    };
    let found = Target::parse(case.method.clone(), &path).and_then(|target| hub.find(&target));
    let claimed = match found {
        Err(_) => return refused(400, Reason::AmbiguousPath),
        Ok(Found::Claimed(claimed)) => claimed,
        Ok(Found::InBody(rule)) => {
            let body = case.body.as_deref().unwrap_or_default();
            let read = if body.len() > BODY_LIMIT {
                rule.oversized().ok_or(refused(413, Reason::BodyTooLarge))
            } else {
                rule.read(body).map_err(|_| refused(400, Reason::AmbiguousBody))
            };
            match read {
                Ok(claimed) => claimed,
                Err(refused) => return refused,
            }
        }
    };
    // Which of two people's credentials a hub goes by is not known here.
    if let [(one, _), (other, _)] = case.shown.as_slice()
        && [one, other].iter().all(|name| world.accounts.iter().any(|own| own.name == **name))
        && one != other
        && matches!(claimed, Claimed::By(_))
    {
        return refused(400, Reason::AmbiguousHeaders);
    }
    outcome(&claimed, &principal, now)
}

fn outcome(
    claimed: &Claimed<'_>,
    principal: &hubgate::policy::Principal,
    now: SystemTime,
) -> Outcome {
    match decide(claimed, principal, now) {
        Decision::Allow(permit) => match (permit.notice(), permit.caller()) {
            (Some(notice), _) => Outcome::Notice {
                organization: notice.organization.to_string(),
                reason: notice.reason.to_string(),
            },
            (None, None) if permit.offer().is_some() => {
                Outcome::Offer(permit.offer().unwrap().id.to_string())
            }
            (None, caller) => Outcome::Allow(
                caller.map(|sign_in| (sign_in.organization.to_string(), sign_in.role)),
            ),
        },
        Decision::Challenge(challenge) => Outcome::Challenge {
            organization: challenge.organization.to_string(),
            reason: challenge.reason.to_string(),
        },
        Decision::Deny { reason, organization } => Outcome::Deny {
            reason: reason.to_string(),
            organization: organization.map(|id| id.to_string()),
        },
    }
}
