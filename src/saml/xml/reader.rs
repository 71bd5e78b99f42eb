//! From text to the tree, in one pass and within limits.

mod naming;

use std::borrow::Cow;

use super::distinct::Distinct;
use super::scan::{Place, Scanner, expand, is_space};
use super::scope::Scope;
use super::{Attribute, Content, Document, ElementData, NO_NAMESPACE, Node, XML};
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
        document: Document {
            // A tag or a piece of text takes so many bytes in messages of providers.
            nodes: Vec::with_capacity((text.len() / 64).min(limits.nodes)),
            attributes: Vec::new(),
            declarations: Vec::new(),
            namespaces: Distinct::default(),
        },
        open: Vec::new(),
        scope: Scope::default(),
        ids: Distinct::default(),
        seen_root: false,
    };
    // The numbers of NO_NAMESPACE and XML_NAMESPACE.
    for namespace in ["", XML] {
        reader.document.namespaces.number(Cow::Borrowed(namespace));
    }
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
    scope: Scope<'a>,
    ids: Distinct<'a>,
    seen_root: bool,
}

struct Open {
    index: usize,
    last_child: Option<usize>,
    /// How many declarations were in scope in front of it.
    around: usize,
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
        self.scope.leave(open.around);
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
        let around = self.scope.len();
        let outer = self.open.last().and_then(|open| self.scope_of(open.index));
        let (scope, empty) = self.attributes(outer)?;
        let attributes = first..self.document.attributes.len();
        let namespace = self.resolve(name, &attributes)?;
        let range = start..self.scanner.position();
        let element = ElementData { name, namespace, attributes, scope, first_child: None, range };
        let index = self.push(Content::Element(element))?;
        if empty {
            self.scope.leave(around);
        } else {
            self.open.push(Open { index, last_child: None, around });
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
                let namespace = NO_NAMESPACE;
                self.document.attributes.push(Attribute { name, namespace, value });
            }
        }
        Err(Refusal::TooManyAttributes)
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
