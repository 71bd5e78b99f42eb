//! Every node of signed documents, changed: the change is refused, or the identity is the same
//! to the last attribute.

use std::ops::Range;

use hubgate::saml::VerifiedAssertion;
use roxmltree::Document;

use super::provider::{EC, Says, Signer, VICTIM, post};

pub(crate) fn documents() -> [String; 3] {
    let says = Says::default();
    [says.assertion_signed(), says.response_signed(), says.both_signed()]
}

/// Whether the document is accepted; panics if it is and says anything else than the genuine one.
#[track_caller]
fn same_or_refused(genuine: &VerifiedAssertion, mutated: &str) -> bool {
    match post(mutated, |_| ()) {
        Err(_) => false,
        Ok(found) => {
            assert_eq!(&found, genuine, "{mutated}");
            true
        }
    }
}

fn splice(xml: &str, range: &Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &xml[..range.start], &xml[range.end..])
}

/// Every single change of one element, attribute or text that is tried.
pub(crate) fn mutations(xml: &str) -> Vec<String> {
    let document = Document::parse(xml).unwrap();
    let mut mutated = Vec::new();
    let elements: Vec<_> = document.descendants().filter(|node| node.is_element()).collect();
    let victim = Says::default().assertion().replace(super::provider::GENUINE, VICTIM);
    for element in &elements {
        let range = element.range();
        let text = &xml[range.clone()];
        let mut replace = |with: &str| mutated.push(splice(xml, &range, with));
        replace("");
        replace(&format!("{text}{text}"));
        replace(&format!("<x>{text}</x>"));
        replace(&format!("{text}<x/>"));
        replace(&format!("x{text}"));
        replace(&format!(" {text}\n"));
        replace(&format!("<!-- -->{text}"));
        replace(&format!("<saml:NameID>{VICTIM}</saml:NameID>{text}"));
        replace(&format!("{text}<saml:NameID>{VICTIM}</saml:NameID>"));
        replace(&format!("{text}{victim}"));
        replace(&victim);
        // Another name, another namespace, emptied.
        let name = element.tag_name().name();
        replace(&text.replacen(name, &format!("{name}x"), 1));
        replace(&text.replacen(name, &format!("{name} xmlns:saml=\"urn:x\""), 1));
        replace(&text.replacen(name, &format!("{name} xmlns=\"urn:x\""), 1));
        replace(&text.replacen(name, &format!("{name} ID=\"_assertion1\""), 1));
        replace(&text.replacen(name, &format!("{name} x=\"\""), 1));
        if let Some(end) = text.find('>') {
            replace(&format!("{}/>", &text[..end]));
        }
        // Put somewhere else.
        for other in &elements {
            let target = other.range();
            if target.start >= range.end {
                let moved = splice(xml, &(target.start..target.start), text);
                mutated.push(splice(&moved, &range, ""));
            }
        }
        for attribute in element.attributes() {
            let (whole, value) = (attribute.range(), attribute.range_value());
            mutated.push(splice(xml, &whole, ""));
            for with in ["", "x", VICTIM, "_assertion1", "_response1", "_x", "2099-01-01T00:00:00Z"]
            {
                mutated.push(splice(xml, &value, with));
            }
            let text = &xml[value.clone()];
            mutated.push(splice(xml, &value, &format!("{text} ")));
            mutated.push(splice(xml, &value, &format!("{text}x")));
            let qname = attribute.range_qname();
            mutated.push(splice(xml, &qname, "x"));
            mutated.push(splice(xml, &qname, &format!("saml:{}", attribute.name())));
            mutated.push(splice(
                xml,
                &(whole.start..whole.start),
                &format!("saml:{} ", &xml[whole.clone()]),
            ));
        }
    }
    for node in document.descendants().filter(roxmltree::Node::is_text) {
        let text = &xml[node.range()];
        for with in [
            "",
            VICTIM,
            "hub-admins",
            &format!("{text} "),
            &format!("{text}x"),
            &format!("{VICTIM}<!-- -->{text}"),
            &format!("<![CDATA[{VICTIM}]]>"),
            &text.to_uppercase(),
            &text.replace('e', "\u{435}"),
            &text.replace('e', "&#101;"),
        ] {
            mutated.push(splice(xml, &node.range(), with));
        }
    }
    mutated
}

#[test]
fn a_change_of_any_node_is_refused_or_changes_nothing() {
    for xml in documents() {
        let genuine = post(&xml, |_| ()).unwrap();
        let mutations = mutations(&xml);
        let accepted = mutations.iter().filter(|xml| same_or_refused(&genuine, xml)).count();
        assert!(mutations.len() > 1_000, "{}", mutations.len());
        // References to characters and attributes that nobody signed.
        assert!(accepted * 5 < mutations.len(), "{accepted} of {}", mutations.len());
    }
}

#[test]
fn a_change_of_any_byte_is_refused_or_changes_nothing() {
    // Some bytes of each, and others in each, so that the test stays quick.
    for (first, xml) in documents().iter().enumerate() {
        let genuine = post(xml, |_| ()).unwrap();
        for place in (first..xml.len()).step_by(8) {
            let byte = [" ", "<", "\"", "a", "/"][place % 5];
            same_or_refused(&genuine, &splice(xml, &(place..place + 1), byte));
            same_or_refused(&genuine, &splice(xml, &(place..place + 1), ""));
        }
    }
}

#[test]
fn two_changes_at_once_are_refused_or_change_nothing() {
    let xml = Says::default().both_signed();
    let genuine = post(&xml, |_| ()).unwrap();
    // A fixed sequence, so that a failure comes again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let once: Vec<String> =
        mutations(&xml).into_iter().filter(|xml| Document::parse(xml).is_ok()).collect();
    for _ in 0..25 {
        let twice = mutations(&once[next(once.len())]);
        for _ in 0..25 {
            same_or_refused(&genuine, &twice[next(twice.len())]);
        }
    }
}

#[test]
fn parts_of_two_genuine_documents_make_no_third() {
    let kim = Says::default();
    let other = Says {
        id: "_assertion2".to_owned(),
        name_id: "<saml:NameID>lee@acme.example</saml:NameID>".to_owned(),
        ..Says::default()
    };
    let kim = (kim.both_signed(), kim.assertion());
    let lee = other.response(&Signer::new(&EC).envelop(&other.assertion()));
    let genuine = post(&kim.0, |_| ()).unwrap();
    let from = Document::parse(&lee).unwrap();
    let to = Document::parse(&kim.0).unwrap();
    for part in from.descendants().filter(|node| node.is_element()) {
        let part = &lee[part.range()];
        if part.contains("lee@acme.example") && part.contains("<saml:Assertion") {
            continue; // The whole of it is lee's own document.
        }
        for place in to.descendants().filter(|node| node.is_element()) {
            for xml in [
                splice(&kim.0, &place.range(), part),
                splice(&kim.0, &(place.range().start..place.range().start), part),
            ] {
                same_or_refused(&genuine, &xml);
            }
        }
    }
}
