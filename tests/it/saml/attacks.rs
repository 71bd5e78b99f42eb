//! Forgeries, freshly signed: none of them may be taken for anybody but the person whom the
//! identity provider vouched for.

use hubgate::saml::{Refusal, SignaturePolicy};

use super::provider::{
    ACS, DS, EC, EC384, ENVELOPED, EXC_C14N, GENUINE, RSA, SAML, SAMLP, STRANGER, Says, Signer,
    VICTIM, encode, id_of, identity_provider, insert_signature, now, post, refused, refused_by,
    service_provider, transform,
};

/// What the attacker holds: documents that were signed for the attacker's own account.
fn says() -> Says {
    Says::default()
}

fn forged_assertion(id: &str) -> String {
    let says = Says { id: id.to_owned(), ..says() };
    says.assertion().replace(GENUINE, VICTIM)
}

/// Whatever is done with it, the document never makes the attacker the victim, under any policy
/// and with every option that lowers a guard.
#[track_caller]
fn never_the_victim(xml: &str) {
    use SignaturePolicy::{Assertion, Both, Either, Response};
    for signatures in [Assertion, Response, Both, Either] {
        for insecure in [false, true] {
            let found = post(xml, |settings| {
                settings.signatures = signatures;
                settings.insecure_sha1 = insecure;
                settings.insecure_aes_cbc = insecure;
                settings.allow_unsolicited = insecure;
            });
            if let Ok(verified) = found {
                let text = format!("{verified:?}");
                assert!(!text.contains("admin"), "{text} from {xml}");
                assert_eq!(verified.subject.value, GENUINE);
            }
        }
    }
}

#[track_caller]
fn check(xml: &str, refusal: Refusal) {
    never_the_victim(xml);
    refused(xml, refusal);
}

/// A signed assertion, and the signature taken out of it.
fn signed() -> (String, String) {
    let assertion = says().assertion();
    let signature = Signer::new(&EC).signature(&id_of(&assertion), &assertion);
    (assertion, signature)
}

#[test]
fn nothing_is_accepted_without_a_signature() {
    let says = says();
    check(&says.response(&says.assertion()), Refusal::SignatureMissing);
    check(&says.response(&forged_assertion("_a")), Refusal::SignatureMissing);
    let empty = format!("<ds:Signature xmlns:ds=\"{DS}\"></ds:Signature>");
    check(&says.response(&insert_signature(&says.assertion(), &empty)), Refusal::SignatureShape);
}

#[test]
fn what_was_changed_after_signing_is_refused() {
    for xml in [says().assertion_signed(), says().response_signed(), says().both_signed()] {
        check(&xml.replace(GENUINE, VICTIM), Refusal::DigestMismatch);
        check(&xml.replace("everyone", "hub-admins"), Refusal::DigestMismatch);
        check(&xml.replace("ml</saml", "ml </saml"), Refusal::DigestMismatch);
    }
}

#[test]
fn the_eight_wrappings_are_refused() {
    let (assertion, signature) = signed();
    let signed = insert_signature(&assertion, &signature);
    let response = says().response_signed();
    let (_, rest) = response.split_once("<ds:Signature").unwrap();
    let (inner, _) = rest.split_once("</ds:Signature>").unwrap();
    let response_signature = format!("<ds:Signature{inner}</ds:Signature>");
    let original = response.replace(&response_signature, "");
    let evil = original
        .replace(GENUINE, VICTIM)
        .replace("_response1", "_evil")
        .replace("_assertion1", "_evil1");
    let into = |signature: &str, content: &str| {
        signature.replacen("</ds:Signature>", &format!("{content}</ds:Signature>"), 1)
    };
    let object = |content: &str| format!("<ds:Object>{content}</ds:Object>");

    // 1: the signed response inside the signature of a forged one.
    let wrapped = into(&response_signature, &object(&original));
    check(&insert_signature(&evil, &wrapped), Refusal::AssertionDoubled);
    // 2: the same with the signature beside it.
    let beside = format!("{response_signature}{original}");
    check(&insert_signature(&evil, &beside), Refusal::AssertionDoubled);
    // 3: a forged assertion in front of the signed one.
    check(
        &says().response(&format!("{}{signed}", forged_assertion("_evil"))),
        Refusal::AssertionDoubled,
    );
    check(
        &says().response(&format!("{signed}{}", forged_assertion("_evil"))),
        Refusal::AssertionDoubled,
    );
    // 4: the signed assertion inside the forged one.
    let around = forged_assertion("_evil")
        .replace("</saml:Assertion>", &format!("{signed}</saml:Assertion>"));
    check(&says().response(&around), Refusal::AssertionDoubled);
    // 5: the signature in the forged assertion, the signed one behind it.
    let moved = insert_signature(&forged_assertion("_evil"), &signature);
    check(&says().response(&format!("{moved}{assertion}")), Refusal::AssertionDoubled);
    // 6: the signed assertion inside the signature inside the forged one.
    let within = insert_signature(&forged_assertion("_evil"), &into(&signature, &assertion));
    check(&says().response(&within), Refusal::AssertionDoubled);
    // 7: the signed assertion in Extensions.
    let extensions = format!("<samlp:Extensions>{signed}</samlp:Extensions><samlp:Status>");
    let xml = says().response(&forged_assertion("_evil")).replace("<samlp:Status>", &extensions);
    check(&xml, Refusal::AssertionDoubled);
    // 8: the signed assertion in an Object of the signature of the forged one.
    let within =
        insert_signature(&forged_assertion("_evil"), &into(&signature, &object(&assertion)));
    check(&says().response(&within), Refusal::AssertionDoubled);
}

