//! What a token looks like: a word that says what it is for, and 256 random bits.

use std::borrow::Cow;

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::header::{self, HeaderName};
use memchr::memmem;

use crate::fields::{FieldValue, Fields};
use crate::session;

/// With it begins every token of ours. Clients of the Hugging Face Hub accept `hf_` only, and
/// scanners for secrets find the whole.
const PREFIX: &str = "hf_hubgate_";

/// The clients' own header, for what `Authorization` is taken by something else.
const X_HF_AUTHORIZATION: HeaderName = HeaderName::from_static("x-hf-authorization");

/// Where clients put credentials, theirs for the hub and ours.
pub const HEADERS: [HeaderName; 2] = [header::AUTHORIZATION, X_HF_AUTHORIZATION];

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To be shown with requests, by a person's program.
    Access,
    /// To be exchanged for further ones.
    Refresh,
    /// To be shown with requests, by a machine.
    Service,
}

/// A token as its owner gets it, once.
pub struct Token(String);

/// What is kept of a token: its SHA-256, so that nothing in the store opens anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Service];

    /// The letter after the prefix.
    const fn mark(self) -> &'static str {
        match self {
            Self::Access => "a",
            Self::Refresh => "r",
            Self::Service => "s",
        }
    }
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn random(kind: Kind) -> Result<Self, session::Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| session::Error::Unavailable)?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self(format!("{PREFIX}{}_{secret}", kind.mark())))
    }

    /// The text, for its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        parse(&self.0).map_or_else(|| Hash::of(&self.0), |(_, hash)| hash)
    }
}

impl Hash {
    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        Self(digest.as_ref().try_into().unwrap_or_default())
    }

    /// The hash in the form that a configuration holds.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash itself.
    #[must_use]
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// A name that opens nothing.
    #[must_use]
    pub fn short(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.get(..9).unwrap_or_default())
    }
}

/// The kind and the hash of a text that has the form of a token.
#[must_use]
pub fn parse(text: &str) -> Option<(Kind, Hash)> {
    let (mark, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.mark() == mark)?;
    let shaped = secret.len() == 43
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    shaped.then(|| {
        let hashed = match kind {
            // The configuration holds the hash of the whole.
            Kind::Service => text,
            // The random part alone fits into one block of SHA-256 (FIPS 180-4 §5.1.1); what it is
            // for is told by where it is looked up.
            Kind::Access | Kind::Refresh => secret,
        };
        (kind, Hash::of(hashed))
    })
}

/// What a request's headers show beside cookies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'h> {
    /// Nothing that could be ours: whatever is there goes on as it is.
    Nothing,
    /// A bearer, or a password, that is not of our making: the hub's, or a workload's.
    Foreign(Cow<'h, str>, HeaderName),
    /// A token of ours, and the header that must not go on.
    Ours(Kind, Hash, HeaderName),
    /// Something with our prefix that is no token.
    Malformed,
    /// Two of ours.
    Doubled,
}

impl Shown<'_> {
    fn into_owned<'o>(self) -> Shown<'o> {
        match self {
            Self::Nothing => Shown::Nothing,
            Self::Foreign(text, name) => Shown::Foreign(Cow::Owned(text.into_owned()), name),
            Self::Ours(kind, hash, name) => Shown::Ours(kind, hash, name),
            Self::Malformed => Shown::Malformed,
            Self::Doubled => Shown::Doubled,
        }
    }
}

/// Finds our token where the hub's clients put theirs: `Authorization` as bearer, or as password
/// for git and git-lfs, and `X-HF-Authorization`.
pub(super) fn find(headers: &Fields) -> Shown<'_> {
    let mut found = Shown::Nothing;
    for name in HEADERS {
        for value in headers.get_all(&name) {
            let here = read(value, &name);
            found = match (found, here) {
                (found, Shown::Nothing) | (Shown::Nothing, found) => found,
                (found @ Shown::Foreign(..), Shown::Foreign(..)) => found,
                (Shown::Foreign(..), ours) | (ours, Shown::Foreign(..)) => ours,
                _ => return Shown::Doubled,
            };
        }
    }
    found
}

