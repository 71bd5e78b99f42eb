//! Correctly signed responses that the protocol nevertheless forbids.

use std::time::Duration;

use hubgate::saml::{Refusal, ReplayCache, ServiceProvider};

use super::provider::{
    ACS, GENUINE, IDP, REQUEST, SP, Says, accepted, accepted_by, audience, authn, conditions,
    confirmation, encode, issuer, now, refused, refused_by, service_provider, settings, status,
};

fn says() -> Says {
    Says::default()
}

/// Both a response whose assertion is signed and a signed response are refused.
#[track_caller]
fn both_refused(says: &Says, refusal: Refusal) {
    refused(&says.assertion_signed(), refusal);
    refused(&says.response_signed(), refusal);
    refused(&says.both_signed(), refusal);
}

fn response(destination: &str, in_response_to: &str, instant: &str, version: &str) -> String {
    format!(
        "{destination} ID=\"_response1\" {in_response_to} IssueInstant=\"{instant}\" Version=\"{version}\""
    )
}

const INSTANT: &str = "2026-07-03T11:59:59Z";

fn to(destination: &str) -> Says {
    let in_response_to = format!("InResponseTo=\"{REQUEST}\"");
    Says { response_attributes: response(destination, &in_response_to, INSTANT, "2.0"), ..says() }
}

#[test]
fn the_destination_is_our_consumer_service_and_nothing_else() {
    accepted(&to(&format!("Destination=\"{ACS}\"")).assertion_signed());
    for destination in [
        String::new(),
        "Destination=\"\"".to_owned(),
        format!("Destination=\"{ACS}/\""),
        format!("Destination=\"{ACS}?x\""),
        format!("Destination=\"{}\"", ACS.to_uppercase()),
        format!("Destination=\"{}\"", ACS.replace("acme", "globex")),
        format!("Destination=\"{SP}\""),
        format!("Destination=\" {ACS}\""),
    ] {
        both_refused(&to(&destination), Refusal::Destination);
    }
}

#[test]
fn the_response_answers_the_request_that_was_sent() {
    let answer = |outer: &str, inner: &str| Says {
        response_attributes: response(&format!("Destination=\"{ACS}\""), outer, INSTANT, "2.0"),
        confirmation: confirmation(&format!(
            "{inner} NotOnOrAfter=\"2026-07-03T12:05:00Z\" Recipient=\"{ACS}\""
        )),
        ..says()
    };
    let ours = format!("InResponseTo=\"{REQUEST}\"");
    let other = "InResponseTo=\"_other\"";
    let empty = "InResponseTo=\"\"";
    accepted(&answer(&ours, &ours).assertion_signed());
    for (outer, inner) in [
        (ours.as_str(), other),
        (other, &ours),
        (other, other),
        ("", &ours),
        (&ours, ""),
        ("", ""),
        (empty, &ours),
        (&ours, empty),
    ] {
        both_refused(&answer(outer, inner), Refusal::InResponseTo);
    }

    // A sign-in that the identity provider begins answers nothing at all.
    let unsolicited = |xml: &str, allow: bool| {
        let service_provider = service_provider(|settings| settings.allow_unsolicited = allow);
        service_provider.finish(&encode(xml), None, now()).map(|verified| verified.subject.value)
    };
    let none = answer("", "").assertion_signed();
    assert_eq!(unsolicited(&none, true).as_deref(), Ok(GENUINE));
    assert_eq!(unsolicited(&none, false), Err(Refusal::Unsolicited));
    for (outer, inner) in [(ours.as_str(), ""), ("", &ours), (&ours, &ours), (empty, "")] {
        let xml = answer(outer, inner).assertion_signed();
        assert_eq!(unsolicited(&xml, true), Err(Refusal::InResponseTo));
        assert_eq!(unsolicited(&xml, false), Err(Refusal::Unsolicited));
    }
    // Allowing it loosens nothing for those who were sent with a request.
    refused_by(&none, Refusal::InResponseTo, |settings| settings.allow_unsolicited = true);
}

