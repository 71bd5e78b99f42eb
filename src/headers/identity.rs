//! The headers that tell the upstream who is asking.

use std::sync::OnceLock;

use http::header::HeaderName;

use super::told::Lines;
use super::{Managed, value};
use crate::fields::{FieldValue, Fields};
use crate::policy::{Permit, SignIn};

/// Ready-made identity headers of one caller for one organization; empty for nobody.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pairs: Vec<(HeaderName, FieldValue)>,
    /// The same as bytes.
    pub(super) lines: Lines,
    /// The same as the answer to a question.
    answer: OnceLock<Answer>,
}

/// What a proxy is told of one caller, as fields and as the lines of a head.
#[derive(Clone, Debug)]
pub struct Answer {
    fields: Fields,
    lines: Lines,
}

impl Identity {
    /// Nobody: the upstream is told nothing.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self { pairs: Vec::new(), lines: Lines::new(), answer: OnceLock::new() }
    }

    /// Takes ready pairs.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (HeaderName, FieldValue)>) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let lines = Lines::of(pairs.iter().map(|(name, value)| (name, value)));
        Self { pairs, lines, answer: OnceLock::new() }
    }

    /// The answer that a proxy gets, made once: it is good as long as these headers are.
    pub fn answer(&self, make: impl FnOnce() -> Fields) -> &Answer {
        self.answer.get_or_init(|| {
            let fields = make();
            Answer { lines: Lines::of(&fields), fields }
        })
    }

    /// The headers to write.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &FieldValue)> {
        self.pairs.iter().map(|(name, value)| (name, value))
    }
}

impl Answer {
    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Writes them into a head.
    pub fn write(&self, head: &mut Vec<u8>) {
        head.extend_from_slice(&self.lines.0);
    }
}

impl Managed {
    /// The headers for what was permitted (contract, section 7); `assertion` is the signed one.
    #[must_use]
    pub fn identity(&self, permit: &Permit<'_>, assertion: Option<&str>) -> Identity {
        let mut pairs = Vec::with_capacity(8);
        let names = self.names();
        let mut tell = |name: &Option<HeaderName>, text: Option<&str>| {
            if let (Some(name), Some(text)) = (name, text) {
                pairs.push((name.clone(), value(text)));
            }
        };
        if let Some(caller) = permit.caller() {
            tell(&names.user, Some(&stable_user(permit, caller)));
            tell(&names.email, caller.email.as_deref());
            tell(&names.name, caller.name.as_deref());
            if permit.organization().is_some() {
                tell(&names.organization, Some(caller.organization.as_str()));
                tell(&names.role, Some(caller.role.as_str()));
            }
        }
        let organizations: Vec<String> =
            permit.live().map(|s| format!("{}:{}", s.organization, s.role)).collect();
        if !organizations.is_empty() {
            tell(&names.organizations, Some(&organizations.join(",")));
        }
        tell(&names.assertion, assertion);
        if let (Some(name), Some(caller), Some(_)) =
            (&names.groups, permit.caller(), permit.organization())
            && !caller.groups.is_empty()
            // A list is encoded item by item; a second time would be once too often.
            && let Ok(list) = FieldValue::from_str(&list(&caller.groups))
        {
            pairs.push((name.clone(), list));
        }
        Identity::from_pairs(pairs)
    }
}

/// `{organization}:{subject}`: the same person for the hub at every sign-in.
#[must_use]
pub fn stable_subject(sign_in: &SignIn) -> String {
    format!("{}:{}", sign_in.organization, sign_in.subject.as_str())
}

/// What the hub calls the caller: where it has accounts, its own id of the account.
#[must_use]
pub fn stable_user(permit: &Permit<'_>, sign_in: &SignIn) -> String {
    permit.account().map_or_else(|| stable_subject(sign_in), |account| account.id.to_string())
}

/// A list of strings (RFC 8941 §3.1, §3.3.3): quoted, so that no name can hold the delimiter.
/// Characters that a string cannot hold are percent-encoded, and so is `%`.
fn list(groups: &[String]) -> String {
    const ENCODED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%');
    let mut text = String::new();
    for group in groups {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push('"');
        let encoded = percent_encoding::utf8_percent_encode(group, ENCODED).to_string();
        for c in encoded.chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_name_with_the_delimiter_in_it_stays_one_group() {
        let groups = ["ml", "a\", \"admins", "x,y", "Zoë", "100%"].map(str::to_owned);
        assert_eq!(list(&groups), r#""ml", "a\", \"admins", "x,y", "Zo%C3%AB", "100%25""#);
    }
}
