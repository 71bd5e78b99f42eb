//! Single logout, in both directions and over both bindings.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubgate::saml::{
    Binding, Delivery, Endpoint, LogoutOutcome, NameId, Refusal, SendError, ServiceProvider,
    Settings, UnverifiedForm, UnverifiedLogout, VerifiedLogout, VerifiedLogoutRequest,
};

use super::provider::{
    EC, EC384, GENUINE, IDP, Key, RSA, SAML, SAMLP, SLO, STRANGER, Signer, VICTIM, encode, now,
    service_provider, status,
};
use super::requests::{parameter, signing_key, url_of, verify_redirect};

const PENDING: &str = "_pending0123456789";
const IDP_SLO: &str = "https://idp.example/slo";

fn with_logout(settings: &mut Settings) {
    settings.signing_keys = vec![signing_key(&RSA)];
    settings.identity_provider.single_logout = vec![Endpoint {
        binding: Binding::Redirect,
        location: IDP_SLO.to_owned(),
        response_location: None,
    }];
}

fn sp() -> ServiceProvider {
    service_provider(with_logout)
}

const ATTRIBUTES: &str = "Destination=\"https://hub.example/-/sso/acme/saml/slo\" ID=\"_logout1\" IssueInstant=\"2026-07-03T11:59:59Z\" NotOnOrAfter=\"2026-07-03T12:05:00Z\" Version=\"2.0\"";

fn request_with(attributes: &str, content: &str) -> String {
    format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{SAMLP}\" {attributes}><saml:Issuer xmlns:saml=\"{SAML}\">{IDP}</saml:Issuer>{content}</samlp:LogoutRequest>"
    )
}

fn request() -> String {
    request_with(
        ATTRIBUTES,
        &format!(
            "{}<samlp:SessionIndex>_session1</samlp:SessionIndex><samlp:SessionIndex>_session2</samlp:SessionIndex>",
            name_id()
        ),
    )
}

fn name_id() -> String {
    format!("<saml:NameID xmlns:saml=\"{SAML}\">{GENUINE}</saml:NameID>")
}

fn response(codes: &[&str]) -> String {
    format!(
        "<samlp:LogoutResponse xmlns:samlp=\"{SAMLP}\" Destination=\"{SLO}\" ID=\"_answer1\" InResponseTo=\"{PENDING}\" IssueInstant=\"2026-07-03T11:59:59Z\" Version=\"2.0\"><saml:Issuer xmlns:saml=\"{SAML}\">{IDP}</saml:Issuer>{}</samlp:LogoutResponse>",
        status(codes)
    )
}

