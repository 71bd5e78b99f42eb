//! Sign-outs on their way through the providers, and what becomes of one that got stuck.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use moka::sync::Cache;

use super::{Logout, SIGNED_OUT, Visit};
use crate::directory::Provider;
use crate::fields::Fields;
use crate::headers;
use crate::policy::OrganizationId;
use crate::respond::{self, Answer};

/// How long a sign-out may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// The cookie's name after the session cookie's: it finds a sign-out again that got stuck.
const COOKIE: &str = "-sign-out";
/// The cookie's name after the session cookie's: it finds what is to be said of one that is over.
const OVER: &str = "-signed-out";
/// The parameter with which the person goes on without the provider that did not answer.
pub(super) const GO_ON: &str = "go-on";

/// Sign-outs on their way through the providers, by the state that the one that is being visited
/// returns. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SignOuts(pub(super) Cache<String, Arc<UnderWay>>);

impl Default for SignOuts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(PATIENCE).build())
    }
}

/// A sign-out on its way through the providers.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay {
    /// Who is still to be visited.
    pub(super) visits: VecDeque<Visit>,
    /// Who is being visited.
    pub(super) at: Option<OrganizationId>,
    /// The request that a SAML provider's answer must name.
    pub(super) request_id: Option<String>,
    /// Who could not sign the person out everywhere, as people call them.
    pub(super) partial: Vec<String>,
}

impl Logout {
    /// Whose provider has not sent the person back, of a sign-out that this browser began.
    #[must_use]
    pub fn unfinished(&self, headers: &Fields) -> Option<String> {
        let rest = self.under_way.0.get(self.stuck(headers)?)?;
        rest.at.as_ref().map(|id| self.display_name(id))
    }

    /// A provider sent the person back: on to the next one, or to the end. Or the person goes on
    /// without one that did not.
    pub async fn returned(&self, query: &str, headers: &Fields, now: SystemTime) -> Answer {
        let parameter = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        if parameter(GO_ON).is_some() {
            let rest = self.stuck(headers).and_then(|state| self.under_way.0.remove(state));
            let Some(rest) = rest else { return self.signed_out(self.left_over(headers)) };
            return self.without(&rest, now).await;
        }
        let state = parameter("state");
        // Where a SAML provider is visited, its own answer leads on, and nothing else.
        let of_oidc = |state: &String| self.is_at_openid_provider(state);
        match state.filter(of_oidc).and_then(|state| self.under_way.0.remove(&state)) {
            Some(rest) => self.next((*rest).clone(), now).await,
            None => self.signed_out(self.left_over(headers)),
        }
    }

    /// Leads to the page that says that the sign-out is over, which can be loaded again: what led
    /// here, a form or a provider's message, is good once.
    pub(super) fn lead_to_end(&self, partial: Vec<String>) -> Answer {
        let Some(state) = new_state() else { return self.signed_out(partial) };
        let mut answer = respond::see_other(&self.public_url.join(SIGNED_OUT));
        respond::set_cookie(&mut answer, &self.over());
        let patience = if partial.is_empty() { 0 } else { PATIENCE.as_secs() };
        respond::set_cookie(&mut answer, &self.cookie.set_lax(OVER, &state, patience));
        if !partial.is_empty() {
            let over = UnderWay { partial, ..UnderWay::default() };
            self.under_way.0.insert(state, Arc::new(over));
        }
        answer
    }

    /// Who could not sign the person out everywhere, of this browser's sign-out that is over.
    fn left_over(&self, headers: &Fields) -> Vec<String> {
        let over = headers::cookie(headers, &format!("{}{OVER}", self.cookie.name()));
        let over = over.and_then(|state| self.under_way.0.get(state));
        over.filter(|rest| rest.at.is_none()).map(|rest| rest.partial.clone()).unwrap_or_default()
    }

    /// Goes on without whoever is being visited, and remembers that they did not sign out.
    pub(super) async fn without(&self, rest: &UnderWay, now: SystemTime) -> Answer {
        let mut rest = rest.clone();
        if let Some(id) = rest.at.take() {
            rest.partial.push(self.display_name(&id));
        }
        self.next(rest, now).await
    }

    /// Remembers where a sign-out is, here and in the browser.
    pub(super) fn remember(&self, state: String, under_way: UnderWay, answer: &mut Answer) {
        respond::set_cookie(answer, &self.cookie.set(COOKIE, &state, PATIENCE.as_secs()));
        self.under_way.0.insert(state, Arc::new(under_way));
    }

    /// The `Set-Cookie` of a sign-out that is over.
    pub(super) fn over(&self) -> String {
        self.cookie.set(COOKIE, "", 0)
    }

    fn is_at_openid_provider(&self, state: &str) -> bool {
        let at = self.under_way.0.get(state).and_then(|rest| rest.at.clone());
        let entry = at.and_then(|id| self.directory.find(&id).cloned());
        entry.is_none_or(|entry| matches!(entry.provider, Provider::Oidc(_)))
    }

    fn stuck<'h>(&self, headers: &'h Fields) -> Option<&'h str> {
        headers::cookie(headers, &format!("{}{COOKIE}", self.cookie.name()))
    }
}

/// What a provider gives back, or a browser shows, and nobody can guess; `None` when the system
/// has no random bytes.
pub(super) fn new_state() -> Option<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