#[test]
fn a_signed_assertion_hidden_anywhere_vouches_for_nothing() {
    let (assertion, signature) = signed();
    let signed = insert_signature(&assertion, &signature);
    let evil = forged_assertion("_evil");
    let hide = |from: &str, to: &str| {
        let (before, after) = to.split_once("HERE").unwrap();
        let hidden = format!("{before}{signed}{after}");
        let xml = says().response(&evil).replacen(from, &hidden, 1);
        assert!(xml.contains(&signed), "{from}");
        check(&xml, Refusal::AssertionDoubled);
    };
    hide("<saml:Conditions", "<saml:Advice>HERE</saml:Advice><saml:Conditions");
    hide("<saml:AuthnStatement", "<saml:Advice>HERE</saml:Advice><saml:AuthnStatement");
    hide("<saml:AttributeValue>ml", "<saml:AttributeValue>HERE");
    hide("</samlp:StatusCode>", "</samlp:StatusCode><samlp:StatusDetail>HERE</samlp:StatusDetail>");
    hide("<samlp:StatusCode", "<x:y xmlns:x=\"urn:x\">HERE</x:y><samlp:StatusCode");
    hide("</saml:SubjectConfirmationData>", "HERE</saml:SubjectConfirmationData>");
    hide("<saml:NameID>", "<saml:NameID>HERE");
    hide("</samlp:Response>", "HERE</samlp:Response>");
    hide("<samlp:Status>", "<samlp:Extensions>HERE</samlp:Extensions><samlp:Status>");
    hide("<saml:Audience>", "<saml:Audience>HERE");
    hide(
        "</saml:AuthnContextClassRef>",
        "</saml:AuthnContextClassRef><saml:AuthnContextDecl>HERE</saml:AuthnContextDecl>",
    );
    // As an EncryptedAssertion that holds a plain one.
    let xml = says().response(&format!(
        "{evil}<saml:EncryptedAssertion xmlns:saml=\"{SAML}\">{signed}</saml:EncryptedAssertion>"
    ));
    check(&xml, Refusal::AssertionDoubled);
    let xml = says().response(&format!(
        "<saml:EncryptedAssertion xmlns:saml=\"{SAML}\">{signed}</saml:EncryptedAssertion>"
    ));
    check(&xml, Refusal::AssertionDoubled);
}

#[test]
fn a_signature_covers_the_element_that_holds_it_and_nothing_else() {
    let (assertion, signature) = signed();
    // Moved into another assertion, whose id is the signed one's or not.
    let other = forged_assertion("_evil");
    check(&says().response(&insert_signature(&other, &signature)), Refusal::SignatureReference);
    let same = forged_assertion("_assertion1");
    check(&says().response(&insert_signature(&same, &signature)), Refusal::DigestMismatch);
    // Moved up into the response.
    let moved = insert_signature(&says().response(&assertion), &signature);
    check(&moved, Refusal::SignatureReference);
    let renamed = moved.replacen("_response1", "_assertion1", 1);
    check(&renamed, Refusal::IdDoubled);

    // References to everything, to nothing, to something else; all properly signed.
    for reference in [
        "",
        "#",
        "#_response1",
        "_assertion1",
        "#xpointer(/)",
        "#xpointer(id('_assertion1'))",
        "http://evil.example/",
        "file:///etc/hostname",
        "cid:x",
        "#_Assertion1",
        "#_assertion1 ",
    ] {
        let signer = Signer { reference: Some(reference.to_owned()), ..Signer::new(&EC) };
        check(&says().response(&signer.envelop(&assertion)), Refusal::SignatureReference);
    }
    // No URI at all.
    let signer = Signer { reference: Some("GONE".to_owned()), ..Signer::new(&EC) };
    let xml = says().response(&signer.envelop(&assertion)).replace(" URI=\"GONE\"", "");
    check(&xml, Refusal::SignatureReference);
}

