//! From a verified profile to a membership, or to the reason why there is none.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Attribute, EmailAddress, Missing, Organization, Reason, Role, Selected, Subject};

/// What an identity provider said of a person, after verification.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The issuer (OIDC) or entity id (SAML).
    pub issuer: Arc<str>,
    /// The provider's stable name for the person.
    pub subject: Subject,
    /// The e-mail address, only if the provider's trust rule holds for it.
    pub email: Option<EmailAddress>,
    /// The display name.
    pub name: Option<String>,
    /// All claims or attributes, for the role mapping.
    pub claims: Map<String, Value>,
}

/// A person's place in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// What the person may do.
    pub role: Role,
    /// Whether a mapping gave the role; otherwise it is the organization's default.
    pub mapped: bool,
    /// The groups that the hub is told.
    pub groups: Vec<String>,
}

impl Organization {
    /// The membership that this profile gives, evaluated at every sign-in and every refresh.
    ///
    /// # Errors
    /// [`Reason::EmailDomain`] when the organization has domains and the profile has no trusted
    /// address in one of them; [`Reason::RoleAttributeMissing`] when the profile lacks what the
    /// role mapping reads and the organization does not say that this is no match.
    pub fn membership(&self, profile: &Profile) -> Result<Membership, Reason> {
        if !self.email_domains.is_empty() {
            let inside = |address| self.email_domains.contains(address);
            if !profile.email.as_ref().is_some_and(inside) {
                return Err(Reason::EmailDomain);
            }
        }
        let values = match (
            self.role_mapping.attribute.select(&profile.claims),
            self.role_mapping.missing,
        ) {
            (Selected::Values(values), Missing::Refuse | Missing::Default) => values,
            (Selected::Missing, Missing::Default) => Vec::new(),
            (Selected::Missing, Missing::Refuse) => return Err(Reason::RoleAttributeMissing),
        };
        let role = self.role_mapping.role_of(&values);
        Ok(Membership {
            role: role.unwrap_or(self.default_role),
            mapped: role.is_some(),
            groups: groups(&profile.claims).unwrap_or(values),
        })
    }
}

/// The claim that nearly every provider calls `groups`.
fn groups(claims: &Map<String, Value>) -> Option<Vec<String>> {
    match Attribute::parse("groups").ok()?.select(claims) {
        Selected::Values(values) => Some(values),
        Selected::Missing => None,
    }
}
