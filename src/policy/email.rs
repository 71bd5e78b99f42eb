//! E-mail addresses: an attribute of an account, never its key.

use std::fmt;

/// A well-formed address: one `@`, printable ASCII on both sides, the domain in lower case.
///
/// Addresses with two readings (two `@`, quoted local parts, comments, other scripts) are refused:
/// look-alike domains and folding have been used to pass domain rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    text: String,
    at: usize,
}

impl EmailAddress {
    /// Parses an address, or refuses it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && local.bytes().all(|b| b.is_ascii_graphic() && !b"@\"()<>,:;[]\\".contains(&b));
        (local_ok && is_domain(domain)).then(|| Self {
            text: format!("{local}@{}", domain.to_ascii_lowercase()),
            at: local.len(),
        })
    }

    /// The part after the `@`, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Whether both lead to one mailbox: nobody in the field tells local parts apart by case.
    #[must_use]
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The domains that a member's address must be in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailDomains(Vec<String>);

impl EmailDomains {
    /// Parses a list of domains; the error is the first entry that is none.
    ///
    /// # Errors
    /// The entry that is not a domain name.
    pub fn parse<'t>(entries: impl IntoIterator<Item = &'t str>) -> Result<Self, &'t str> {
        entries
            .into_iter()
            .map(|entry| is_domain(entry).then(|| entry.to_ascii_lowercase()).ok_or(entry))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of the domains; subdomains are other domains.
    #[must_use]
    pub fn contains(&self, address: &EmailAddress) -> bool {
        self.0.iter().any(|domain| domain == address.domain())
    }

    /// The domains, in lower case.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether `text` is a host name of at least two labels (RFC 1123 §2.1).
fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: bool) {
        let domains = EmailDomains::parse(["acme.com"]).unwrap();
        let inside = EmailAddress::parse(address).is_some_and(|a| domains.contains(&a));
        assert_eq!(inside, expected, "{address}");
    }

    #[test]
    fn an_address_is_inside_a_domain_only_if_its_whole_domain_is_that_domain() {
        check("alice@acme.com", true);
        check("Alice.B+x@ACME.com", true);
        check("alice@sub.acme.com", false);
        check("alice@acme.com.evil.example", false);
        check("alice@evilacme.com", false);
        check("alice@evil.example@acme.com", false);
        check("\"alice@evil.example\"@acme.com", false);
        check("alice@acme.com ", false);
        check("alice@acme.com\n", false);
        check("alice@acme\u{ff0e}com", false);
        check("alice@\u{430}cme.com", false);
        check("@acme.com", false);
        check("alice@", false);
        check("<alice@acme.com>", false);
    }
}