#[test]
fn a_signature_stands_behind_the_issuer_and_nowhere_else() {
    let (assertion, signature) = signed();
    let place = |from: &str, to: &str| {
        let xml = says().response(&assertion.replacen(from, &to.replace("HERE", &signature), 1));
        assert!(xml.contains(&signature));
        never_the_victim(&xml);
        refused(&xml, Refusal::SignatureMisplaced);
    };
    place("<saml:Issuer>", "HERE<saml:Issuer>");
    place("<saml:Subject>", "<saml:Subject>HERE");
    place("</saml:Subject>", "</saml:Subject>HERE");
    place("</saml:Assertion>", "HERE</saml:Assertion>");
    place("<saml:Conditions", "<saml:Advice>HERE</saml:Advice><saml:Conditions");
    place("<saml:AttributeValue>ml", "<saml:AttributeValue>HERE");
    // In the response but not as its own.
    for place in ["</samlp:Status>", "</samlp:StatusCode>"] {
        let xml = says().assertion_signed().replacen(place, &format!("{place}{signature}"), 1);
        never_the_victim(&xml);
        assert!(post(&xml, |_| ()).is_err());
    }
    let first = says().response(&assertion).replacen(
        "<saml:Issuer",
        &format!("{signature}<saml:Issuer"),
        1,
    );
    check(&first, Refusal::SignatureMisplaced);
    // Two of them.
    let doubled = insert_signature(&insert_signature(&assertion, &signature), &signature);
    check(&says().response(&doubled), Refusal::SignatureMisplaced);
    let xml =
        insert_signature(&says().response(&insert_signature(&assertion, &signature)), &signature);
    check(&xml, Refusal::SignatureReference);
}

#[test]
fn keys_come_from_the_configuration_alone() {
    let forged = forged_assertion("_assertion1");
    let stranger = &*STRANGER;
    check(&says().response(&Signer::new(stranger).envelop(&forged)), Refusal::SignatureInvalid);
    let base64 = stranger.certificates()[0].to_base64();
    for key_info in [
        format!("<ds:X509Data><ds:X509Certificate>{base64}</ds:X509Certificate></ds:X509Data>"),
        "<ds:KeyName>idp</ds:KeyName>".to_owned(),
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>".to_owned(),
        "<ds:RetrievalMethod URI=\"http://evil.example/key\"></ds:RetrievalMethod>".to_owned(),
    ] {
        let key_info = format!("<ds:KeyInfo>{key_info}</ds:KeyInfo>");
        let signer = Signer { key_info: key_info.clone(), ..Signer::new(stranger) };
        check(&says().response(&signer.envelop(&forged)), Refusal::SignatureInvalid);
        // A good signature stays good whatever it says about its key.
        let signer = Signer { key_info, ..Signer::new(&EC) };
        assert!(post(&says().response(&signer.envelop(&says().assertion())), |_| ()).is_ok());
    }
    // A key of another kind than any that is configured.
    let xml = says().response(&Signer::new(&RSA).envelop(&forged));
    check(&xml, Refusal::SignatureKey);
    let xml = says().response(&Signer::new(&EC384).envelop(&forged));
    check(&xml, Refusal::SignatureKey);
    // The right key for one organization is a stranger's for another.
    refused_by(&says().assertion_signed(), Refusal::SignatureInvalid, |settings| {
        settings.identity_provider = identity_provider(&[&STRANGER]);
    });
}

#[test]
fn algorithms_beyond_the_accepted_ones_are_refused() {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let ds = "http://www.w3.org/2000/09/xmldsig#";
    let sign = |signer: Signer<'_>| says().response(&signer.envelop(&says().assertion()));
    for (algorithm, refusal) in [
        (format!("{ds}hmac-sha1"), Refusal::SignatureAlgorithm),
        (format!("{more}hmac-sha256"), Refusal::SignatureAlgorithm),
        (format!("{more}rsa-md5"), Refusal::SignatureAlgorithm),
        (format!("{ds}rsa-sha1"), Refusal::SignatureSha1),
        (format!("{ds}dsa-sha1"), Refusal::SignatureSha1),
        (format!("{more}ecdsa-sha1"), Refusal::SignatureSha1),
        (
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1".to_owned(),
            Refusal::SignatureAlgorithm,
        ),
        (String::new(), Refusal::SignatureAlgorithm),
        ("none".to_owned(), Refusal::SignatureAlgorithm),
        (format!("{more}RSA-SHA256"), Refusal::SignatureAlgorithm),
        // Accepted, but not for this key.
        (format!("{more}rsa-sha256"), Refusal::SignatureKey),
        (format!("{more}ecdsa-sha384"), Refusal::SignatureKey),
    ] {
        let signer = Signer { algorithm, ..Signer::new(&EC) };
        check(&sign(signer), refusal);
    }
    for digest in [format!("{more}md5"), String::new(), format!("{more}sha224"), "none".to_owned()]
    {
        check(&sign(Signer { digest, ..Signer::new(&EC) }), Refusal::SignatureAlgorithm);
    }
    let digest = format!("{ds}sha1");
    refused(&sign(Signer { digest, ..Signer::new(&EC) }), Refusal::SignatureSha1);
    // The HMAC of the public certificate as a key, and a truncated one.
    let length = says().assertion_signed().replace(
        "ecdsa-sha256\"></ds:SignatureMethod>",
        "ecdsa-sha256\"><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>",
    );
    check(&length, Refusal::SignatureAlgorithm);
}