#[test]
fn messages_are_of_version_2_and_recent() {
    let destination = format!("Destination=\"{ACS}\"");
    let in_response_to = format!("InResponseTo=\"{REQUEST}\"");
    let at = |instant: &str, version: &str| Says {
        response_attributes: response(&destination, &in_response_to, instant, version),
        ..says()
    };
    for instant in ["2026-07-03T11:55:00Z", "2026-07-03T12:00:59Z", "2026-07-03T14:00:00+02:00"] {
        accepted(&at(instant, "2.0").assertion_signed());
        accepted(&Says { issue_instant: instant.to_owned(), ..says() }.assertion_signed());
    }
    for instant in [
        "2026-07-03T11:53:59Z",
        "2026-07-02T12:00:00Z",
        "2026-07-03T12:01:01Z",
        "2027-07-03T12:00:00Z",
    ] {
        both_refused(&at(instant, "2.0"), Refusal::IssueInstant);
        both_refused(&Says { issue_instant: instant.to_owned(), ..says() }, Refusal::IssueInstant);
    }
    for instant in ["", "now", "2026-07-03T12:00:00", "2026-07-03"] {
        both_refused(&at(instant, "2.0"), Refusal::TimeMalformed);
        both_refused(&Says { issue_instant: instant.to_owned(), ..says() }, Refusal::TimeMalformed);
    }
    for version in ["1.1", "2.1", "", "2", "2.0 "] {
        both_refused(&at(INSTANT, version), Refusal::Version);
        both_refused(&Says { version, ..says() }, Refusal::Version);
    }
}

