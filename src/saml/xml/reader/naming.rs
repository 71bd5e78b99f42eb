//! What the names of an element stand for.

use std::borrow::Cow;

use super::Reader;
use crate::saml::Refusal;
use crate::saml::xml::scan::is_name;
use crate::saml::xml::{Declaration, NO_NAMESPACE, Name, Namespace, XML, XML_NAMESPACE};

impl<'a> Reader<'a, '_> {
    /// Namespaces in XML 1.0 §2.2, §3, §5; relative names are refused as canonicalization
    /// demands (Canonical XML 1.0 §1.3).
    pub(super) fn declare(
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
        let (number, _) = self.document.namespaces.number(uri);
        if self.document.namespaces.len() > self.limits.names {
            return Err(Refusal::TooManyNames);
        }
        let index = self.document.declarations.len();
        let before = self.scope.declare(prefix, index);
        if before.is_some_and(|before| before >= own) {
            return Err(Refusal::Malformed);
        }
        if self.scope.len() > self.limits.namespaces || index >= self.limits.declarations {
            return Err(Refusal::TooManyAttributes);
        }
        let namespace = Namespace(number);
        self.document.declarations.push(Declaration { prefix, namespace, outer: scope });
        Ok(index)
    }

    /// Every prefix is declared, no attribute stands twice, and ids are unique names.
    pub(super) fn resolve(
        &mut self,
        name: Name<'a>,
        attributes: &std::ops::Range<usize>,
    ) -> Result<Namespace, Refusal> {
        if name.prefix == "xml" || name.prefix == "xmlns" {
            return Err(Refusal::Malformed);
        }
        let own = self.namespace(name.prefix)?;
        let mut seen: Vec<(Namespace, &str)> = Vec::with_capacity(attributes.len());
        for index in attributes.clone() {
            let Some(name) = self.document.attributes.get(index).map(|found| found.name) else {
                continue;
            };
            let prefixed = !name.prefix.is_empty();
            let namespace = if prefixed { self.namespace(name.prefix)? } else { NO_NAMESPACE };
            seen.push((namespace, name.local));
            if let Some(attribute) = self.document.attributes.get_mut(index) {
                attribute.namespace = namespace;
            }
            if name.local.eq_ignore_ascii_case("id") && self.limits.ids {
                self.id(index, !prefixed)?;
            }
        }
        seen.sort_unstable();
        let doubled = seen.windows(2).any(|pair| pair.first() == pair.last());
        if doubled { Err(Refusal::Malformed) } else { Ok(own) }
    }

    /// An id is a name that no other one has, and in no namespace.
    fn id(&mut self, attribute: usize, plain: bool) -> Result<(), Refusal> {
        let value = self.document.attributes.get(attribute).map(|found| found.value.clone());
        let value = value.filter(|value| plain && is_name(value)).ok_or(Refusal::IdDoubled)?;
        let (_, new) = self.ids.number(value);
        match (new, self.ids.len() <= self.limits.names) {
            (false, _) => Err(Refusal::IdDoubled),
            (true, false) => Err(Refusal::TooManyNames),
            (true, true) => Ok(()),
        }
    }

    /// What `prefix` stands for here, the empty one for the default namespace.
    fn namespace(&self, prefix: &str) -> Result<Namespace, Refusal> {
        let declaration =
            self.scope.find(prefix).and_then(|index| self.document.declarations.get(index));
        match (declaration, prefix) {
            (Some(declaration), _) => Ok(declaration.namespace),
            (None, "") => Ok(NO_NAMESPACE),
            (None, "xml") => Ok(XML_NAMESPACE),
            (None, _) => Err(Refusal::Malformed),
        }
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
