//! Exclusive XML Canonicalization 1.0, without comments: the bytes that a signature covers.

use super::Refusal;
use super::xml::{Child, Element, Name, Namespace};

/// Its algorithm identifier.
pub(crate) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Writes the canonical form of `apex` without the element `omit`, whose place the enveloped
/// signature transform empties (XML Signature §6.6.4).
///
/// `inclusive` are the prefixes of an `InclusiveNamespaces PrefixList` (§3 of the exclusive
/// canonicalization), `#default` for the default namespace.
///
/// The form can be far larger than the document: siblings repeat the namespaces that their parent
/// does not need. Beyond `most` bytes it is given up.
pub(crate) fn canonicalize<'i>(
    apex: Element<'_>,
    omit: Option<Element<'_>>,
    inclusive: &[&'i str],
    most: usize,
) -> Result<Vec<u8>, Refusal> {
    let name = |listed: &&'i str| if *listed == "#default" { "" } else { *listed };
    let mut inclusive: Vec<_> = inclusive.iter().map(name).collect();
    inclusive.sort_unstable();
    let output = String::with_capacity(4096);
    let mut writer = Writer { omit, inclusive, most, rendered: Vec::new(), output };
    writer.element(apex, None)?;
    Ok(writer.output.into_bytes())
}

struct Writer<'d, 'i> {
    omit: Option<Element<'d>>,
    /// The prefixes that are treated inclusively, sorted.
    inclusive: Vec<&'i str>,
    most: usize,
    /// The namespace declarations written so far, the innermost last.
    rendered: Vec<(&'d str, Namespace)>,
    output: String,
}

impl<'d> Writer<'d, '_> {
    fn element(
        &mut self,
        element: Element<'d>,
        parent: Option<Element<'d>>,
    ) -> Result<(), Refusal> {
        let outer = self.rendered.len();
        self.output.push('<');
        self.name(element.name());
        self.namespaces(element, parent);
        self.within()?;
        self.attributes(element);
        self.output.push('>');
        for child in element.children() {
            match child {
                Child::Element(child) if self.omit == Some(child) => {}
                Child::Element(child) => self.element(child, Some(element))?,
                Child::Text(text) => self.text(text),
                Child::Ignored => {}
            }
        }
        self.output.push_str("</");
        self.name(element.name());
        self.output.push('>');
        self.rendered.truncate(outer);
        self.within()
    }

