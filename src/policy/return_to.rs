//! Where to go after a sign-in: a place on this site, and nowhere else.

use std::fmt;

/// A path and query on this site.
///
/// A browser reads `//host`, `/\host` and `/<tab>/host` as another site; all of them are refused,
/// and so is everything that is not printable ASCII, so that there is one reading only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(Box<str>);

impl ReturnTo {
    /// The account page, where one lands without a deep link.
    #[must_use]
    pub fn account_page() -> Self {
        Self("/-/sso/".into())
    }

    /// Parses a place on this site; `None` for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = text.bytes();
        let begins_here = bytes.next() == Some(b'/') && bytes.next() != Some(b'/');
        let plain = text.len() <= 2048
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'<' | b'>' | b'"'));
        (begins_here && plain && !climbs_out(text)).then(|| Self(text.into()))
    }

    /// The place, as it stands in a `Location` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether dot segments could leave a `//` in front: `/.//host`, `/x/..//host`.
fn climbs_out(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        dots == "." || dots == ".."
    })
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_this_site_is_kept_byte_for_byte() {
        for good in
            ["/", "/acme/bert", "/acme/bert/resolve/refs%2Fpr%2F1/x?download=true&a=//b", "/-/sso/"]
        {
            assert_eq!(ReturnTo::parse(good).as_ref().map(ReturnTo::as_str), Some(good));
        }
    }

    #[test]
    fn everything_that_a_browser_could_read_as_another_site_is_refused() {
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example",
            "evil",
            "javascript:alert(1)",
            "/\t/evil.example",
            " /x",
            "/x\r\nSet-Cookie: a",
            "///evil",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2e//evil",
            "/x#y",
            "/é",
            "/a b",
            "@evil",
            "/<script>",
        ] {
            assert_eq!(ReturnTo::parse(bad), None, "{bad:?}");
        }
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(2048))), None);
    }
}