fn deflate(xml: &[u8]) -> String {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(xml).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// Every byte in upper-case or lower-case escapes, as other implementations write them.
fn escape(text: &str, lower: bool) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ if lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn sign_query(name: &str, xml: &str, relay_state: Option<&str>, key: &Key, lower: bool) -> String {
    let mut query = format!("{name}={}", escape(&deflate(xml.as_bytes()), lower));
    if let Some(relay_state) = relay_state {
        query = format!("{query}&RelayState={relay_state}");
    }
    query = format!("{query}&SigAlg={}", escape(key.algorithm(), lower));
    let signature = STANDARD.encode(key.sign(key.algorithm(), query.as_bytes()));
    format!("{query}&Signature={}", escape(&signature, lower))
}

fn signed_query(xml: &str) -> String {
    sign_query("SAMLRequest", xml, Some("back%2Fto"), &EC, false)
}

fn by_query(query: &str) -> Result<VerifiedLogout, Refusal> {
    sp().receive_logout(UnverifiedLogout::Redirect(query), Some(PENDING), now())
}

fn form(name: &str, xml: &str) -> UnverifiedForm {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair(name, &encode(xml))
        .append_pair("RelayState", "back/to")
        .finish();
    UnverifiedForm::parse(body.as_bytes()).unwrap()
}

fn by_form(name: &str, xml: &str) -> Result<VerifiedLogout, Refusal> {
    sp().receive_logout(UnverifiedLogout::Post(&form(name, xml)), Some(PENDING), now())
}

#[track_caller]
fn request_of(message: Result<VerifiedLogout, Refusal>) -> VerifiedLogoutRequest {
    match message {
        Ok(VerifiedLogout::Request(request)) => {
            assert_eq!(request.subject.value, GENUINE);
            request
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn outcome_of(message: Result<VerifiedLogout, Refusal>) -> LogoutOutcome {
    match message {
        Ok(VerifiedLogout::Response(response)) => response.outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_request_names_the_person_and_the_sessions() {
    let by_form = by_form("SAMLRequest", &Signer::new(&EC).envelop(&request()));
    for message in [by_query(&signed_query(&request())), by_form] {
        let request = request_of(message);
        assert_eq!(request.id, "_logout1");
        assert_eq!(request.session_indexes, ["_session1", "_session2"]);
        assert_eq!(request.relay_state.as_deref(), Some("back/to"));
    }
    let all = request_with(ATTRIBUTES, &name_id());
    assert!(request_of(by_query(&signed_query(&all))).session_indexes.is_empty());
}

#[test]
fn a_redirect_is_verified_over_the_octets_that_arrived() {
    for lower in [false, true] {
        for key in [&*EC, &*EC384, &*RSA] {
            for relay_state in
                [None, Some(""), Some("a%20b"), Some("a+b"), Some("~*x"), Some("a%2fb")]
            {
                let query = sign_query("SAMLRequest", &request(), relay_state, key, lower);
                let service_provider = service_provider(|settings| {
                    with_logout(settings);
                    settings.identity_provider.certificates =
                        [RSA.certificates(), EC.certificates(), EC384.certificates()].concat();
                });
                let message = UnverifiedLogout::Redirect(&query);
                request_of(service_provider.receive_logout(message, None, now()));
            }
        }
    }
    // Parameters of others, in any place, are not part of what was signed.
    let query = signed_query(&request());
    request_of(by_query(&format!("x=y&{query}&z")));
    let (message, rest) = query.split_once('&').unwrap();
    request_of(by_query(&format!("{rest}&{message}")));
}

#[test]
fn a_query_with_two_readings_is_refused() {
    let good = signed_query(&request());
    let other = signed_query(&request().replace(GENUINE, VICTIM));
    let (other_message, _) = other.split_once('&').unwrap();
    for query in [
        format!("{good}&{other_message}"),
        format!("{other_message}&{good}"),
        format!("{good}&RelayState=x"),
        format!("{good}&SigAlg=x"),
        format!("{good}&Signature="),
        format!("{good}&SAMLResponse=x"),
        format!("{good}&%53AMLRequest=x"),
        format!("%53AMLRequest=x&{good}"),
        good.replace("RelayState", "Relay%53tate"),
        good.replace("SigAlg", "SigAl%67"),
    ] {
        assert_eq!(by_query(&query), Err(Refusal::ParameterDoubled), "{query}");
    }
    assert_eq!(by_query(""), Err(Refusal::ParameterMissing));
    assert_eq!(by_query("RelayState=x"), Err(Refusal::ParameterMissing));
    assert_eq!(by_query("samlrequest=x"), Err(Refusal::ParameterMissing));
    let gzip = format!("{good}&SAMLEncoding=gzip");
    assert_eq!(by_query(&gzip), Err(Refusal::ParameterMalformed));
    let deflate =
        format!("{good}&SAMLEncoding=urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE");
    request_of(by_query(&deflate));
}

#[test]
fn a_request_without_a_good_signature_is_refused() {
    let message = format!("SAMLRequest={}", escape(&deflate(request().as_bytes()), false));
    assert_eq!(by_query(&message), Err(Refusal::SignatureMissing));
    assert_eq!(by_form("SAMLRequest", &request()), Err(Refusal::SignatureMissing));
    // Not even where responses may come without one.
    let lax = service_provider(|settings| {
        with_logout(settings);
        settings.insecure_unsigned_logout_responses = true;
    });
    let found = lax.receive_logout(UnverifiedLogout::Redirect(&message), None, now());
    assert_eq!(found, Err(Refusal::SignatureMissing));
    let unsigned = form("SAMLRequest", &request());
    let found = lax.receive_logout(UnverifiedLogout::Post(&unsigned), None, now());
    assert_eq!(found, Err(Refusal::SignatureMissing));

    let good = signed_query(&request());
    for (query, refusal) in [
        (good.replace("&RelayState=back%2Fto", ""), Refusal::SignatureInvalid),
        (good.replace("back%2Fto", "back%2fto"), Refusal::SignatureInvalid),
        (good.replace("back%2Fto", "elsewhere"), Refusal::SignatureInvalid),
        (good.split("&Signature").next().unwrap().to_owned(), Refusal::SignatureMissing),
        (
            good.split("&SigAlg").next().unwrap().to_owned() + "&Signature=AAAA",
            Refusal::SignatureMissing,
        ),
        (good.replace("ecdsa%2Dsha256", "rsa%2Dsha256"), Refusal::SignatureKey),
        (good.replace("ecdsa%2Dsha256", "hmac%2Dsha256"), Refusal::SignatureAlgorithm),
        (good.replace("ecdsa%2Dsha256", "ecdsa%2Dsha1"), Refusal::SignatureSha1),
        (good.replace("SigAlg=http", "SigAlg=%zz"), Refusal::ParameterMalformed),
        (sign_query("SAMLRequest", &request(), None, &STRANGER, false), Refusal::SignatureInvalid),
        (
            good.split("Signature=").next().unwrap().to_owned() + "Signature=",
            Refusal::SignatureInvalid,
        ),
        (
            good.split("Signature=").next().unwrap().to_owned() + "Signature=%21",
            Refusal::SignatureShape,
        ),
    ] {
        assert_ne!(query, good);
        assert_eq!(by_query(&query), Err(refusal), "{query}");
    }
    let other = signed_query(&request().replace(GENUINE, VICTIM));
    let signature = good.split("&Signature=").nth(1).unwrap();
    let moved = format!("{}&Signature={signature}", other.split("&Signature").next().unwrap());
    assert_eq!(by_query(&moved), Err(Refusal::SignatureInvalid));

    // In the XML: changed, by a stranger, wrapped, beside a detached one.
    let signed = Signer::new(&EC).envelop(&request());
    let changed = signed.replace(GENUINE, VICTIM);
    assert_eq!(by_form("SAMLRequest", &changed), Err(Refusal::DigestMismatch));
    let stranger = Signer::new(&STRANGER).envelop(&request());
    assert_eq!(by_form("SAMLRequest", &stranger), Err(Refusal::SignatureInvalid));
    let evil = request_with(
        &ATTRIBUTES.replace("_logout1", "_evil"),
        &format!("<samlp:Extensions>{signed}</samlp:Extensions>{}", name_id()),
    );
    assert_eq!(by_form("SAMLRequest", &evil), Err(Refusal::SignatureMisplaced));
    assert_eq!(by_query(&signed_query(&signed)), Err(Refusal::SignatureMisplaced));
}

#[test]
fn a_request_is_for_us_and_for_now() {
    let change = |from: &str, to: &str| {
        let xml = request().replace(from, to);
        assert_ne!(xml, request());
        let found = by_query(&signed_query(&xml)).unwrap_err();
        let signed = Signer::new(&EC).envelop(&xml);
        assert_eq!(by_form("SAMLRequest", &signed), Err(found));
        found
    };
    assert_eq!(change("acme/saml/slo", "globex/saml/slo"), Refusal::Destination);
    assert_eq!(change(&format!("Destination=\"{SLO}\" "), ""), Refusal::Destination);
    assert_eq!(change(IDP, "https://evil.example"), Refusal::Issuer);
    assert_eq!(change("11:59:59Z", "11:50:00Z"), Refusal::IssueInstant);
    assert_eq!(change("11:59:59Z", "12:50:00Z"), Refusal::IssueInstant);
    assert_eq!(change("12:05:00Z", "11:59:00Z"), Refusal::NotOnOrAfter);
    assert_eq!(change("Version=\"2.0\"", "Version=\"1.1\""), Refusal::Version);
    assert_eq!(change(&name_id(), ""), Refusal::NameId);
    assert_eq!(change(GENUINE, " "), Refusal::NameId);
    assert_eq!(
        change("<samlp:SessionIndex>", "<samlp:x></samlp:x><samlp:SessionIndex>"),
        Refusal::UnexpectedContent
    );
    let encrypted = format!("<saml:EncryptedID xmlns:saml=\"{SAML}\"></saml:EncryptedID>");
    assert_eq!(change(&name_id(), &encrypted), Refusal::EncryptedNameId);
    let issuer = format!("<saml:Issuer xmlns:saml=\"{SAML}\">{IDP}</saml:Issuer>");
    let nobody = request().replace(&issuer, "");
    assert_eq!(by_query(&signed_query(&nobody)), Err(Refusal::Issuer));
    // A message of another kind under the parameter's name.
    let answer = signed_query(&response(&["Success"]));
    assert_eq!(by_query(&answer), Err(Refusal::WrongRoot));
    let as_answer = sign_query("SAMLResponse", &request(), None, &EC, false);
    assert_eq!(by_query(&as_answer), Err(Refusal::WrongRoot));
}

#[test]
fn a_request_is_good_once() {
    let service_provider = sp();
    let query = signed_query(&request());
    let send = || service_provider.receive_logout(UnverifiedLogout::Redirect(&query), None, now());
    assert!(send().is_ok());
    assert_eq!(send(), Err(Refusal::Replayed));
}

#[test]
fn a_response_is_good_once() {
    let service_provider = sp();
    let query = sign_query("SAMLResponse", &response(&["Success"]), None, &EC, false);
    let form = form("SAMLResponse", &Signer::new(&EC).envelop(&response(&["Success"])));
    let send = |message| service_provider.receive_logout(message, Some(PENDING), now()).map(drop);
    assert_eq!(send(UnverifiedLogout::Redirect(&query)), Ok(()));
    assert_eq!(send(UnverifiedLogout::Redirect(&query)), Err(Refusal::Replayed));
    // Its id is what counts, by whichever binding it comes.
    assert_eq!(send(UnverifiedLogout::Post(&form)), Err(Refusal::Replayed));
}

#[test]
fn a_deflated_message_is_bounded_and_whole() {
    let bomb = deflate(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let sign = |message: &str| {
        let query = format!(
            "SAMLRequest={}&SigAlg={}",
            escape(message, false),
            escape(EC.algorithm(), false)
        );
        let signature = STANDARD.encode(EC.sign(EC.algorithm(), query.as_bytes()));
        format!("{query}&Signature={}", escape(&signature, false))
    };
    let good = deflate(request().as_bytes());
    let raw = STANDARD.decode(&good).unwrap();
    let cut = STANDARD.encode(&raw[..raw.len() - 5]);
    let longer = STANDARD.encode([raw.clone(), b"trailing".to_vec()].concat());
    for message in [bomb, cut, longer, STANDARD.encode("not deflate"), String::new()] {
        assert_eq!(by_query(&sign(&message)), Err(Refusal::NotDeflate));
    }
    assert_eq!(by_query(&sign("%%%")), Err(Refusal::NotBase64));
    request_of(by_query(&sign(&good)));
}

#[test]
fn a_response_answers_the_pending_request() {
    for (codes, outcome) in [
        (vec!["Success"], LogoutOutcome::Complete),
        (vec!["Success", "PartialLogout"], LogoutOutcome::Partial),
        (vec!["Responder", "PartialLogout"], LogoutOutcome::Partial),
        (vec!["Responder"], LogoutOutcome::Failed),
    ] {
        let query = sign_query("SAMLResponse", &response(&codes), None, &EC, false);
        assert_eq!(outcome_of(by_query(&query)), outcome);
        let signed = Signer::new(&EC).envelop(&response(&codes));
        assert_eq!(outcome_of(by_form("SAMLResponse", &signed)), outcome);
    }
    let query = sign_query("SAMLResponse", &response(&["Success"]), None, &EC, false);
    let send = |expected: Option<&str>| {
        sp().receive_logout(UnverifiedLogout::Redirect(&query), expected, now()).map(drop)
    };
    assert_eq!(send(None), Err(Refusal::Unsolicited));
    assert_eq!(send(Some("_other")), Err(Refusal::InResponseTo));
    assert_eq!(send(Some(PENDING)), Ok(()));
}

#[test]
fn a_response_without_a_signature_is_refused_unless_opted_into() {
    let lax = service_provider(|settings| {
        with_logout(settings);
        settings.insecure_unsigned_logout_responses = true;
    });
    let message =
        format!("SAMLResponse={}", escape(&deflate(response(&["Success"]).as_bytes()), false));
    assert_eq!(by_query(&message), Err(Refusal::SignatureMissing));
    assert_eq!(by_form("SAMLResponse", &response(&["Success"])), Err(Refusal::SignatureMissing));
    let receive = |message: &str, expected| {
        lax.receive_logout(UnverifiedLogout::Redirect(message), expected, now())
    };
    assert_eq!(outcome_of(receive(&message, Some(PENDING))), LogoutOutcome::Complete);
    assert_eq!(receive(&message, None), Err(Refusal::Unsolicited));
    // A signature that is there must be good all the same.
    let forged = sign_query("SAMLResponse", &response(&["Success"]), None, &STRANGER, false);
    assert_eq!(receive(&forged, Some(PENDING)), Err(Refusal::SignatureInvalid));
    let half = format!("{message}&Signature=AAAA");
    assert_eq!(receive(&half, Some(PENDING)), Err(Refusal::SignatureMissing));
}

#[test]
fn what_we_send_is_what_an_identity_provider_can_read() {
    let service_provider = sp();
    let subject = NameId {
        value: "<kim>&\"acme\"".to_owned(),
        format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
        name_qualifier: Some(IDP.to_owned()),
        sp_name_qualifier: None,
    };
    let begin = service_provider
        .begin_logout(&subject, Some("_session<1>"), Some("handle"), now())
        .unwrap();
    let url = url_of(begin.delivery);
    verify_redirect(&url, &["SAMLRequest", "RelayState", "SigAlg"], &RSA);
    let mut xml = String::new();
    let deflated = STANDARD.decode(parameter(&url, "SAMLRequest").unwrap()).unwrap();
    std::io::Read::read_to_string(
        &mut flate2::read::DeflateDecoder::new(deflated.as_slice()),
        &mut xml,
    )
    .unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name((SAMLP, "LogoutRequest")));
    assert_eq!(root.attribute("ID"), Some(begin.request_id.as_str()));
    assert_eq!(root.attribute("Destination"), Some(IDP_SLO));
    let children: Vec<_> = root.children().collect();
    let names: Vec<_> = children.iter().map(|c| c.tag_name().name()).collect();
    assert_eq!(names, ["Issuer", "NameID", "SessionIndex"]);
    assert_eq!(children[1].text(), Some("<kim>&\"acme\""));
    assert_eq!(children[1].attribute("Format"), subject.format.as_deref());
    assert_eq!(children[1].attribute("NameQualifier"), Some(IDP));
    assert_eq!(children[2].text(), Some("_session<1>"));
    assert!(service_provider.begin_logout(&subject, None, Some(&"x".repeat(81)), now()).is_err());
}

/// Two of ours, each the other's identity provider: what one writes the other accepts.
#[test]
fn both_sides_understand_each_other() {
    let theirs = "https://other.example/slo";
    for binding in [Binding::Redirect, Binding::Post] {
        let ours = service_provider(|settings| {
            with_logout(settings);
            settings.signing_keys = vec![signing_key(&EC)];
            settings.identity_provider.single_logout[0].binding = binding;
            settings.identity_provider.single_logout[0].location = theirs.to_owned();
        });
        let other = service_provider(|settings| {
            with_logout(settings);
            settings.signing_keys = vec![signing_key(&EC)];
            settings.entity_id = IDP.to_owned();
            settings.slo_url = theirs.to_owned();
            settings.identity_provider.entity_id = super::provider::SP.to_owned();
            settings.identity_provider.single_logout[0].binding = binding;
            settings.identity_provider.single_logout[0].location = "https://x.example/".to_owned();
            settings.identity_provider.single_logout[0].response_location = Some(SLO.to_owned());
        });
        let subject = NameId {
            value: GENUINE.to_owned(),
            format: None,
            name_qualifier: None,
            sp_name_qualifier: None,
        };
        let begin = ours.begin_logout(&subject, Some("_session1"), Some("handle"), now()).unwrap();
        let request = request_of(receive(&other, begin.delivery, theirs, None));
        assert_eq!(request.id, begin.request_id);
        assert_eq!(request.subject, subject);
        assert_eq!(request.session_indexes, ["_session1"]);
        for outcome in [LogoutOutcome::Complete, LogoutOutcome::Partial, LogoutOutcome::Failed] {
            let answer = other.answer_logout(&request, outcome, now()).unwrap();
            let found = receive(&ours, answer, SLO, Some(&begin.request_id));
            let Ok(VerifiedLogout::Response(response)) = found else { panic!("{found:?}") };
            assert_eq!(response.outcome, outcome);
            assert_eq!(response.relay_state.as_deref(), Some("handle"));
        }
    }
}

fn receive(
    to: &ServiceProvider,
    delivery: Delivery,
    location: &str,
    expected: Option<&str>,
) -> Result<VerifiedLogout, Refusal> {
    match delivery {
        Delivery::Redirect { url } => {
            let (address, query) = url.split_once('?').unwrap();
            assert_eq!(address, location);
            to.receive_logout(UnverifiedLogout::Redirect(query), expected, now())
        }
        Delivery::Post { action, fields } => {
            assert_eq!(action, location);
            let body =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let form = UnverifiedForm::parse(body.as_bytes()).unwrap();
            to.receive_logout(UnverifiedLogout::Post(&form), expected, now())
        }
    }
}

#[test]
fn logout_needs_an_address_and_a_key() {
    let subject = NameId {
        value: GENUINE.to_owned(),
        format: None,
        name_qualifier: None,
        sp_name_qualifier: None,
    };
    let nowhere = service_provider(|settings| settings.signing_keys = vec![signing_key(&EC)]);
    assert!(!nowhere.knows_logout());
    assert_eq!(nowhere.begin_logout(&subject, None, None, now()), Err(SendError::NoLogout));
    let unsigned = service_provider(|settings| {
        with_logout(settings);
        settings.signing_keys.clear();
    });
    assert!(!unsigned.knows_logout());
    assert_eq!(unsigned.begin_logout(&subject, None, None, now()), Err(SendError::NoSigningKey));
    assert!(sp().knows_logout());
}

#[test]
fn a_form_with_two_readings_is_refused() {
    let parse = |body: &str| UnverifiedForm::parse(body.as_bytes());
    let form = parse("SAMLResponse=abc%2B%3D&RelayState=x+y&other=1&other=2").unwrap();
    assert_eq!(form.response(), Ok("abc+="));
    assert_eq!(form.relay_state.as_deref(), Some("x y"));
    for body in [
        "SAMLResponse=a&SAMLResponse=b",
        "SAMLResponse=a&%53AMLResponse=b",
        "RelayState=&RelayState=",
    ] {
        assert_eq!(parse(body), Err(Refusal::ParameterDoubled));
    }
    let both = parse("SAMLResponse=a&SAMLRequest=b").unwrap();
    assert_eq!(both.response(), Err(Refusal::ParameterDoubled));
    assert_eq!(parse("").unwrap().response(), Err(Refusal::ParameterMissing));
    assert_eq!(parse("SAMLRequest=a").unwrap().response(), Err(Refusal::ParameterMissing));
    assert_eq!(parse(&"x".repeat(600_000)), Err(Refusal::TooLarge));
    assert_eq!(parse(&format!("RelayState={}", "x".repeat(1025))), Err(Refusal::TooLarge));
}

#[test]
fn expired_metadata_signs_nobody_out() {
    let expired = service_provider(|settings| {
        with_logout(settings);
        settings.identity_provider.valid_until = Some(now());
    });
    let query = signed_query(&request());
    let form = form("SAMLRequest", &Signer::new(&EC).envelop(&request()));
    for message in [UnverifiedLogout::Redirect(&query), UnverifiedLogout::Post(&form)] {
        let found = expired.receive_logout(message, None, now());
        assert_eq!(found.err(), Some(Refusal::MetadataExpired));
    }
}

#[test]
fn a_relay_state_that_comes_by_redirect_has_an_end_too() {
    let sent = |length: usize| {
        let relay_state = "x".repeat(length);
        by_query(&sign_query("SAMLRequest", &request(), Some(&relay_state), &EC, false))
    };
    request_of(sent(1_024));
    assert_eq!(sent(1_025).err(), Some(Refusal::TooLarge));
}