    fn within(&self) -> Result<(), Refusal> {
        if self.output.len() > self.most { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    fn name(&mut self, name: Name<'_>) {
        if !name.prefix.is_empty() {
            self.output.push_str(name.prefix);
            self.output.push(':');
        }
        self.output.push_str(name.local);
    }

    /// The declarations that the element needs and that no written ancestor has made, the default
    /// one first, the others by prefix (Exclusive C14N §3; Canonical XML §2.2, §2.3).
    ///
    /// Of the prefixes that are treated inclusively, those that were in scope at the parent have
    /// been written there or above.
    fn namespaces(&mut self, element: Element<'d>, parent: Option<Element<'d>>) {
        let mut needed: Vec<_> = element.prefixes().collect();
        if !self.inclusive.is_empty() {
            let declared = element.declared(parent);
            needed.extend(
                declared.filter(|(prefix, _)| self.inclusive.binary_search(prefix).is_ok()),
            );
        }
        needed.retain(|(prefix, _)| *prefix != "xml");
        // Stable: of several declarations of a prefix the innermost stays.
        needed.sort_by_key(|(prefix, _)| *prefix);
        needed.dedup_by_key(|(prefix, _)| *prefix);
        for (prefix, namespace) in needed {
            let uri = element.uri(namespace);
            let written = self.rendered.iter().rev().find(|(known, _)| *known == prefix);
            let known = match written {
                Some((_, written)) => *written == namespace,
                None => uri.is_empty(),
            };
            if known {
                continue;
            }
            self.output.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.output.push_str(prefix);
            self.output.push_str("=\"");
            self.value(uri);
            self.output.push('"');
            self.rendered.push((prefix, namespace));
        }
    }

    fn attributes(&mut self, element: Element<'d>) {
        for (name, value) in element.sorted_attributes() {
            self.output.push(' ');
            self.name(name);
            self.output.push_str("=\"");
            self.value(value);
            self.output.push('"');
        }
    }

    /// Canonical XML §2.3, attribute nodes.
    fn value(&mut self, value: &str) {
        self.write(value, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'"' => Some("&quot;"),
            b'\t' => Some("&#x9;"),
            b'\n' => Some("&#xA;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }

    /// Canonical XML §2.3, text nodes.
    fn text(&mut self, text: &str) {
        self.write(text, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }

    fn write(&mut self, text: &str, replace: impl Fn(u8) -> Option<&'static str>) {
        let mut start = 0;
        for (index, byte) in text.bytes().enumerate() {
            if let Some(replacement) = replace(byte) {
                self.output.push_str(text.get(start..index).unwrap_or_default());
                self.output.push_str(replacement);
                start = index + 1;
            }
        }
        self.output.push_str(text.get(start..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::limits::{MESSAGE, MESSAGE_BYTES};
    use crate::saml::names::DS;
    use crate::saml::xml::Document;

    /// The canonical form of the element called `apex`, without its signature.
    fn canonical(xml: &str, prefixes: &str) -> String {
        let document = Document::parse(xml, &MESSAGE).expect(xml);
        let root = document.root().unwrap();
        let apex = root.descendants().find(|e| e.attribute("ID") == Some("apex")).unwrap_or(root);
        let signature = apex.children().find_map(|child| match child {
            Child::Element(child) if child.is(DS, "Signature") => Some(child),
            Child::Element(_) | Child::Text(_) | Child::Ignored => None,
        });
        let prefixes: Vec<_> = prefixes.split_ascii_whitespace().collect();
        let canonical = canonicalize(apex, signature, &prefixes, MESSAGE_BYTES).unwrap();
        String::from_utf8(canonical).unwrap()
    }

    #[track_caller]
    fn check(xml: &str, prefixes: &str, expected: &str) {
        assert_eq!(canonical(xml, prefixes), expected, "{xml}");
    }

    /// Documents with what xmlsec1 digested of them.
    #[test]
    fn the_canonical_form_is_that_of_another_implementation() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/saml/c14n");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let vector = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let (prefixes, rest) = vector.split_once('\n').unwrap();
            let (xml, expected) = rest.split_once("\n=====\n").unwrap();
            check(xml, prefixes, expected.strip_suffix('\n').unwrap());
            count += 1;
        }
        assert!(count >= 40, "{count}");
    }

    /// The examples of the recommendation, §2.2.
    #[test]
    fn a_subtree_is_the_same_in_every_context() {
        let expected = "<n1:elem1 xmlns:n1=\"http://b.example\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem1>";
        for context in [
            "<n0:pdu xmlns:n0=\"http://a.example\">HERE</n0:pdu>",
            "<n2:pdu xmlns:n1=\"http://example.com\" xmlns:n2=\"http://foo.example\" xml:lang=\"fr\" xml:space=\"retain\">HERE</n2:pdu>",
            "HERE",
        ] {
            let xml = context.replace(
                "HERE",
                "<n1:elem1 xmlns:n1=\"http://b.example\"><n3:stuff xmlns:n3=\"ftp://example.org\"/></n1:elem1>",
            );
            let document = Document::parse(&xml, &MESSAGE).unwrap();
            let root = document.root().unwrap();
            let apex = root.descendants().find(|e| e.is("http://b.example", "elem1")).unwrap();
            let canonical = canonicalize(apex, None, &[], MESSAGE_BYTES);
            assert_eq!(canonical.as_deref(), Ok(expected.as_bytes()));
        }
    }

    #[test]
    fn line_ends_and_white_space_are_normalized_as_xml_says() {
        check("<a b='x\r\ny\rz\t '>\r\n\r\t</a>", "", "<a b=\"x y z  \">\n\n\t</a>");
        check(
            "<a b='&#xD;&#xA;&#9;'>&#xD;&#xA;&#9;</a>",
            "",
            "<a b=\"&#xD;&#xA;&#x9;\">&#xD;\n\t</a>",
        );
        check(
            "<a b='\"&apos;&lt;&gt;&amp;'>\"'&lt;&gt;&amp;</a>",
            "",
            "<a b=\"&quot;'&lt;>&amp;\">\"'&lt;&gt;&amp;</a>",
        );
        check("\u{feff}<?xml version='1.0'?> <a/> ", "", "<a></a>");
    }

    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself() {
        let xml = "<a:r xmlns:a='urn:a' xmlns='urn:b'><c xmlns='' d='1' a:b='2'/><e/>&#13;</a:r>";
        let once = canonical(xml, "");
        assert_eq!(canonical(&once, ""), once);
    }
}