#[test]
fn transforms_and_canonicalizations_beyond_the_accepted_ones_are_refused() {
    let sign = |transforms: &str| {
        let signer = Signer { transforms: transforms.to_owned(), ..Signer::new(&EC) };
        says().response(&signer.envelop(&says().assertion()))
    };
    let (enveloped, exclusive) = (transform(ENVELOPED), transform(EXC_C14N));
    let xslt = transform("http://www.w3.org/TR/1999/REC-xslt-19991116");
    let xpath = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>not(ancestor-or-self::*)</ds:XPath></ds:Transform>";
    let inclusive = transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315");
    let comments = transform(&format!("{EXC_C14N}WithComments"));
    let base64 = transform("http://www.w3.org/2000/09/xmldsig#base64");
    for transforms in [
        String::new(),
        enveloped.clone(),
        exclusive.clone(),
        format!("{exclusive}{enveloped}"),
        format!("{enveloped}{enveloped}"),
        format!("{exclusive}{exclusive}"),
        format!("{enveloped}{exclusive}{exclusive}"),
        format!("{enveloped}{exclusive}{xslt}"),
        format!("{enveloped}{xslt}"),
        format!("{xslt}{exclusive}"),
        format!("{enveloped}{xpath}"),
        format!("{xpath}{exclusive}"),
        format!("{enveloped}{inclusive}"),
        format!("{enveloped}{comments}"),
        format!("{base64}{exclusive}"),
    ] {
        check(&sign(&transforms), Refusal::SignatureAlgorithm);
    }
    // Something inside an accepted transform.
    let odd = exclusive.replace("></ds:T", "><ds:XPath>*</ds:XPath></ds:T");
    check(&sign(&format!("{enveloped}{odd}")), Refusal::SignatureShape);
    let odd = enveloped.replace("></ds:T", "><ds:XPath>*</ds:XPath></ds:T");
    check(&sign(&format!("{odd}{exclusive}")), Refusal::SignatureAlgorithm);

    for canonicalization in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "",
        EXC_C14N.trim_end_matches('#'),
    ] {
        let canonicalization = format!(
            "<ds:CanonicalizationMethod Algorithm=\"{canonicalization}\"></ds:CanonicalizationMethod>"
        );
        let signer = Signer { canonicalization, ..Signer::new(&EC) };
        check(&says().response(&signer.envelop(&says().assertion())), Refusal::SignatureAlgorithm);
    }
}

#[test]
fn one_signed_info_with_one_reference() {
    let assertion = says().assertion();
    let good = Signer::new(&EC).signature("_assertion1", &assertion);
    let reference = {
        let (_, rest) = good.split_once("<ds:Reference").unwrap();
        format!("<ds:Reference{}</ds:Reference>", rest.split_once("</ds:Reference>").unwrap().0)
    };
    let inner = {
        let (_, rest) = good.split_once("<ds:SignedInfo>").unwrap();
        rest.split_once("</ds:SignedInfo>").unwrap().0.to_owned()
    };
    let signer = Signer::new(&EC);
    let send = |signature: &str| says().response(&insert_signature(&assertion, signature));
    // Two references, in either order, and none.
    let evil = reference.replace("#_assertion1", "#_evil");
    for references in [
        format!("{reference}{reference}"),
        format!("{evil}{reference}"),
        format!("{reference}{evil}"),
        String::new(),
    ] {
        check(
            &send(&signer.signature_over(&inner.replace(&reference, &references))),
            Refusal::SignatureShape,
        );
    }
    // Two SignedInfos, of which one is signed.
    let info = format!("<ds:SignedInfo>{inner}</ds:SignedInfo>");
    let other = info.replace("#_assertion1", "#_evil");
    for infos in [format!("{info}{other}"), format!("{other}{info}"), String::new()] {
        check(&send(&good.replace(&info, &infos)), Refusal::SignatureShape);
    }
    // Two values, a value in front, an Object or a Manifest behind.
    let (_, rest) = good.split_once("<ds:SignatureValue>").unwrap();
    let value =
        format!("<ds:SignatureValue>{}</ds:SignatureValue>", rest.split_once('<').unwrap().0);
    check(&send(&good.replace(&value, &format!("{value}{value}"))), Refusal::SignatureShape);
    check(&send(&good.replace(&value, "")), Refusal::SignatureShape);
    for odd in
        ["<ds:Object></ds:Object>", "<ds:Manifest></ds:Manifest>", "<x:y xmlns:x=\"urn:x\"></x:y>"]
    {
        check(
            &send(&good.replace("</ds:Signature>", &format!("{odd}</ds:Signature>"))),
            Refusal::SignatureShape,
        );
    }
    // An empty value, an empty digest, the digest of nothing.
    check(
        &send(&good.replace(&value, "<ds:SignatureValue></ds:SignatureValue>")),
        Refusal::SignatureInvalid,
    );
    check(
        &send(&good.replace(&value, "<ds:SignatureValue>!</ds:SignatureValue>")),
        Refusal::SignatureShape,
    );
    check(&send(&signer.signature_with_digest("_assertion1", "")), Refusal::DigestMismatch);
    let nothing = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    check(&send(&signer.signature_with_digest("_assertion1", nothing)), Refusal::DigestMismatch);
    // A digest that is as long as another algorithm's, or cut short.
    check(
        &send(&signer.signature_with_digest("_assertion1", "47DEQpj8HBSa+w==")),
        Refusal::DigestMismatch,
    );
    // A namespace other than XML signature's.
    let foreign = good.replace(&format!("xmlns:ds=\"{DS}\""), "xmlns:ds=\"urn:ds\"");
    check(&send(&foreign), Refusal::SignatureMissing);
    // Text and comments where only elements belong.
    check(&send(&good.replace("<ds:Transforms>", "<ds:Transforms>x")), Refusal::SignatureShape);
    check(
        &send(&good.replace("<ds:DigestValue>", "<ds:DigestValue><!-- -->")),
        Refusal::DocumentType,
    );
}