#[test]
fn the_issuer_is_the_configured_identity_provider() {
    // A response that is not signed may leave its issuer out (Core §3.2.2).
    accepted(&Says { response_issuer: String::new(), ..says() }.assertion_signed());
    let entity = issuer(IDP)
        .replace("\">", "\" Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\">");
    accepted(&Says { response_issuer: entity, ..says() }.both_signed());
    for name in ["https://evil.example/metadata", "", "https://IDP.example/metadata", SP] {
        both_refused(&Says { issuer: name.to_owned(), ..says() }, Refusal::Issuer);
        both_refused(&Says { response_issuer: issuer(name), ..says() }, Refusal::Issuer);
    }
    let email = issuer(IDP)
        .replace("\">", "\" Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">");
    both_refused(&Says { response_issuer: email, ..says() }, Refusal::Issuer);
}

#[test]
fn anything_but_success_is_refused_by_its_name() {
    for (codes, refusal) in [
        (["Requester", ""], Refusal::StatusRequester),
        (["Responder", ""], Refusal::StatusResponder),
        (["VersionMismatch", ""], Refusal::StatusVersion),
        (["Responder", "AuthnFailed"], Refusal::StatusAuthnFailed),
        (["Responder", "NoPassive"], Refusal::StatusNoPassive),
        (["Responder", "RequestDenied"], Refusal::StatusRequestDenied),
        (["Requester", "InvalidNameIDPolicy"], Refusal::StatusNameIdPolicy),
        (["Responder", "NoAuthnContext"], Refusal::StatusNoAuthnContext),
        (["Responder", "UnknownPrincipal"], Refusal::StatusUnknownPrincipal),
        (["success", ""], Refusal::StatusOther),
        (["", ""], Refusal::StatusOther),
        (["Success", "PartialLogout"], Refusal::StatusOther),
    ] {
        let says = Says { status: status(&codes), ..says() };
        // With an assertion, signed or not; without one; and not signed at all.
        both_refused(&says, refusal);
        refused(&says.response(""), refusal);
    }
    both_refused(&Says { status: String::new(), ..says() }, Refusal::UnexpectedContent);
    let empty = Says { status: "<samlp:Status></samlp:Status>".to_owned(), ..says() };
    refused(&empty.assertion_signed(), Refusal::UnexpectedContent);
    refused(&says().response(""), Refusal::AssertionMissing);
}

#[test]
fn the_subject_is_confirmed_by_one_bearer() {
    let data = |data: &str| Says { confirmation: confirmation(data), ..says() };
    let good = format!(
        "InResponseTo=\"{REQUEST}\" NotOnOrAfter=\"2026-07-03T12:05:00Z\" Recipient=\"{ACS}\""
    );
    accepted(&data(&format!("Address=\"192.0.2.1\" {good}")).assertion_signed());
    let started = good.replace("NotOnOrAfter", "NotBefore=\"2026-07-03T12:00:30Z\" NotOnOrAfter");
    accepted(&data(&started).assertion_signed());

    let one = confirmation(&good);
    let holder = one.replace("cm:bearer", "cm:holder-of-key");
    let vouches = one.replace("cm:bearer", "cm:sender-vouches");
    let without = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"></saml:SubjectConfirmation>";
    let key_info = one.replace(
        "></saml:SubjectConfirmationData>",
        "><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:KeyInfo></saml:SubjectConfirmationData>",
    );
    for text in [
        String::new(),
        holder.clone(),
        vouches,
        without.to_owned(),
        key_info,
        format!("{one}{one}"),
        format!("{holder}{one}"),
        format!("{one}{holder}"),
    ] {
        both_refused(&Says { confirmation: text, ..says() }, Refusal::Confirmation);
    }

    for recipient in ["", SP, "https://hub.example/-/sso/globex/saml/acs"] {
        both_refused(&data(&good.replace(ACS, recipient)), Refusal::Recipient);
    }
    let nowhere = good.replace(&format!("Recipient=\"{ACS}\""), "");
    both_refused(&data(&nowhere), Refusal::Recipient);

    for end in ["2026-07-03T11:59:00Z", "2026-07-03T11:58:00Z", "2025-07-03T12:00:00Z"] {
        both_refused(
            &data(&good.replace("2026-07-03T12:05:00Z", end)),
            Refusal::ConfirmationExpired,
        );
    }
    accepted(
        &data(&good.replace("2026-07-03T12:05:00Z", "2026-07-03T11:59:01Z")).assertion_signed(),
    );
    let forever = good.replace("NotOnOrAfter=\"2026-07-03T12:05:00Z\"", "");
    both_refused(&data(&forever), Refusal::ConfirmationExpired);
    let later = good.replace("NotOnOrAfter", "NotBefore=\"2026-07-03T12:01:01Z\" NotOnOrAfter");
    both_refused(&data(&later), Refusal::ConfirmationExpired);
}

#[test]
fn every_audience_restriction_names_us() {
    let other = audience("https://other.example");
    let within = |inner: &str| Says { conditions: conditions(inner), ..says() };
    let two = format!(
        "<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience><saml:Audience> {SP} </saml:Audience></saml:AudienceRestriction>"
    );
    accepted(&within(&two).assertion_signed());
    accepted(&within(&format!("{0}{0}", audience(SP))).assertion_signed());
    for inner in [
        String::new(),
        other.clone(),
        format!("{}{other}", audience(SP)),
        format!("{other}{}", audience(SP)),
        audience(""),
        audience(ACS),
        audience(&SP.to_uppercase()),
        audience(&format!("{SP}/")),
        "<saml:AudienceRestriction></saml:AudienceRestriction>".to_owned(),
        format!("{}<saml:AudienceRestriction></saml:AudienceRestriction>", audience(SP)),
    ] {
        both_refused(&within(&inner), Refusal::Audience);
    }
    both_refused(&Says { conditions: String::new(), ..says() }, Refusal::ConditionsMissing);
}

#[test]
fn conditions_hold_now_and_are_all_understood() {
    let between = |attributes: &str, inner: &str| Says {
        conditions: format!(
            "<saml:Conditions {attributes}>{}{inner}</saml:Conditions>",
            audience(SP)
        ),
        ..says()
    };
    for good in [
        "",
        "NotBefore=\"2026-07-03T12:00:59Z\"",
        "NotOnOrAfter=\"2026-07-03T11:59:01Z\"",
        "NotBefore=\"2026-07-03T11:00:00.123Z\" NotOnOrAfter=\"2026-07-03T13:00:00.4567891Z\"",
    ] {
        accepted(&between(good, "").assertion_signed());
    }
    both_refused(&between("NotBefore=\"2026-07-03T12:01:01Z\"", ""), Refusal::NotYetValid);
    both_refused(&between("NotOnOrAfter=\"2026-07-03T11:59:00Z\"", ""), Refusal::Expired);
    both_refused(&between("NotOnOrAfter=\"soon\"", ""), Refusal::TimeMalformed);

    accepted(&between("", "<saml:OneTimeUse></saml:OneTimeUse>").assertion_signed());
    let proxy = "<saml:ProxyRestriction Count=\"0\"></saml:ProxyRestriction>";
    accepted(&between("", proxy).assertion_signed());
    for unknown in [
        "<saml:Condition></saml:Condition>",
        "<x:OneTimeUse xmlns:x=\"urn:x\"></x:OneTimeUse>",
        "<saml:Audience></saml:Audience>",
    ] {
        both_refused(&between("", unknown), Refusal::ConditionUnknown);
    }
    // A configured skew widens every window, and no more than that.
    let late = between("NotOnOrAfter=\"2026-07-03T11:57:30Z\"", "").assertion_signed();
    accepted_by(&late, |settings| settings.clock_skew = Duration::from_secs(180));
    let exact = between("NotOnOrAfter=\"2026-07-03T12:00:00Z\"", "").assertion_signed();
    refused_by(&exact, Refusal::Expired, |settings| settings.clock_skew = Duration::ZERO);
}

#[test]
fn the_person_was_authenticated_once_and_not_too_long_ago() {
    let stated = |statement: &str| Says { authn: statement.to_owned(), ..says() };
    let at = |attributes: &str| stated(&authn(attributes));
    both_refused(&stated(""), Refusal::AuthnStatement);
    let one = authn("AuthnInstant=\"2026-07-03T11:00:00Z\"");
    both_refused(&stated(&format!("{one}{one}")), Refusal::AuthnStatement);
    both_refused(&at("AuthnInstant=\"2026-07-03T12:01:01Z\""), Refusal::AuthnInstant);
    both_refused(&at("AuthnInstant=\"\""), Refusal::TimeMalformed);
    both_refused(&at("SessionIndex=\"x\""), Refusal::UnexpectedContent);

    let long_ago = at("AuthnInstant=\"2026-06-03T12:00:00Z\"").assertion_signed();
    accepted(&long_ago);
    refused_by(&long_ago, Refusal::AuthnInstant, |settings| settings.force_authn = true);
    accepted_by(&says().assertion_signed(), |settings| settings.force_authn = true);

    let ends = |end: &str| at(&format!("AuthnInstant=\"{INSTANT}\" SessionNotOnOrAfter=\"{end}\""));
    both_refused(&ends("2026-07-03T11:59:00Z"), Refusal::SessionEnded);
    let verified = accepted(&ends("2026-07-03T20:00:00Z").assertion_signed());
    assert_eq!(verified.session_not_on_or_after, Some(now() + Duration::from_secs(8 * 3600)));

    let mfa = "https://refeds.org/profile/mfa";
    refused_by(&says().assertion_signed(), Refusal::AuthnContext, |settings| {
        settings.authn_contexts = vec![mfa.to_owned()];
    });
    let class = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    let with_mfa = stated(&one.replace(class, mfa)).assertion_signed();
    accepted_by(&with_mfa, |settings| settings.authn_contexts = vec![mfa.to_owned()]);
}

#[test]
fn a_name_id_is_one_clean_text_of_the_requested_format() {
    let named = |name_id: &str| Says { name_id: name_id.to_owned(), ..says() };
    for text in [
        "",
        " ",
        &format!(" {GENUINE}"),
        &format!("{GENUINE} "),
        &format!("{GENUINE}\n"),
        "a\tb",
        "a\nb",
        &format!("{GENUINE}\u{a0}"),
        &"x".repeat(513),
        "<saml:x></saml:x>",
        "admin<saml:x></saml:x>@acme.example",
        "\u{85}a",
        "a\u{7f}b",
    ] {
        both_refused(&named(&format!("<saml:NameID>{text}</saml:NameID>")), Refusal::NameId);
    }
    both_refused(&named(""), Refusal::NameId);
    both_refused(&named("<saml:BaseID></saml:BaseID>"), Refusal::NameId);
    both_refused(&named("<x:NameID xmlns:x=\"urn:x\">admin</x:NameID>"), Refusal::NameId);
    both_refused(&named("<saml:EncryptedID></saml:EncryptedID>"), Refusal::EncryptedNameId);
    let one = format!("<saml:NameID>{GENUINE}</saml:NameID>");
    both_refused(&named(&format!("{one}{one}")), Refusal::UnexpectedContent);

    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let formatted = format!("<saml:NameID Format=\"{email}\">{GENUINE}</saml:NameID>");
    accepted_by(&named(&formatted).assertion_signed(), |settings| {
        settings.name_id_format = Some(email.to_owned());
    });
    refused_by(&named(&one).assertion_signed(), Refusal::NameIdFormat, |settings| {
        settings.name_id_format = Some(email.to_owned());
    });
}

#[test]
fn expired_metadata_signs_nobody_in() {
    let xml = says().assertion_signed();
    refused_by(&xml, Refusal::MetadataExpired, |settings| {
        settings.identity_provider.valid_until = Some(now());
    });
    accepted_by(&xml, |settings| {
        settings.identity_provider.valid_until = Some(now() + Duration::from_secs(1));
    });
}

#[test]
fn a_full_replay_cache_signs_nobody_in() {
    let mut settings = settings();
    settings.replay = ReplayCache::with_capacity(1).into();
    let service_provider = ServiceProvider::new(settings).unwrap();
    let send = |id: &str| {
        let says = Says { id: id.to_owned(), ..says() };
        service_provider.finish(&encode(&says.assertion_signed()), Some(REQUEST), now())
    };
    assert!(send("_a").is_ok());
    assert_eq!(send("_b"), Err(Refusal::ReplayCacheFull));
}

#[test]
fn a_reload_does_not_forget_what_was_used() {
    let replay = std::sync::Arc::new(ReplayCache::default());
    let xml = encode(&says().assertion_signed());
    let before = service_provider(|settings| settings.replay = replay.clone());
    assert!(before.finish(&xml, Some(REQUEST), now()).is_ok());
    let after = service_provider(|settings| settings.replay = replay);
    assert_eq!(after.finish(&xml, Some(REQUEST), now()), Err(Refusal::Replayed));
}
