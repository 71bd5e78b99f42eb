//! From text to the tree, in one pass and within limits.

use std::borrow::Cow;
use std::collections::HashSet;

use super::scan::{Place, Scanner, expand, is_name, is_space};
use super::{Attribute, Content, Declaration, Document, ElementData, Name, Node, XML};
use crate::saml::Refusal;
use crate::saml::limits::Limits;

/// Reads one whole document.
pub(super) fn read<'a>(text: &'a str, limits: &Limits) -> Result<Document<'a>, Refusal> {
    if text.len() > limits.bytes {
        return Err(Refusal::TooLarge);
    }
    let mut reader = Reader {
        scanner: Scanner::of_document(text),
        limits,
        document: Document { nodes: Vec::new(), attributes: Vec::new(), declarations: Vec::new() },
        open: Vec::new(),
        ids: HashSet::new(),
        seen_root: false,
    };
    reader.xml_declaration()?;
    while !reader.scanner.at_end() {
        reader.step()?;
    }
    if reader.open.is_empty() && reader.seen_root {
        Ok(reader.document)
    } else {
        Err(Refusal::Malformed)
    }
}

struct Reader<'a, 'l> {
    scanner: Scanner<'a>,
    limits: &'l Limits,
    document: Document<'a>,
    /// The elements that are open, the outermost first.
    open: Vec<Open>,
    ids: HashSet<Cow<'a, str>>,
    seen_root: bool,
}

struct Open {
    index: usize,
    last_child: Option<usize>,
}