#[test]
fn ecdsa_signatures_of_zeros_or_another_length_are_refused() {
    use base64::Engine as _;
    let good = says().assertion_signed();
    let (_, rest) = good.split_once("<ds:SignatureValue>").unwrap();
    let value = rest.split_once('<').unwrap().0.to_owned();
    for bytes in [vec![0; 64], vec![0xff; 64], vec![1; 63], vec![1; 65], vec![0; 1], vec![0x30; 72]]
    {
        let forged = base64::engine::general_purpose::STANDARD.encode(bytes);
        check(&good.replace(&value, &forged), Refusal::SignatureInvalid);
    }
}

#[test]
fn ids_are_unique_names_in_no_namespace() {
    let assertion = says().assertion();
    let signed = says().assertion_signed();
    for (from, to) in [
        ("<samlp:Status>", "<samlp:Status ID=\"_assertion1\">"),
        ("<samlp:Status>", "<samlp:Status Id=\"_assertion1\">"),
        ("<samlp:Status>", "<samlp:Status id=\"_assertion1\">"),
        ("<samlp:Status>", "<samlp:Status iD=\"_response1\">"),
        ("<samlp:Status>", "<samlp:Status xml:id=\"_x\">"),
        ("<samlp:Status>", "<samlp:Status samlp:ID=\"_x\">"),
        ("<samlp:Status>", "<samlp:Status ID=\"\">"),
        ("<samlp:Status>", "<samlp:Status ID=\"a b\">"),
        ("<samlp:Status>", "<samlp:Status ID=\"1\">"),
        ("<samlp:Status>", "<samlp:Status ID=\"a:b\">"),
    ] {
        let xml = signed.replacen(from, to, 1);
        assert_ne!(xml, signed);
        check(&xml, Refusal::IdDoubled);
    }
    // The id in a namespace, beside a plain one or in its place.
    let both = assertion.replacen(" ID=", " ID=\"_evil\" saml:ID=", 1);
    check(&says().response(&Signer::new(&EC).envelop(&both)), Refusal::IdDoubled);
    let only = assertion.replacen(" ID=", " saml:ID=", 1);
    let signature = Signer::new(&EC).signature("_assertion1", &only);
    check(&says().response(&insert_signature(&only, &signature)), Refusal::IdDoubled);
    // An id of another spelling is not the one that is referred to.
    let other = assertion.replacen(" ID=", " Id=", 1);
    let signature = Signer::new(&EC).signature("_assertion1", &other);
    check(&says().response(&insert_signature(&other, &signature)), Refusal::SignatureReference);
}

#[test]
fn comments_instructions_cdata_and_entities_have_no_place() {
    for (text, refusal) in [
        (format!("{VICTIM}<!-- -->.evil.example"), Refusal::DocumentType),
        (format!("{VICTIM}<?x y?>.evil.example"), Refusal::DocumentType),
        (format!("<![CDATA[{VICTIM}]]>"), Refusal::DocumentType),
        (format!("{VICTIM}<![CDATA[]]>.evil.example"), Refusal::DocumentType),
        ("&victim;".to_owned(), Refusal::Malformed),
        (format!("{VICTIM}&nbsp;"), Refusal::Malformed),
        (format!("{VICTIM}&#0;"), Refusal::Malformed),
        (format!("{VICTIM}&#xD800;"), Refusal::Malformed),
        (format!("{VICTIM}&#x110000;"), Refusal::Malformed),
        (format!("{VICTIM}&#99999999999999999999;"), Refusal::Malformed),
        (format!("{VICTIM}&#+65;"), Refusal::Malformed),
        (format!("{VICTIM}&#x;"), Refusal::Malformed),
        (format!("{VICTIM}&;"), Refusal::Malformed),
        (format!("{VICTIM}&"), Refusal::Malformed),
        (format!("{VICTIM}]]>"), Refusal::Malformed),
        (format!("{VICTIM}\u{0}"), Refusal::Malformed),
        (format!("{VICTIM}\u{1f}"), Refusal::Malformed),
        (format!("{VICTIM}\u{fffe}"), Refusal::Malformed),
    ] {
        let name_id = format!("<saml:NameID>{text}</saml:NameID>");
        let says = Says { name_id, ..says() };
        for xml in [says.assertion_signed(), says.response_signed()] {
            refused(&xml, refusal);
        }
    }
    // Put into a genuine document, where canonicalization would leave it out.
    let genuine = says().both_signed();
    for (from, to) in [
        ("kim@acme", "kim<!-- -->@acme"),
        ("kim@acme", "kim<?x?>@acme"),
        ("kim@acme", "kim<![CDATA[@]]>acme"),
        ("<saml:Subject>", "<saml:Subject><!-- -->"),
        ("<samlp:Status>", "<!-- --><samlp:Status>"),
        ("ml</saml", "m<!-- -->l</saml"),
    ] {
        let xml = genuine.replacen(from, to, 1);
        assert_ne!(xml, genuine);
        check(&xml, Refusal::DocumentType);
    }
}

