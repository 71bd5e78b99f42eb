//! One contract that every store must keep.

use super::*;
use crate::policy::{Role, Standing, Subject};

const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn organization(id: &str) -> OrganizationId {
    OrganizationId::parse(id).unwrap()
}

fn sign_in(id: &str, subject: &str, idp_session: Option<&str>) -> SignIn {
    SignIn {
        organization: organization(id),
        issuer: format!("https://idp.{id}.example").into(),
        subject: Subject::parse(subject).unwrap(),
        email: None,
        name: None,
        groups: [].into(),
        role: Role::Read,
        idp_session: idp_session.map(Into::into),
        idp_name: None,
        signed_in_at: at(0),
        expires_at: at(0) + HOUR,
        ended: None,
    }
}

fn logout(id: &str, subject: Option<&str>, idp_session: Option<&str>) -> Selector {
    Selector {
        organization: organization(id),
        issuer: format!("https://idp.{id}.example").into(),
        subject: subject.map(ToOwned::to_owned),
        idp_session: idp_session.map(ToOwned::to_owned),
        idp_name: None,
        until: at(10),
    }
}

fn stores() -> Vec<Sessions> {
    let memory = Sessions::with(Store::Memory(Memory::new(100)), 100, HOUR);
    vec![memory]
}

fn standing(sessions: &Sessions, id: &SessionId, of: &str) -> &'static str {
    let found = sessions.find(&id.key()).unwrap();
    // What was found lately is what the store holds, after every change at once.
    for _ in 0..2 {
        let lately = sessions.of_cookie(id.expose().as_bytes(), at(1)).unwrap();
        assert_eq!(lately.is_some(), found.is_some());
        assert!(lately.iter().zip(&found).all(|(lately, found)| Arc::ptr_eq(lately, found)));
    }
    let Some(session) = found else { return "gone" };
    match session.principal.standing(&organization(of), at(1)) {
        Standing::Unknown => "unknown",
        Standing::Live(_) => "live",
        Standing::Expired(_) => "expired",
        Standing::Revoked(_) => "revoked",
    }
}

#[test]
fn a_provider_s_session_is_found_in_every_browser_that_has_it_and_under_every_new_id() {
    let name = |id: &str, session: &str| ProviderSession::of(&sign_in(id, "alice", Some(session)));
    for sessions in stores() {
        let begin = |previous: Option<&SessionId>, sign_in| {
            let previous = previous.map(SessionId::key);
            sessions.sign_in(previous.as_ref(), sign_in, None, at(0)).unwrap().0
        };
        let first = begin(None, sign_in("acme", "alice", Some("s1")));
        let first = begin(Some(&first), sign_in("globex", "alice.g", Some("s1")));
        let second = begin(None, sign_in("acme", "alice", Some("s1")));
        let other = begin(None, sign_in("acme", "alice", Some("s2")));
        let end = |name: Option<ProviderSession>| {
            sessions.end_live(&name.unwrap()).map(|people| people.len())
        };
        assert_eq!(end(name("acme", "s3")), Ok(0));
        assert_eq!(end(name("initech", "s1")), Ok(0));
        assert_eq!(end(name("acme", "s1")), Ok(2));
        assert_eq!(end(name("acme", "s1")), Ok(0), "they have ended");
        assert_eq!(
            [&first, &second, &other].map(|id| standing(&sessions, id, "acme")),
            ["revoked", "revoked", "live"]
        );
        assert_eq!(standing(&sessions, &first, "globex"), "live");
        // The same name again is another sign-in.
        let again = begin(Some(&second), sign_in("acme", "alice", Some("s1")));
        assert_eq!(standing(&sessions, &again, "acme"), "live");
    }
}

#[test]
fn a_sign_in_gets_a_new_id_and_the_old_one_is_nobody() {
    for sessions in stores() {
        let (first, _) =
            sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
        let (second, _) = sessions
            .sign_in(Some(&first.key()), sign_in("globex", "alice.g", None), None, at(0))
            .unwrap();
        assert_ne!(first.expose(), second.expose());
        assert_eq!(standing(&sessions, &first, "acme"), "gone");
        assert_eq!(standing(&sessions, &second, "acme"), "live");
        assert_eq!(standing(&sessions, &second, "globex"), "live");
    }
}

#[test]
fn a_logout_ends_every_session_of_a_subject_and_of_nobody_else() {
    for sessions in stores() {
        let alice = || sign_in("acme", "alice", None);
        let (one, _) = sessions.sign_in(None, alice(), None, at(0)).unwrap();
        let (two, _) = sessions.sign_in(None, alice(), None, at(0)).unwrap();
        let (bob, _) = sessions.sign_in(None, sign_in("acme", "bob", None), None, at(0)).unwrap();
        let (other, _) =
            sessions.sign_in(None, sign_in("globex", "alice", None), None, at(0)).unwrap();
        assert_eq!(
            sessions.revoke(&logout("acme", Some("alice"), None)).map(|people| people.len()),
            Ok(2)
        );
        assert_eq!(standing(&sessions, &one, "acme"), "revoked");
        assert_eq!(standing(&sessions, &two, "acme"), "revoked");
        assert_eq!(standing(&sessions, &bob, "acme"), "live");
        assert_eq!(standing(&sessions, &other, "globex"), "live");
    }
}

