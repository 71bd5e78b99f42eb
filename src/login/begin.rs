//! Begins a sign-in: remembers where the person wanted to go, and leads to the provider.

use std::sync::Arc;
use std::time::SystemTime;

use url::Url;

use super::pending::{Asked, Pending, fresh_handle};
use super::{Error, Failure, Login};
use crate::config::PublicUrl;
use crate::directory::{Entry, Provider};
use crate::fields::Fields;
use crate::oidc::{Prompt, RelyingParty, Wish};
use crate::policy::ReturnTo;
use crate::respond::{self, Answer, Carry};
use crate::saml::Delivery;
use crate::service_provider::ServiceProvider;

/// What a request to begin may say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Begin {
    return_to: Option<ReturnTo>,
    login_hint: Option<String>,
    issuer: Option<String>,
    again: bool,
}

impl Begin {
    /// Reads `return_to`, and the parameters of a sign-in that somebody else initiates
    /// (OIDC Core §4: `iss`, `login_hint`, `target_link_uri`). Anything else is ignored: a
    /// stranger must not add to the authorization request.
    ///
    /// # Errors
    /// When one of them is doubled.
    pub fn parse(query: &str, public_url: &PublicUrl) -> Result<Self, Error> {
        let mut begin = Self::default();
        let mut target_link_uri = None;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let doubled = match name.as_ref() {
                // A place that is not on this site is dropped, and the account page takes its place.
                "return_to" => begin
                    .return_to
                    .replace(ReturnTo::parse(&value).unwrap_or_else(ReturnTo::account_page))
                    .is_some(),
                // From our own page, for whoever was signed in with the wrong account.
                "again" => std::mem::replace(&mut begin.again, true),
                "login_hint" => begin.login_hint.replace(hint(&value)).is_some(),
                "iss" => begin.issuer.replace(value.into_owned()).is_some(),
                "target_link_uri" => target_link_uri.replace(value.into_owned()).is_some(),
                _ => false,
            };
            if doubled {
                return Err(Error::Parameters);
            }
        }
        if begin.return_to.is_none() {
            begin.return_to = target_link_uri.and_then(|target| on_this_site(&target, public_url));
        }
        begin.login_hint = begin.login_hint.filter(|hint| !hint.is_empty());
        Ok(begin)
    }
}

/// A hint that is passed on: short, without control characters.
fn hint(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(254).collect()
}

/// The path of an absolute address on this site.
fn on_this_site(target: &str, public_url: &PublicUrl) -> Option<ReturnTo> {
    let url = Url::parse(target).ok()?;
    let nobody = url.username().is_empty() && url.password().is_none();
    let here = url.origin().ascii_serialization() == public_url.origin() && nobody;
    let place = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    here.then(|| ReturnTo::parse(&place)).flatten()
}

impl Login {
    /// Begins a sign-in at the organization's provider.
    ///
    /// # Errors
    /// When the parameters are bad, the issuer is another one, or the provider cannot be reached.
    pub async fn begin(
        &self,
        entry: &Entry,
        query: &str,
        headers: &Fields,
        now: SystemTime,
    ) -> Result<Answer, Failure> {
        let begin = Begin::parse(query, &self.public_url)?;
        let return_to = begin.return_to.clone();
        let begun = match &entry.provider {
            Provider::Oidc(party) => self.begin_oidc(entry, party, begin, headers, now).await,
            Provider::Saml(provider) => self.begin_saml(entry, provider, begin, headers, now).await,
        };
        begun.map_err(|error| Failure { error, return_to, clear: None })
    }

    async fn begin_saml(
        &self,
        entry: &Entry,
        provider: &Arc<ServiceProvider>,
        begin: Begin,
        headers: &Fields,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let known = provider.known(now).await?;
        if begin.issuer.is_some_and(|issuer| issuer != known.entity_id()) {
            return Err(Error::Parameters);
        }
        let handle = fresh_handle()?;
        let begun = known.begin(&handle, begin.again, now)?;
        let return_to = begin.return_to.unwrap_or_else(ReturnTo::account_page);
        let pending = Pending {
            asked: Asked::Saml { handle, request_id: begun.request_id },
            return_to: return_to.to_string(),
            begun_at: now,
        };
        let mut response = deliver(begun.delivery, &entry.config.policy.display_name);
        for cookie in self.remember(&entry.config.policy.id, &pending, headers)? {
            respond::set_cookie(&mut response, &cookie);
        }
        Ok(response)
    }

    async fn begin_oidc(
        &self,
        entry: &Entry,
        party: &RelyingParty,
        begin: Begin,
        headers: &Fields,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        if begin.issuer.is_some_and(|issuer| !party.issuer_matches(&issuer)) {
            return Err(Error::Parameters);
        }
        let prompt = begin.again.then_some(Prompt::Login);
        let wish = Wish { login_hint: begin.login_hint, prompt, ..Wish::default() };
        let begun = party.begin(wish, now).await?;
        let return_to = begin.return_to.unwrap_or_else(ReturnTo::account_page);
        let pending = Pending {
            asked: Asked::Oidc(begun.transaction),
            return_to: return_to.to_string(),
            begun_at: now,
        };
        let mut response = respond::see_other(&begun.location);
        for cookie in self.remember(&entry.config.policy.id, &pending, headers)? {
            respond::set_cookie(&mut response, &cookie);
        }
        Ok(response)
    }
}

/// A message on its way to a SAML identity provider: by redirect, or by a form that sends itself.
fn deliver(delivery: Delivery, display_name: &str) -> Answer {
    match delivery {
        Delivery::Redirect { url } => respond::see_other(&url),
        Delivery::Post { action, fields } => respond::carry(&Carry {
            title: format!("Sign in to {display_name}"),
            action,
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Begin, Error> {
        let url = Url::parse("https://hub.example.com").unwrap();
        Begin::parse(query, &PublicUrl::from_url(&url).unwrap())
    }

    #[track_caller]
    fn check(query: &str, expected: Option<&str>) {
        let begin = parse(query).unwrap();
        assert_eq!(begin.return_to.as_ref().map(ReturnTo::as_str), expected, "{query}");
    }

    #[test]
    fn a_deep_link_is_kept_and_a_link_to_elsewhere_leads_to_the_account_page() {
        check("return_to=%2Facme%2Fm%3Fa%3D1", Some("/acme/m?a=1"));
        check("return_to=https%3A%2F%2Fevil.example", Some("/-/sso/"));
        check("return_to=%2F%2Fevil.example", Some("/-/sso/"));
        check("", None);
    }

    #[test]
    fn a_sign_in_that_somebody_else_initiates_leads_to_this_site_only() {
        check("target_link_uri=https%3A%2F%2Fhub.example.com%2Facme%2Fm", Some("/acme/m"));
        for elsewhere in [
            "https://evil.example/acme",
            "https://hub.example.com.evil.example/",
            "http://hub.example.com/",
            "https://hub.example.com:8443/",
            "https://x@hub.example.com/",
            "javascript:alert(1)",
            "https://hub.example.com//evil.example",
        ] {
            let query: String =
                url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
            check(&format!("target_link_uri={query}"), None);
        }
    }

    #[test]
    fn doubled_parameters_are_refused() {
        assert!(parse("return_to=/a&return_to=/b").is_err());
        assert!(parse("iss=a&iss=a").is_err());
        assert!(parse("scope=evil&scope=evil").is_ok());
    }
}