impl<'a> Reader<'a, '_> {
    /// XML 1.0 §2.8, production 23; only version 1.0 and UTF-8.
    fn xml_declaration(&mut self) -> Result<(), Refusal> {
        if !self.scanner.take("<?xml") {
            return Ok(());
        }
        let content = self.scanner.until("?>")?;
        let mut scanner = Scanner::new(content);
        let mut seen = Vec::new();
        while scanner.space() && !scanner.at_end() {
            let name = scanner.name()?;
            scanner.space();
            scanner.expect("=")?;
            scanner.space();
            let value = scanner.quoted()?;
            match (name.local, seen.as_slice()) {
                _ if !name.prefix.is_empty() => return Err(Refusal::Malformed),
                ("version", []) if value == "1.0" => {}
                ("encoding", ["version"]) if value.eq_ignore_ascii_case("utf-8") => {}
                ("encoding", ["version"]) => return Err(Refusal::NotUtf8),
                ("standalone", ["version"] | ["version", "encoding"])
                    if matches!(value, "yes" | "no") => {}
                _ => return Err(Refusal::Malformed),
            }
            seen.push(name.local);
        }
        if scanner.at_end() && !seen.is_empty() { Ok(()) } else { Err(Refusal::Malformed) }
    }

    /// One tag, or the text in front of the next one.
    fn step(&mut self) -> Result<(), Refusal> {
        if self.scanner.peek() != Some(b'<') {
            let raw = self.scanner.text();
            if self.open.is_empty() {
                let blank = raw.bytes().all(is_space);
                return if blank { Ok(()) } else { Err(Refusal::Malformed) };
            }
            let text = expand(raw, Place::Text)?;
            return self.push(Content::Text(text)).map(drop);
        }
        if self.scanner.starts_with("<!") || self.scanner.starts_with("<?") {
            return self.markup();
        }
        if self.scanner.take("</") {
            return self.end_tag();
        }
        self.scanner.expect("<")?;
        self.start_tag()
    }

    /// A comment or a processing instruction where the limits allow them; anything else of the
    /// kind is refused everywhere.
    fn markup(&mut self) -> Result<(), Refusal> {
        if !self.limits.comments {
            return Err(Refusal::DocumentType);
        } else if self.scanner.take("<!--") {
            self.scanner.until("--")?;
            self.scanner.expect(">")?;
        } else if self.scanner.take("<?") {
            self.scanner.until("?>")?;
        } else {
            return Err(Refusal::DocumentType);
        }
        if self.open.is_empty() { Ok(()) } else { self.push(Content::Ignored).map(drop) }
    }

    fn end_tag(&mut self) -> Result<(), Refusal> {
        let name = self.scanner.name()?;
        self.scanner.space();
        self.scanner.expect(">")?;
        let open = self.open.pop().ok_or(Refusal::Malformed)?;
        let end = self.scanner.position();
        match self.document.nodes.get_mut(open.index).map(|node| &mut node.content) {
            Some(Content::Element(element)) if element.name == name => {
                element.range.end = end;
                Ok(())
            }
            Some(Content::Element(_) | Content::Text(_) | Content::Ignored) | None => {
                Err(Refusal::Malformed)
            }
        }
    }

    fn start_tag(&mut self) -> Result<(), Refusal> {
        if self.open.is_empty() && self.seen_root {
            return Err(Refusal::Malformed);
        }
        self.seen_root = true;
        if self.open.len() >= self.limits.depth {
            return Err(Refusal::TooDeep);
        }
        let start = self.scanner.position().saturating_sub(1);
        let name = self.scanner.name()?;
        let first = self.document.attributes.len();
        let outer = self.open.last().and_then(|open| self.scope_of(open.index));
        let (scope, empty) = self.attributes(outer)?;
        let attributes = first..self.document.attributes.len();
        self.resolve(name, &attributes, scope)?;
        let range = start..self.scanner.position();
        let element = ElementData { name, attributes, scope, first_child: None, range };
        let index = self.push(Content::Element(element))?;
        if !empty {
            self.open.push(Open { index, last_child: None });
        }
        Ok(())
    }

    /// The rest of a start tag: the innermost declaration, and whether the tag ends the element.
    fn attributes(&mut self, outer: Option<usize>) -> Result<(Option<usize>, bool), Refusal> {
        let mut scope = outer;
        let own = self.document.declarations.len();
        for _ in 0..=self.limits.attributes {
            let spaced = self.scanner.space();
            if self.scanner.take("/>") {
                return Ok((scope, true));
            } else if self.scanner.take(">") {
                return Ok((scope, false));
            } else if !spaced {
                return Err(Refusal::Malformed);
            }
            let name = self.scanner.name()?;
            self.scanner.space();
            self.scanner.expect("=")?;
            self.scanner.space();
            let value = expand(self.scanner.quoted()?, Place::Attribute)?;
            if name.prefix == "xmlns" {
                scope = Some(self.declare(name.local, value, scope, own)?);
            } else if name.local == "xmlns" {
                // Some parsers take `any:xmlns` for a declaration: two readings.
                if !name.prefix.is_empty() {
                    return Err(Refusal::Malformed);
                }
                scope = Some(self.declare("", value, scope, own)?);
            } else {
                self.document.attributes.push(Attribute { name, value });
            }
        }
        Err(Refusal::TooManyAttributes)
    }

    /// Namespaces in XML 1.0 §2.2, §3, §5; relative names are refused as canonicalization
    /// demands (Canonical XML 1.0 §1.3).
    fn declare(
        &mut self,
        prefix: &'a str,
        uri: Cow<'a, str>,
        scope: Option<usize>,
        own: usize,
    ) -> Result<usize, Refusal> {
        let reserved = prefix == "xml" || prefix == "xmlns";
        if reserved || uri == XML || uri == "http://www.w3.org/2000/xmlns/" {
            return Err(Refusal::Malformed);
        }
        let undeclares = uri.is_empty() && prefix.is_empty();
        if !undeclares && !is_absolute(&uri) {
            return Err(Refusal::Malformed);
        }
        let own = self.document.declarations.get(own..).unwrap_or_default();
        if own.iter().any(|declaration| declaration.prefix == prefix) {
            return Err(Refusal::Malformed);
        }
        let around = scope.and_then(|index| self.document.declarations.get(index));
        let count = around.map_or(0, |declaration| declaration.count) + 1;
        if count > self.limits.namespaces {
            return Err(Refusal::TooManyAttributes);
        }
        self.document.declarations.push(Declaration { prefix, uri, outer: scope, count });
        Ok(self.document.declarations.len() - 1)
    }

    /// Every prefix is declared, no attribute stands twice, and ids are unique names.
    fn resolve(
        &mut self,
        name: Name<'a>,
        attributes: &std::ops::Range<usize>,
        scope: Option<usize>,
    ) -> Result<(), Refusal> {
        let document = &self.document;
        let namespace = |name: &Name<'_>, default: bool| {
            if name.prefix.is_empty() && !default {
                Ok("")
            } else {
                document.lookup(scope, name.prefix).ok_or(Refusal::Malformed)
            }
        };
        if name.prefix == "xml" || name.prefix == "xmlns" {
            return Err(Refusal::Malformed);
        }
        namespace(&name, true)?;
        let attributes = document.attributes.get(attributes.clone()).unwrap_or_default();
        let mut seen: Vec<(&str, &str)> = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            seen.push((namespace(&attribute.name, false)?, attribute.name.local));
            if attribute.name.local.eq_ignore_ascii_case("id") && self.limits.ids {
                let plain = attribute.name.prefix.is_empty() && is_name(&attribute.value);
                if !plain || !self.ids.insert(attribute.value.clone()) {
                    return Err(Refusal::IdDoubled);
                }
            }
        }
        seen.sort_unstable();
        let doubled = seen.windows(2).any(|pair| pair.first() == pair.last());
        if doubled { Err(Refusal::Malformed) } else { Ok(()) }
    }

    fn scope_of(&self, index: usize) -> Option<usize> {
        match &self.document.nodes.get(index)?.content {
            Content::Element(element) => element.scope,
            Content::Text(_) | Content::Ignored => None,
        }
    }

    /// Appends a node to the innermost open element.
    fn push(&mut self, content: Content<'a>) -> Result<usize, Refusal> {
        let index = self.document.nodes.len();
        if index >= self.limits.nodes || self.document.attributes.len() > self.limits.nodes {
            return Err(Refusal::TooManyNodes);
        }
        self.document.nodes.push(Node { content, next: None });
        if let Some(open) = self.open.last_mut() {
            let previous = open.last_child.replace(index);
            let parent = open.index;
            match previous {
                Some(previous) => {
                    if let Some(node) = self.document.nodes.get_mut(previous) {
                        node.next = Some(index);
                    }
                }
                None => {
                    if let Some(Node { content: Content::Element(element), .. }) =
                        self.document.nodes.get_mut(parent)
                    {
                        element.first_child = Some(index);
                    }
                }
            }
        }
        Ok(index)
    }
}

/// Whether a namespace name begins with a scheme (RFC 3986 §3.1).
fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}