#[test]
fn a_logout_of_one_provider_session_leaves_the_persons_others() {
    for sessions in stores() {
        let (one, _) =
            sessions.sign_in(None, sign_in("acme", "alice", Some("s1")), None, at(0)).unwrap();
        let (two, _) =
            sessions.sign_in(None, sign_in("acme", "alice", Some("s2")), None, at(0)).unwrap();
        assert_eq!(
            sessions.revoke(&logout("acme", Some("alice"), Some("s1"))).map(|people| people.len()),
            Ok(1)
        );
        assert_eq!(standing(&sessions, &one, "acme"), "revoked");
        assert_eq!(standing(&sessions, &two, "acme"), "live");
    }
}

#[test]
fn another_issuers_logout_ends_nothing() {
    for sessions in stores() {
        let (one, _) =
            sessions.sign_in(None, sign_in("acme", "alice", Some("s1")), None, at(0)).unwrap();
        let foreign = Selector {
            issuer: "https://evil.example".into(),
            ..logout("acme", Some("alice"), Some("s1"))
        };
        assert_eq!(sessions.revoke(&foreign).map(|people| people.len()), Ok(0));
        assert_eq!(sessions.revoke(&logout("acme", None, None)).map(|people| people.len()), Ok(0));
        assert_eq!(standing(&sessions, &one, "acme"), "live");
    }
}

#[test]
fn a_sign_in_that_was_under_way_does_not_outrun_a_logout() {
    for sessions in stores() {
        sessions.revoke(&logout("acme", Some("alice"), None)).unwrap();
        let (late, _) =
            sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
        assert_eq!(standing(&sessions, &late, "acme"), "revoked");
        let again = SignIn { signed_in_at: at(20), ..sign_in("acme", "alice", None) };
        let (again, _) = sessions.sign_in(None, again, None, at(20)).unwrap();
        assert_eq!(standing(&sessions, &again, "acme"), "live");
    }
}

#[test]
fn a_refresh_never_revives_what_was_ended_or_replaces_what_is_newer() {
    for sessions in stores() {
        let (id, session) =
            sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
        let refreshed = SignIn { role: Role::Admin, ..sign_in("acme", "alice", None) };
        sessions.refreshed(&id.key(), &refreshed, None).unwrap();
        let role = |id: &SessionId| {
            sessions.find(&id.key()).unwrap().unwrap().principal.sign_ins()[0].role
        };
        assert_eq!(role(&id), Role::Admin);
        assert_eq!(session.principal.sign_ins()[0].role, Role::Read);
        sessions.end(&id.key(), &organization("acme")).unwrap();
        sessions.refreshed(&id.key(), &refreshed, None).unwrap();
        assert_eq!(standing(&sessions, &id, "acme"), "revoked");
        let stranger = SignIn { signed_in_at: at(5), ..refreshed };
        let (id, _) = sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
        sessions.refreshed(&id.key(), &stranger, None).unwrap();
        assert_eq!(role(&id), Role::Read);
    }
}

#[test]
fn signing_out_of_one_organization_leaves_the_others() {
    for sessions in stores() {
        let (first, _) =
            sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
        let (id, session) = sessions
            .sign_in(Some(&first.key()), sign_in("globex", "alice", None), None, at(0))
            .unwrap();
        let life = session.life(&organization("acme")).unwrap().clone();
        sessions.sign_out(&id.key(), Some(&organization("acme"))).unwrap();
        assert_eq!(standing(&sessions, &id, "acme"), "unknown");
        assert_eq!(standing(&sessions, &id, "globex"), "live");
        assert!(life.is_cut(), "streams of the sign-in are told");
        sessions.sign_out(&id.key(), None).unwrap();
        assert_eq!(standing(&sessions, &id, "globex"), "gone");
    }
}

#[test]
fn a_cookie_of_another_shape_is_no_key() {
    for bad in ["", "a", &"a".repeat(42), &"a".repeat(44), &"!".repeat(43)] {
        assert!(SessionKey::of(bad.as_bytes()).is_none(), "{bad}");
    }
}

#[test]
fn a_browser_is_found_by_whatever_session_it_has_now() {
    for sessions in stores() {
        let (first, session) =
            sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
        let browser = session.browser;
        let spell = session.spell(&organization("acme")).unwrap();
        let (second, session) = sessions
            .sign_in(Some(&first.key()), sign_in("globex", "alice.g", None), None, at(0))
            .unwrap();
        assert_eq!(session.browser, browser);
        assert_eq!(session.spell(&organization("acme")), Some(spell));
        let found = sessions.of_browser(&browser).unwrap().unwrap();
        assert_eq!(found.key, second.key());
        sessions.sign_out(&second.key(), None).unwrap();
        assert!(sessions.of_browser(&browser).unwrap().is_none());
    }
}

#[test]
fn a_spell_goes_on_for_the_same_account_while_it_is_signed_in_and_in_no_other_case() {
    let acme = organization("acme");
    for (subject, later, ended, goes_on) in [
        ("alice", 60, false, true),
        ("alice", 3600, false, false),
        ("alice", 60, true, false),
        ("bob", 60, false, false),
    ] {
        for sessions in stores() {
            let (id, session) =
                sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
            let spell = session.spell(&acme);
            if ended {
                sessions.end(&id.key(), &acme).unwrap();
            }
            let again = SignIn { signed_in_at: at(later), ..sign_in("acme", subject, None) };
            let (_, session) = sessions.sign_in(Some(&id.key()), again, None, at(later)).unwrap();
            assert_eq!(session.spell(&acme) == spell, goes_on, "{subject} {later} {ended}");
            let (_, stranger) =
                sessions.sign_in(None, sign_in("acme", "alice", None), None, at(0)).unwrap();
            assert_ne!(stranger.spell(&acme), spell);
        }
    }
}