#[test]
fn a_document_type_of_any_kind_is_refused() {
    let genuine = says().both_signed();
    for doctype in [
        "<!DOCTYPE x>",
        "<!DOCTYPE samlp:Response SYSTEM \"http://evil.example/dtd\">",
        "<!DOCTYPE x PUBLIC \"-//x\" \"file:///etc/passwd\">",
        "<!DOCTYPE x [<!ENTITY a \"b\">]>",
        "<!DOCTYPE x [<!ENTITY % a SYSTEM \"http://evil.example/\"> %a;]>",
        "<!DOCTYPE x [<!ATTLIST saml:NameID Format CDATA \"x\">]>",
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>",
        "<!doctype x>",
        "<!ENTITY a \"b\">",
        "<![INCLUDE[]]>",
        "<?xml-stylesheet href=\"http://evil.example/\"?>",
        "<?xml version=\"1.0\"?>",
        "<!-- -->",
    ] {
        check(&format!("<?xml version=\"1.0\"?>{doctype}{genuine}"), Refusal::DocumentType);
        check(&format!("{genuine}{doctype}"), Refusal::DocumentType);
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let genuine = says().both_signed();
    let cut = |end: usize| genuine.get(..end).unwrap_or(&genuine).to_owned();
    for xml in [
        String::new(),
        " ".to_owned(),
        "x".to_owned(),
        cut(genuine.len() - 1),
        cut(genuine.len() / 2),
        format!("{genuine}x"),
        format!("x{genuine}"),
        format!("{genuine}{genuine}"),
        format!("{genuine}</samlp:Response>"),
        format!("<x>{genuine}"),
        genuine.replacen("</samlp:Status>", "</samlp:status>", 1),
        genuine.replacen("</samlp:Status>", "</Status>", 1),
        genuine.replacen("<samlp:Status>", "<nope:Status>", 1),
        genuine.replacen("Version=\"2.0\"", "Version=2.0", 1),
        genuine.replacen("Version=\"2.0\"", "Version=\"2.0\" Version=\"2.0\"", 1),
        genuine.replacen("Version=\"2.0\"", "Version=\"2.0\"x=\"\"", 1),
        genuine.replacen("Version=\"2.0\"", "Version=\"<\"", 1),
        genuine.replacen("Version=\"2.0\"", "Version", 1),
        genuine.replacen("Version=\"2.0\"", "nope:Version=\"2.0\"", 1),
        genuine.replacen("Version=\"2.0\"", ":Version=\"2.0\"", 1),
        genuine.replacen("Version=\"2.0\"", "a:b:Version=\"2.0\"", 1),
        genuine.replacen("<samlp:Response ", "<samlp:Response xmlns:a=\"\" ", 1),
        genuine.replacen("<samlp:Response ", "<samlp:Response xmlns:a=\"relative\" ", 1),
        genuine.replacen("<samlp:Response ", "<samlp:Response xmlns=\"../x\" ", 1),
        genuine.replacen("<samlp:Response ", "<samlp:Response xmlns:xml=\"urn:x\" ", 1),
        genuine.replacen("<samlp:Response ", "<samlp:Response xmlns:xmlns=\"urn:x\" ", 1),
        genuine.replacen("<samlp:Response ", "<samlp:Response xmlns=\"urn:a\" xmlns=\"urn:b\" ", 1),
        genuine.replacen(
            "<samlp:Response ",
            "<samlp:Response xmlns:a=\"urn:a\" xmlns:a=\"urn:a\" ",
            1,
        ),
        genuine.replacen(
            "<samlp:Response ",
            "<samlp:Response xmlns:a=\"urn:a\" xmlns:b=\"urn:a\" a:x=\"\" b:x=\"\" ",
            1,
        ),
        genuine.replacen("<samlp:Status>", "<samlp:Stat\u{fc}s>", 1),
        genuine.replacen("<samlp:Status>", "<samlp:Status/ >", 1),
        format!("<?xml version=\"1.1\"?>{genuine}"),
        format!("<?xml?>{genuine}"),
        format!("<?xml x:version=\"1.0\"?>{genuine}"),
        format!("<?xml\u{feff} version=\"1.0\"?>{genuine}"),
        format!("\u{feff}\u{feff}{genuine}"),
        format!("<?xml version=\"1.0\" standalone=\"maybe\"?>{genuine}"),
        format!("<?xml encoding=\"UTF-8\" version=\"1.0\"?>{genuine}"),
    ] {
        assert_ne!(xml, genuine);
        check(&xml, Refusal::Malformed);
    }
    for xml in [
        format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{genuine}"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{genuine}"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-7\"?>{genuine}"),
    ] {
        check(&xml, Refusal::NotUtf8);
    }
}

