//! The one XML tree that SAML messages are read through.
//!
//! A message is a narrow kind of XML: UTF-8, version 1.0, no document type, no entities but the
//! five predefined ones, no CDATA, no comments, no processing instructions. The reader refuses
//! everything else, so that a document has one reading; and it keeps the prefixes, which
//! canonicalization needs.

mod distinct;
mod reader;
mod scan;
mod scope;

use std::borrow::Cow;

use super::Refusal;
use super::limits::Limits;
use distinct::Distinct;

/// A parsed document; every [`Element`] borrows from it.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    nodes: Vec<Node<'a>>,
    attributes: Vec<Attribute<'a>>,
    declarations: Vec<Declaration<'a>>,
    namespaces: Distinct<'a>,
}

/// A namespace of one document; two are the same exactly if their numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Namespace(usize);

#[derive(Debug)]
struct Node<'a> {
    content: Content<'a>,
    next: Option<usize>,
}

#[derive(Debug)]
enum Content<'a> {
    Element(ElementData<'a>),
    Text(Cow<'a, str>),
    /// A comment or a processing instruction, in documents that may have them.
    Ignored,
}

#[derive(Debug)]
struct ElementData<'a> {
    name: Name<'a>,
    namespace: Namespace,
    attributes: std::ops::Range<usize>,
    /// The innermost namespace declaration that is in scope.
    scope: Option<usize>,
    first_child: Option<usize>,
    /// Where the element stands in the text, in bytes.
    range: std::ops::Range<usize>,
}

/// A name as it was written; the prefix is empty when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) local: &'a str,
}

#[derive(Debug)]
struct Attribute<'a> {
    name: Name<'a>,
    namespace: Namespace,
    value: Cow<'a, str>,
}

#[derive(Debug)]
struct Declaration<'a> {
    prefix: &'a str,
    /// [`NO_NAMESPACE`] for `xmlns=""`.
    namespace: Namespace,
    /// The declaration that this one stands within.
    outer: Option<usize>,
}

impl<'a> Document<'a> {
    /// Parses `text`, or says which limit or rule it breaks.
    pub(crate) fn parse(text: &'a str, limits: &Limits) -> Result<Self, Refusal> {
        reader::read(text, limits)
    }

    /// Parses bytes, which must be UTF-8.
    pub(crate) fn parse_bytes(bytes: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        Self::parse(std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)?, limits)
    }

    /// The document element.
    pub(crate) fn root(&self) -> Result<Element<'_>, Refusal> {
        (0..self.nodes.len()).find_map(|index| self.element(index)).ok_or(Refusal::Malformed)
    }

    fn element(&self, index: usize) -> Option<Element<'_>> {
        match &self.nodes.get(index)?.content {
            Content::Element(data) => Some(Element { document: self, index, data }),
            Content::Text(_) | Content::Ignored => None,
        }
    }

    /// The name of a namespace, empty for that of names that are in none.
    fn uri(&self, namespace: Namespace) -> &str {
        self.namespaces.text(namespace.0).unwrap_or_default()
    }
}

/// What names without a namespace are in.
const NO_NAMESPACE: Namespace = Namespace(0);
/// What `xml:lang` is in.
const XML_NAMESPACE: Namespace = Namespace(1);
/// The namespace of `xml:lang` and its like (Namespaces in XML 1.0 §3).
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// One element of a [`Document`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'d> {
    document: &'d Document<'d>,
    index: usize,
    data: &'d ElementData<'d>,
}

/// What an element holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Child<'d> {
    /// Another element.
    Element(Element<'d>),
    /// Text, after line ends and references have been resolved.
    Text(&'d str),
    /// A comment or a processing instruction.
    Ignored,
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.data, other.data)
    }
}

