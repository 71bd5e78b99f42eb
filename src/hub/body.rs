//! Namespaces that stand in a request's body.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::Hub;
use super::json::{Case, Json, WrongType};
use crate::config::BodyUnknown;
use crate::fields::Fields;
use crate::policy::{Claim, Claimed, Claims, Need, Target};

/// The most that is read of a body that names namespaces.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Which namespaces a body names, and what each needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// What the namespace in the path needs, if one stands there.
    pub(super) path: Need,
    /// Where the others stand.
    pub(super) fields: &'static [Field],
    /// What is needed instead when all names are in one namespace.
    pub(super) within: Option<Need>,
}

/// A place in the body that names a namespace or a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Keys from the outside in; `[]` stands for every item of a list.
    pub(super) at: &'static [&'static str],
    /// Whether a value without a slash is a namespace; otherwise it is the caller's own repository.
    pub(super) bare: bool,
    /// Whether the endpoint means nothing without it.
    pub(super) required: bool,
    /// What the namespace needs.
    pub(super) need: Need,
}

/// Why a body cannot be read in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, a doubled key, or a key that servers fold differently.
    #[error("the body is no JSON that is read in one way")]
    Json,
    /// A list, a string, a number.
    #[error("the body is no JSON object")]
    NoObject,
    /// A field that names a namespace holds something else.
    #[error("a field that names a namespace has the wrong type")]
    WrongType,
    /// A field without which the request means nothing.
    #[error("a field that names a namespace is missing")]
    Missing,
    /// A name that servers read differently.
    #[error("a name in the body is read differently by servers")]
    Name,
    /// A proxy asks without it, and `hub.body_unknown` is "deny".
    #[error("the body that names the organization was not sent along")]
    Unseen,
    /// Not declared as JSON in UTF-8.
    #[error("the body is not declared as JSON in UTF-8 without compression")]
    Undeclared,
}

/// A request whose body says whose content it is about.
#[derive(Clone, Debug)]
pub struct BodyRule<'h> {
    pub(super) hub: &'h Hub,
    pub(super) claims: Claims<'h>,
    pub(super) reads: Reads<'h>,
}

/// What is read.
#[derive(Clone, Debug)]
pub(super) enum Reads<'h> {
    Names(&'static Names),
    /// The claim of the organization in the path, as for a download.
    Batch(Claim<'h>),
}

impl<'h> BodyRule<'h> {
    /// Whether the headers declare what [`Self::read`] reads: JSON (RFC 8259), in UTF-8, not
    /// compressed.
    ///
    /// Servers that believe another `charset` would see other keys in the same bytes.
    ///
    /// # Errors
    /// [`BodyError::Undeclared`].
    pub fn admit(&self, headers: &Fields) -> Result<(), BodyError> {
        let mut types = headers.get_all(CONTENT_TYPE);
        let (Some(declared), None) = (types.next(), types.next()) else {
            return Err(BodyError::Undeclared);
        };
        let declared = declared.to_str().map_err(|_| BodyError::Undeclared)?.to_ascii_lowercase();
        let mut parts = declared.split(';').map(str::trim);
        let json = parts.next().is_some_and(|kind| {
            matches!(kind, "application/json" | "application/vnd.git-lfs+json")
        });
        let utf8 = parts
            .all(|part| part.is_empty() || matches!(part, "charset=utf-8" | "charset=\"utf-8\""));
        let plain = headers.get_all(CONTENT_ENCODING).all(|coding| coding == "identity");
        if json && utf8 && plain { Ok(()) } else { Err(BodyError::Undeclared) }
    }

    /// What holds for a body of more than [`BODY_LIMIT`] bytes; `None`: it is refused (413).
    ///
    /// Git LFS batches may be long; an unread one counts as an upload.
    #[must_use]
    pub fn oversized(&self) -> Option<Claimed<'h>> {
        match &self.reads {
            Reads::Names(_) => None,
            Reads::Batch(claim) => Some(self.with(Claim { need: Need::Write, ..*claim })),
        }
    }

    /// What holds where the body is not there to be read: its request is another proxy's.
    ///
    /// # Errors
    /// [`BodyError::Unseen`], where that is refused.
    pub fn unread(&self) -> Result<Claimed<'h>, BodyError> {
        let unknown = self.hub.body_unknown;
        if let Reads::Batch(claim) = &self.reads {
            // Whose it is stands in the path; only what it needs is unknown.
            let need = match unknown {
                BodyUnknown::Allow => Need::Read,
                BodyUnknown::RequireAnySession | BodyUnknown::Deny => Need::Write,
            };
            return Ok(self.with(Claim { need, ..*claim }));
        }
        match unknown {
            BodyUnknown::Allow => Ok(self.hub.claimed(self.claims.clone(), true)),
            BodyUnknown::RequireAnySession => Ok(Claimed::Unread(self.claims.clone())),
            BodyUnknown::Deny => Err(BodyError::Unseen),
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// When it has two readings, or is not what the endpoint takes.
    pub fn read(&self, body: &[u8]) -> Result<Claimed<'h>, BodyError> {
        let json: Json = serde_json::from_slice(body).map_err(|_| BodyError::Json)?;
        if !json.is_object() {
            return Err(BodyError::NoObject);
        }
        match &self.reads {
            Reads::Names(names) => self.named(names, &json),
            Reads::Batch(claim) => {
                let mut operation = None;
                json.select(&["operation"], Case::Exact, &mut |value| operation = Some(value))
                    .map_err(|WrongType| BodyError::WrongType)?;
                let need = match operation {
                    Some("download") => Need::Read,
                    Some(_) | None => Need::Write,
                };
                Ok(self.with(Claim { need, ..*claim }))
            }
        }
    }

    fn named(&self, names: &Names, json: &Json) -> Result<Claimed<'h>, BodyError> {
        let mut found: Vec<(&str, Need)> = Vec::new();
        for field in names.fields {
            let mut values = Vec::new();
            json.select(field.at, Case::Folded, &mut |value| values.push(value))
                .map_err(|WrongType| BodyError::WrongType)?;
            if values.is_empty() && field.required {
                return Err(BodyError::Missing);
            }
            for value in values {
                if let Some(namespace) = namespace(value, field.bare)? {
                    found.push((namespace, field.need));
                }
            }
        }
        let one = found.first().map_or("", |(first, _)| first);
        let within = names
            .within
            .filter(|_| found.iter().all(|(namespace, _)| namespace.eq_ignore_ascii_case(one)));
        let mut claims = self.claims.clone();
        for (namespace, need) in found {
            if let Some(organization) = self.hub.organization(namespace) {
                let need = within.unwrap_or(need);
                claims.add(Claim { organization, need, public: false });
            }
        }
        Ok(self.hub.claimed(claims, true))
    }

    fn with(&self, claim: Claim<'h>) -> Claimed<'h> {
        let mut claims = self.claims.clone();
        claims.add(claim);
        self.hub.claimed(claims, true)
    }
}

/// The namespace in `namespace/repository` or, where `bare`, in `namespace`.
fn namespace(value: &str, bare: bool) -> Result<Option<&str>, BodyError> {
    if value.is_empty() {
        return Ok(None);
    }
    let parts = value.split('/');
    if parts.clone().count() > 2
        || !parts.clone().all(|part| Target::is_plain(part) && !part.contains(' '))
    {
        return Err(BodyError::Name);
    }
    let namespace = parts.clone().next();
    Ok(namespace.filter(|_| bare || parts.count() == 2))
}
