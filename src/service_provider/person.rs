//! From a verified assertion to the profile that the organization's rules read.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::Error;
use crate::config::Saml;
use crate::policy::{Attribute, EmailAddress, Profile, Selected, Subject};
use crate::saml::{NameId, VerifiedAssertion};

/// The key that holds the groups, whatever the provider calls them.
const GROUPS: &str = "groups";

/// Whom an identity provider vouches for, and what its logout will call them.
#[derive(Clone, Debug)]
pub struct Person {
    /// What the organization's rules read.
    pub profile: Profile,
    /// The identity provider's name for the person.
    pub name_id: NameId,
    /// The identity provider's session.
    pub session_index: Option<String>,
    /// When that session ends; ours must not last longer.
    pub session_not_on_or_after: Option<SystemTime>,
    /// When the person proved who they are.
    pub authenticated_at: SystemTime,
}

impl Person {
    pub(super) fn of(assertion: VerifiedAssertion, config: &Saml) -> Result<Self, Error> {
        let profile = profile(config, &assertion.subject, assertion.profile, &assertion.issuer)?;
        Ok(Self {
            profile,
            name_id: assertion.subject,
            session_index: assertion.session_index,
            session_not_on_or_after: assertion.session_not_on_or_after,
            authenticated_at: assertion.authn_instant,
        })
    }
}

/// The profile that attributes make, over the defaults of the provider's make.
///
/// # Errors
/// When they do not name the person, or name them differently at each sign-in.
pub fn profile(
    config: &Saml,
    name_id: &NameId,
    mut claims: Map<String, Value>,
    issuer: &str,
) -> Result<Profile, Error> {
    let subject = match &config.subject {
        Some(attribute) => one(attribute, &claims)
            .ok_or_else(|| Error::SubjectAttribute(attribute.as_str().to_owned()))?,
        None if name_id.format.as_deref().is_some_and(|format| format.ends_with(":transient")) => {
            return Err(Error::Transient);
        }
        None => name_id.value.clone(),
    };
    let defaults = config.provider.defaults();
    let email = match &config.email {
        Some(attribute) => one(attribute, &claims),
        None => defaults.email_in(&claims).map(str::to_owned),
    };
    let name = match &config.name {
        Some(attribute) => one(attribute, &claims),
        None => defaults.name_in(&claims).map(str::to_owned),
    };
    let groups = match &config.groups {
        Some(attribute) => match attribute.select(&claims) {
            Selected::Values(values) => Some(values),
            Selected::Missing => None,
        },
        // An attribute that is not there is not the same as one without values.
        None if claims.contains_key(GROUPS) => None,
        None => defaults
            .groups
            .iter()
            .any(|name| claims.contains_key(*name))
            .then(|| defaults.groups_in(&claims).into_iter().map(str::to_owned).collect()),
    };
    if let Some(groups) = groups {
        claims.insert(GROUPS.to_owned(), groups.into());
    }
    Ok(Profile {
        issuer: issuer.into(),
        subject: Subject::parse(&subject).map_err(Error::Subject)?,
        // The organization's own directory vouches for it; its e-mail domains bound it.
        email: email.as_deref().and_then(EmailAddress::parse),
        name,
        claims,
    })
}

/// The one value of an attribute.
fn one(attribute: &Attribute, claims: &Map<String, Value>) -> Option<String> {
    match attribute.select(claims) {
        Selected::Values(mut values) if values.len() == 1 => values.pop(),
        Selected::Values(_) | Selected::Missing => None,
    }
}