impl<'d> Element<'d> {
    /// The name as it was written.
    pub(crate) fn name(&self) -> Name<'d> {
        self.data.name
    }

    /// The namespace of the name; empty when it has none.
    pub(crate) fn namespace(&self) -> &'d str {
        self.document.uri(self.data.namespace)
    }

    /// Whether this is `local` in `namespace`.
    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        self.data.name.local == local && self.namespace() == namespace
    }

    /// The prefix of the name and of each attribute that has one, and what it stands for here.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = (&'d str, Namespace)> + use<'d> {
        let own = (self.data.name.prefix, self.data.namespace);
        let attributes = self.own_attributes().iter().map(|a| (a.name.prefix, a.namespace));
        std::iter::once(own).chain(attributes.filter(|(prefix, _)| !prefix.is_empty()))
    }

    /// The prefixes that are declared here and were not in scope `around`, or all that are in
    /// scope, the innermost first, and with whatever hides behind them.
    pub(crate) fn declared(
        &self,
        around: Option<Element<'d>>,
    ) -> impl Iterator<Item = (&'d str, Namespace)> + use<'d> {
        let document = self.document;
        let end = around.and_then(|around| around.data.scope);
        let mut at = self.data.scope;
        std::iter::from_fn(move || {
            let declaration = document.declarations.get(at.filter(|_| at != end)?)?;
            at = declaration.outer;
            Some((declaration.prefix, declaration.namespace))
        })
    }

    /// The name of a namespace that stands in this document.
    pub(crate) fn uri(&self, namespace: Namespace) -> &'d str {
        self.document.uri(namespace)
    }

    /// The value of the attribute `name`, which stands in no namespace.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'d str> {
        self.attributes()
            .find(|(found, _)| found.prefix.is_empty() && found.local == name)
            .map(|(_, value)| value)
    }

    /// The attributes and their values, without namespace declarations, as they stand.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (Name<'d>, &'d str)> + use<'d> {
        self.own_attributes().iter().map(|attribute| (attribute.name, &*attribute.value))
    }

    /// The attributes by namespace, then by local name (Canonical XML §2.2).
    pub(crate) fn sorted_attributes(&self) -> Vec<(Name<'d>, &'d str)> {
        let mut attributes: Vec<_> = self.own_attributes().iter().collect();
        attributes.sort_unstable_by(|one, other| {
            if one.namespace == other.namespace {
                one.name.local.cmp(other.name.local)
            } else {
                self.uri(one.namespace).cmp(self.uri(other.namespace))
            }
        });
        attributes.iter().map(|attribute| (attribute.name, &*attribute.value)).collect()
    }

    fn own_attributes(&self) -> &'d [Attribute<'d>] {
        self.document.attributes.get(self.data.attributes.clone()).unwrap_or_default()
    }

    /// Everything that the element holds.
    pub(crate) fn children(&self) -> impl Iterator<Item = Child<'d>> + use<'d> {
        let document = self.document;
        let mut at = self.data.first_child;
        std::iter::from_fn(move || {
            let index = at?;
            let node = document.nodes.get(index)?;
            at = node.next;
            Some(match &node.content {
                Content::Element(data) => Child::Element(Element { document, index, data }),
                Content::Text(text) => Child::Text(text),
                Content::Ignored => Child::Ignored,
            })
        })
    }

    /// The elements that this one holds; refused when there is text beside them.
    pub(crate) fn elements(&self) -> Result<Vec<Element<'d>>, Refusal> {
        let mut elements = Vec::new();
        for child in self.children() {
            match child {
                Child::Element(element) => elements.push(element),
                Child::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                Child::Text(_) => return Err(Refusal::UnexpectedContent),
                Child::Ignored => {}
            }
        }
        Ok(elements)
    }

    /// The whole text of an element that holds nothing but text.
    pub(crate) fn text(&self) -> Result<&'d str, Refusal> {
        let mut children = self.children();
        match (children.next(), children.next()) {
            (None, _) => Ok(""),
            (Some(Child::Text(text)), None) => Ok(text),
            (Some(Child::Text(_) | Child::Element(_) | Child::Ignored), _) => {
                Err(Refusal::UnexpectedContent)
            }
        }
    }

    /// The text without the white space around it, as `xs:anyURI` and base64 are read.
    pub(crate) fn token(&self) -> Result<&'d str, Refusal> {
        Ok(self.text()?.trim_matches(|c: char| c.is_ascii_whitespace()))
    }

    /// This element and every element within it, in the order of the document.
    pub(crate) fn descendants(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let document = self.document;
        let end = self.data.range.end;
        (self.index..document.nodes.len())
            .filter_map(move |index| document.element(index))
            .take_while(move |element| element.data.range.start < end)
    }

    /// Where the element stands in the text, in bytes.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.data.range.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::limits::{MESSAGE, METADATA};
    use std::fmt::Write as _;

    /// One line for everything that a document says.
    fn ours(element: Element<'_>, out: &mut String) {
        write!(out, "<{{{}}}{}", element.namespace(), element.name().local).unwrap();
        for attribute in element.own_attributes() {
            let (namespace, local) = (element.uri(attribute.namespace), attribute.name.local);
            write!(out, " {{{namespace}}}{local}={:?}", attribute.value).unwrap();
        }
        out.push('>');
        for child in element.children() {
            match child {
                Child::Element(child) => ours(child, out),
                Child::Text(text) => write!(out, "{text:?}").unwrap(),
                Child::Ignored => {}
            }
        }
        out.push_str("</>");
    }

    fn theirs(node: roxmltree::Node<'_, '_>, out: &mut String) {
        let name = node.tag_name();
        write!(out, "<{{{}}}{}", name.namespace().unwrap_or_default(), name.name()).unwrap();
        for attribute in node.attributes() {
            let namespace = attribute.namespace().unwrap_or_default();
            write!(out, " {{{namespace}}}{}={:?}", attribute.name(), attribute.value()).unwrap();
        }
        out.push('>');
        for child in node.children() {
            if child.is_element() {
                theirs(child, out);
            } else if let Some(text) = child.text().filter(|_| child.is_text()) {
                write!(out, "{text:?}").unwrap();
            }
        }
        out.push_str("</>");
    }

    /// What is accepted is read as another parser reads it; returns whether it is accepted.
    #[track_caller]
    fn same_reading(xml: &str) -> bool {
        let Ok(document) = Document::parse(xml, &MESSAGE) else { return false };
        // The other one keeps a carriage return beside a reference, against XML 1.0 §2.11.
        if xml.contains("\r&") || xml.contains(";\r") {
            return false;
        }
        let (mut mine, mut other) = (String::new(), String::new());
        ours(document.root().unwrap(), &mut mine);
        let second = roxmltree::Document::parse(xml).expect(xml);
        theirs(second.root_element(), &mut other);
        assert_eq!(mine, other, "{xml}");
        true
    }

    fn vectors() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/saml/c14n");
        let mut vectors = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let vector = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let (xml, _) = vector.split_once('\n').unwrap().1.split_once("\n=====\n").unwrap();
            vectors.push(xml.to_owned());
        }
        vectors
    }

    #[test]
    fn what_is_accepted_is_read_as_another_parser_reads_it() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        let pieces = [
            "<",
            ">",
            "/",
            "\"",
            "'",
            "=",
            " ",
            "&",
            ";",
            ":",
            "x",
            "xmlns",
            "xmlns:a=\"urn:9\"",
            "&amp;",
            "&#xD;",
            "\r",
            "\r\n",
            "]]>",
            "<a:e/>",
            "</e>",
            "a:",
            "ID",
            "\u{e9}",
            "\t",
            "1",
            "xml:",
            "xmlns=\"\"",
            "<!-- -->",
            "-",
            "a:k=\"\"",
            "\u{0}",
            "\u{b7}",
        ];
        let mut accepted = 0;
        for xml in vectors() {
            assert!(same_reading(&xml), "{xml}");
            for _ in 0..200 {
                let mut mutated = xml.clone();
                for _ in 0..=next(2) {
                    let place = next(mutated.len());
                    let end = (place + next(4)).min(mutated.len());
                    if mutated.is_char_boundary(place) && mutated.is_char_boundary(end) {
                        mutated.replace_range(place..end, pieces[next(pieces.len())]);
                    }
                }
                accepted += usize::from(same_reading(&mutated));
            }
        }
        assert!(accepted > 500, "{accepted}");
    }

    #[test]
    fn names_that_another_parser_would_take_for_something_else_are_refused() {
        for xml in [
            "<:a/>",
            "<a :b=''/>",
            "<a:/>",
            "<a: xmlns:a='urn:a'/>",
            "<a xmlns:=''/>",
            "<a x:xmlns='urn:b' xmlns:x='urn:x' xmlns='urn:c' x:xmlns='d'/>",
            "<a b:c:d=''/>",
            "<xmlns:a/>",
            "<xml:a/>",
            "<a xmlns:b='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<-a/>",
            "<1/>",
            "<a.b c-d=''/ >",
        ] {
            assert!(Document::parse(xml, &MESSAGE).is_err(), "{xml}");
        }
    }

    #[test]
    fn a_text_with_anything_inside_is_no_text() {
        let text = |xml: &str, limits| {
            let document = Document::parse(xml, limits).unwrap();
            document.root().unwrap().text().map(str::to_owned)
        };
        assert_eq!(text("<a>x&amp;y</a>", &MESSAGE).as_deref(), Ok("x&y"));
        assert_eq!(text("<a/>", &MESSAGE).as_deref(), Ok(""));
        assert_eq!(text("<a>x<b/></a>", &MESSAGE), Err(Refusal::UnexpectedContent));
        assert_eq!(text("<a><b/></a>", &MESSAGE), Err(Refusal::UnexpectedContent));
        // Where comments are allowed, they are no more a part of a text than elements are.
        assert_eq!(text("<a>x<!-- -->y</a>", &METADATA), Err(Refusal::UnexpectedContent));
        assert_eq!(text("<a><!-- --></a>", &METADATA), Err(Refusal::UnexpectedContent));
        assert!(Document::parse("<a><!-- -- --></a>", &METADATA).is_err());
        assert!(Document::parse("<a><![CDATA[x]]></a>", &METADATA).is_err());
        assert!(Document::parse("<!DOCTYPE a><a/>", &METADATA).is_err());
    }
}