fn read<'h>(value: &'h FieldValue, name: &HeaderName) -> Shown<'h> {
    let bytes = value.as_bytes();
    let blank = bytes.iter().position(|b| *b == b' ').unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(blank);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"basic") {
        // What does not decode is no credential to anybody.
        let Ok(pair) = BASE64_STANDARD.decode(rest) else { return whole(bytes) };
        let at = pair.iter().position(|b| *b == b':').unwrap_or(pair.len());
        let (user, password) = pair.split_at(at);
        let password = password.strip_prefix(b":").unwrap_or_default();
        return match (candidate(user, name), candidate(password, name).into_owned()) {
            (Shown::Ours(..) | Shown::Malformed, Shown::Ours(..) | Shown::Malformed) => {
                Shown::Doubled
            }
            // `https://token@host`: the token stands where a name should.
            (ours @ (Shown::Ours(..) | Shown::Malformed), _) => ours.into_owned(),
            (_, password) => password,
        };
    }
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return candidate(rest, name);
    }
    whole(bytes)
}

/// A text that should be a token and nothing else.
fn candidate<'h>(text: &'h [u8], name: &HeaderName) -> Shown<'h> {
    let Ok(plain) = std::str::from_utf8(text) else { return whole(text) };
    match parse(plain) {
        Some((kind, hash)) => Shown::Ours(kind, hash, name.clone()),
        None if plain.is_empty() => Shown::Nothing,
        None if plain.contains(PREFIX) => Shown::Malformed,
        None => Shown::Foreign(Cow::Borrowed(plain), name.clone()),
    }
}

/// A value that we do not read: it goes on, unless a token of ours may be in it.
fn whole<'h>(bytes: &[u8]) -> Shown<'h> {
    if memmem::find(bytes, PREFIX.as_bytes()).is_some() { Shown::Malformed } else { Shown::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::random(Kind::Access).unwrap()
    }

    #[track_caller]
    fn check(pairs: &[(&'static str, String)], expected: &Shown<'_>) {
        let mut headers = Fields::new();
        for (name, value) in pairs {
            headers.append(*name, FieldValue::from_str(value).unwrap());
        }
        assert_eq!(find(&headers), *expected, "{pairs:?}");
    }

    fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
    }

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        let token = token();
        let text = token.expose();
        let hash = token.hash();
        let ours = |name| Shown::Ours(Kind::Access, hash, name);
        let here = ours(header::AUTHORIZATION);
        check(&[("authorization", format!("Bearer {text}"))], &here);
        check(&[("authorization", format!("bearer   {text} "))], &here);
        check(&[("authorization", basic("anyone", text))], &here);
        check(&[("authorization", basic(text, ""))], &here);
        check(&[("authorization", basic(text, "x-oauth-basic"))], &here);
        check(&[("x-hf-authorization", format!("Bearer {text}"))], &ours(X_HF_AUTHORIZATION));
        let foreign = ("authorization", basic("app", "its own"));
        let pair = [foreign, ("x-hf-authorization", format!("Bearer {text}"))];
        check(&pair, &ours(X_HF_AUTHORIZATION));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let foreign = |text| Shown::Foreign(Cow::Borrowed(text), header::AUTHORIZATION);
        check(&[], &Shown::Nothing);
        check(&[("authorization", "Bearer hf_x".to_owned())], &foreign("hf_x"));
        check(&[("authorization", basic("u", "p"))], &foreign("p"));
        check(&[("authorization", "Bearer".to_owned())], &Shown::Nothing);
        check(&[("authorization", "AWS4-HMAC-SHA256 Credential=x".to_owned())], &Shown::Nothing);
        check(&[("authorization", "Basic !!!".to_owned())], &Shown::Nothing);
    }

    #[test]
    fn nothing_with_our_prefix_is_taken_for_somebody_elses() {
        let token = token();
        let text = token.expose();
        for value in [
            format!("Bearer {text}x"),
            format!("Bearer {text}|site,other"),
            format!("Bearer other {text}"),
            format!("Bearer {PREFIX}"),
            format!("Token {text}"),
            text.to_owned(),
            basic("u", &text[..40]),
            format!("Digest username=\"{text}\""),
        ] {
            check(&[("authorization", value)], &Shown::Malformed);
        }
        let both = [
            ("authorization", format!("Bearer {text}")),
            ("x-hf-authorization", format!("Bearer {text}")),
        ];
        check(&both, &Shown::Doubled);
        check(&[("authorization", basic(text, text))], &Shown::Doubled);
    }

    #[test]
    fn a_kind_is_part_of_the_token() {
        for kind in Kind::ALL {
            let token = Token::random(kind).unwrap();
            assert_eq!(parse(token.expose()), Some((kind, token.hash())));
        }
        assert_eq!(parse(&token().expose().replace("_a_", "_x_")), None);
    }
}