#[test]
fn other_encodings_are_refused() {
    use base64::Engine as _;
    let genuine = says().both_signed();
    let utf16: Vec<u8> = genuine.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut latin1 = genuine.clone().into_bytes();
    let place = genuine.find("kim@").unwrap();
    latin1[place] = 0xe9;
    let mut overlong = genuine.clone().into_bytes();
    overlong.splice(place..=place, [0xc1, 0xab]);
    for (bytes, refusal) in
        [(utf16, Refusal::Malformed), (latin1, Refusal::NotUtf8), (overlong, Refusal::NotUtf8)]
    {
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        let found =
            service_provider(|_| ()).finish(&encoded, Some(super::provider::REQUEST), now());
        assert_eq!(found, Err(refusal));
    }
}

#[test]
fn another_document_element_is_refused() {
    let (assertion, signature) = signed();
    let signed = insert_signature(&assertion, &signature);
    let response = says().both_signed();
    let soap = "http://schemas.xmlsoap.org/soap/envelope/";
    for xml in [
        signed.clone(),
        format!("<x>{response}</x>"),
        format!("<s:Envelope xmlns:s=\"{soap}\"><s:Body>{response}</s:Body></s:Envelope>"),
        response.replace(SAMLP, "urn:oasis:names:tc:SAML:1.0:protocol"),
        response.replace("samlp:Response", "samlp:LogoutResponse"),
        response.replace("samlp:Response", "samlp:ArtifactResponse"),
        response.replace("samlp:Response", "samlp:response"),
    ] {
        check(&xml, Refusal::WrongRoot);
    }
    let nested = format!(
        "<samlp:Response xmlns:samlp=\"{SAMLP}\" Destination=\"{ACS}\" ID=\"_outer\">{response}</samlp:Response>"
    );
    check(&nested, Refusal::AssertionDoubled);
}

