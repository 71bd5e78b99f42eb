//! Whether a registration fits the organization's policy.

use super::super::HubProfile;
use super::super::section::Section;
use super::{EmailTrust, GroupOverage, Issuer, Oidc, OidcProvider};
use crate::policy::Organization;

/// Google vouches for everybody who has an account there.
pub(in super::super) const GOOGLE: &str = "https://accounts.google.com";

impl Oidc {
    /// Google vouches for everybody who has an account there: the Workspace of the organization's
    /// only domain is asked for, where nothing else is said.
    pub(in super::super) fn keep_to_workspace(&mut self, policy: &Organization) {
        let mut domains = policy.email_domains.iter();
        if self.is_google()
            && !self.required_claims.iter().any(|(name, _)| name == "hd")
            && let (Some(domain), None) = (domains.next(), domains.next())
        {
            self.required_claims.push(("hd".to_owned(), domain.to_owned()));
        }
    }

    fn is_google(&self) -> bool {
        self.provider == OidcProvider::Google || self.issuer.as_str() == GOOGLE
    }

    /// Notes what contradicts the organization's policy.
    pub(in super::super) fn fits(
        &self,
        section: &Section<'_>,
        policy: &Organization,
        profile: HubProfile,
    ) {
        let note = |key: &str, what: &str, remedy: &str| {
            section.note(&format!("oidc.{key}"), what, remedy);
        };
        if let Some(path) = &self.callback_path {
            let ours = format!("/-/sso/{}/oidc/callback", policy.id);
            let hubs = format!("/organizations/{}/oidc/consume", policy.id);
            let served = *path == ours || *path == hubs && profile == HubProfile::Huggingface;
            if !served {
                let what = "is no address that is served for this organization's provider";
                note("callback_path", what, &format!("write {hubs:?}, or leave it out"));
            }
        }
        let domains = policy.email_domains.iter().next();
        if domains.is_some() && self.email_trust == EmailTrust::Never {
            let what = "\"never\" leaves nobody an address in email_domains";
            note("email_trust", what, "write \"if-verified\", or remove email_domains");
        }
        if domains.is_some()
            && self.email_trust == EmailTrust::IfVerified
            && self.email_claim != "email"
        {
            let what = "\"if-verified\" speaks of the claim email alone, so it leaves nobody an address in email_domains";
            note(
                "email_trust",
                what,
                "write \"always\" if the directory vouches for it, or remove email_claim",
            );
        }
        if self.group_overage == GroupOverage::MicrosoftGraph
            && self.provider != OidcProvider::Entra
        {
            let what = "\"microsoft-graph\" is for the provider entra only";
            note("group_overage", what, "remove it");
        }
        if matches!(self.issuer, Issuer::EntraTenants { .. })
            && self.email_trust == EmailTrust::Always
        {
            let what = "\"always\" would let each of several tenants assert any address";
            note("email_trust", what, "write \"if-verified\"");
        }
        if self.is_google() && !self.required_claims.iter().any(|(name, _)| name == "hd") {
            let remedy =
                format!("write {{ hd = \"{}\" }}, your Workspace", domains.unwrap_or("acme.com"));
            let what = "names no Workspace, so everybody with a Google account could sign in";
            note("required_claims", what, &remedy);
        }
    }
}