#[test]
fn what_exceeds_the_limits_is_refused() {
    let genuine = says().both_signed();
    let within = |content: &str| {
        genuine.replacen(
            "<samlp:Status>",
            &format!("<samlp:Extensions>{content}</samlp:Extensions><samlp:Status>"),
            1,
        )
    };
    check(&within(&"<x>".repeat(70)), Refusal::TooDeep);
    let many: String = (0..65).map(|i| format!(" a{i}=\"\"")).collect();
    check(&within(&format!("<x{many}></x>")), Refusal::TooManyAttributes);
    let many: String = (0..65).map(|i| format!(" xmlns:a{i}=\"urn:x\"")).collect();
    check(&within(&format!("<x{many}></x>")), Refusal::TooManyAttributes);
    let (open, close): (String, String) = (
        (0..40).map(|i| format!("<x xmlns:a{i}=\"urn:x\" xmlns:b{i}=\"urn:y\">")).collect(),
        "</x>".repeat(40),
    );
    check(&within(&format!("{open}{close}")), Refusal::TooManyAttributes);
    check(&within(&"<x/>".repeat(9_000)), Refusal::TooManyNodes);
    let each = |piece: &str, count: usize| {
        (0..count).map(|i| piece.replace('#', &i.to_string())).collect::<String>()
    };
    check(&within(&each("<x xmlns:a#=\"urn:a\"/>", 4_097)), Refusal::TooManyAttributes);
    check(&within(&each("<x xmlns=\"urn:#\"/>", 257)), Refusal::TooManyNames);
    check(&within(&each("<x ID=\"_#\"/>", 257)), Refusal::TooManyNames);
    check(&within(&"x".repeat(260_000)), Refusal::TooLarge);
    // Up to there, they may stand in what is not signed.
    let plain = says().assertion_signed();
    for piece in ["<x xmlns:a#=\"urn:a\"/>", "<x xmlns=\"urn:#\"/>", "<x ID=\"_#\"/>"] {
        let extensions = format!("<samlp:Extensions>{}</samlp:Extensions>", each(piece, 200));
        let status = format!("{extensions}<samlp:Status>");
        super::provider::accepted(&plain.replacen("<samlp:Status>", &status, 1));
    }
    let service_provider = service_provider(|_| ());
    let huge = "A".repeat(10_000_000);
    let found = service_provider.finish(&huge, Some(super::provider::REQUEST), now());
    assert_eq!(found, Err(Refusal::TooLarge));
    let found = service_provider.finish("%%%", Some(super::provider::REQUEST), now());
    assert_eq!(found, Err(Refusal::NotBase64));
    // Big, but within them: a thousand groups.
    let groups: Vec<String> = (0..1000).map(|i| format!("cn=group-{i},ou=groups,o=acme")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let attributes = format!(
        "<saml:AttributeStatement>{}</saml:AttributeStatement>",
        super::provider::attribute("groups", &groups)
    );
    let verified = super::provider::accepted(&Says { attributes, ..says() }.both_signed());
    assert_eq!(verified.profile["groups"].as_array().unwrap().len(), 1000);
}

/// Some providers declare two prefixes for each value, some indent what they send.
#[test]
fn a_thousand_groups_may_be_written_at_length() {
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let values: String = (0..1_000)
        .map(|i| {
            format!(
                "\n <saml:AttributeValue {xsi} xsi:type=\"q{i}:string\">cn=group-{i}\
                 </saml:AttributeValue>"
            )
        })
        .collect();
    let attributes = format!(
        "<saml:AttributeStatement><saml:Attribute Name=\"groups\">{values}\n</saml:Attribute>\
         </saml:AttributeStatement>"
    );
    let signed = Says { attributes, ..says() }.both_signed();
    // Another prefix for each, which only a value uses: the canonical form is without it.
    let schema = "=\"http://www.w3.org/2001/XMLSchema\"";
    let at_length = (0..1_000).fold(signed, |xml, i| {
        let (plain, typed) =
            (format!("xsi:type=\"q{i}:"), format!("xmlns:q{i}{schema} xsi:type=\"q{i}:"));
        xml.replacen(&plain, &typed, 1)
    });
    assert!(at_length.len() > 150_000);
    let verified = super::provider::accepted(&at_length);
    assert_eq!(verified.profile["groups"].as_array().unwrap().len(), 1_000);
}

#[test]
fn elements_of_other_namespaces_are_not_taken_for_saml() {
    let foreign = |name_id: &str| Says { name_id: name_id.to_owned(), ..says() };
    let good = format!("<saml:NameID>{GENUINE}</saml:NameID>");
    let evil = format!("<x:NameID xmlns:x=\"urn:x\">{VICTIM}</x:NameID>");
    for name_id in [format!("{good}{evil}"), format!("{evil}{good}"), evil] {
        let says = foreign(&name_id);
        never_the_victim(&says.assertion_signed());
        assert!(post(&says.assertion_signed(), |_| ()).is_err());
    }
    // SAML 1.1, and no namespace at all.
    let old = says().assertion().replace(SAML, "urn:oasis:names:tc:SAML:1.0:assertion");
    check(&says().response(&old), Refusal::UnexpectedContent);
}

#[test]
fn two_genuine_assertions_are_one_too_many() {
    let sign =
        |id: &str| Signer::new(&EC).envelop(&Says { id: id.to_owned(), ..says() }.assertion());
    let two = says().response(&format!("{}{}", sign("_a"), sign("_b")));
    check(&two, Refusal::AssertionDoubled);
    check(&Signer::new(&EC).envelop(&two), Refusal::AssertionDoubled);
}

#[test]
fn a_response_for_somebody_else_is_refused_everywhere_else() {
    // Organization B's service provider at the same identity provider.
    let xml = says().both_signed();
    let elsewhere = |change: fn(&mut hubgate::saml::Settings)| post(&xml, change).unwrap_err();
    let b = "https://hub.example/-/sso/globex/saml/";
    assert_eq!(
        elsewhere(|settings| settings.acs_url = settings.acs_url.replace("acme", "globex")),
        Refusal::Destination,
    );
    assert_eq!(
        elsewhere(|settings| settings.entity_id = settings.entity_id.replace("acme", "globex")),
        Refusal::Audience,
    );
    assert_eq!(
        elsewhere(|settings| settings.identity_provider.entity_id.push('x')),
        Refusal::Issuer,
    );
    assert!(!xml.contains(b));
    // The response of one, the request of another.
    let found = service_provider(|_| ()).finish(&encode(&xml), Some("_request-of-b"), now());
    assert_eq!(found, Err(Refusal::InResponseTo));
}

/// Nobody has signed what stands behind the assertion, and nothing may.
#[test]
fn nothing_stands_behind_the_assertion() {
    for more in ["<x></x>", "<samlp:Status></samlp:Status>", "<saml:Advice xmlns:saml=\"urn:x\"/>"]
    {
        let end = format!("{more}</samlp:Response>");
        let xml = says().assertion_signed().replace("</samlp:Response>", &end);
        check(&xml, Refusal::UnexpectedContent);
        let inner = says().response(&says().assertion()).replace("</samlp:Response>", &end);
        check(&Signer::new(&EC).envelop(&inner), Refusal::UnexpectedContent);
    }
}
