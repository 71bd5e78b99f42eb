//! The way out: here and at the identity provider, begun on either side.

mod from_idp;
mod single;
mod under_way;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use crate::config::{PublicUrl, Secret};
use crate::credential::SessionCookie;
use crate::directory::{Directory, Provider};
use crate::fields::Fields;
use crate::headers::is_same_site;
use crate::links::{self, Links};
use crate::oidc;
use crate::policy::{OrganizationId, Reason, SignIn, Subject};
use crate::respond::{self, Answer, SignOut, SignedOut};
use crate::saml::NameId;
use crate::service_provider;
use crate::session::{self, Person, Selector, Session, Sessions};

use under_way::{UnderWay, new_state};

pub use under_way::SignOuts;

/// Where providers send people after they signed them out; registered there.
pub const SIGNED_OUT: &str = "/-/sso/signed-out";

/// Everything that signing out needs.
#[derive(Debug)]
pub struct Logout {
    public_url: PublicUrl,
    cookie: SessionCookie,
    sessions: Arc<Sessions>,
    directory: Arc<Directory>,
    links: Arc<Links>,
    under_way: SignOuts,
}

/// One provider to sign out at.
#[derive(Clone, Debug)]
struct Visit {
    organization: OrganizationId,
    id_token: Option<Secret>,
    name_id: Option<NameId>,
    session_index: Option<String>,
}

/// Whom a provider's word has signed out.
#[derive(Debug)]
pub struct Named {
    /// Who, where it named somebody.
    pub subject: Option<Subject>,
    /// How many sessions that were.
    pub sessions: usize,
}

/// Why a sign-out did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The form came from another site.
    #[error("the form was sent from another site")]
    CrossSite,
    /// A parameter is missing, doubled or malformed.
    #[error("the sign-out's parameters are missing, doubled or malformed")]
    Parameters,
    /// The provider's logout token, or front-channel call, does not verify.
    #[error(transparent)]
    Oidc(#[from] oidc::Error),
    /// The SAML provider's message does not verify, or none of ours can be made.
    #[error(transparent)]
    Saml(#[from] service_provider::Error),
    /// An address of the protocol that the organization does not speak.
    #[error("the organization does not sign out by this protocol")]
    Protocol,
    /// No store.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// It cannot be remembered which tokens it ended.
    #[error(transparent)]
    Links(#[from] links::Error),
}

impl Error {
    /// The stable cause.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::CrossSite => Reason::CrossSite,
            Self::Parameters => Reason::BadParameters,
            Self::Oidc(error) => error.reason(),
            Self::Saml(error) => error.reason(),
            Self::Protocol => Reason::NoSuchPage,
            Self::Session(session::Error::Unavailable) | Self::Links(_) => Reason::StoreUnavailable,
        }
    }
}

impl Logout {
    /// Prepares sign-outs.
    #[must_use]
    pub fn new(
        public_url: PublicUrl,
        cookie: SessionCookie,
        sessions: Arc<Sessions>,
        directory: Arc<Directory>,
        links: Arc<Links>,
        under_way: SignOuts,
    ) -> Self {
        Self { public_url, cookie, sessions, directory, links, under_way }
    }

    /// Ends every session that a provider's verified word names, and whatever else rests on it:
    /// who leaves an organization is out at once, with every token. Says how many sessions.
    async fn end(&self, selectors: &[Selector], now: SystemTime) -> Result<usize, Error> {
        let mut people = Vec::new();
        for selector in selectors {
            people.extend(self.sessions.revoke(selector)?);
        }
        let ended = people.len();
        people.extend(selectors.iter().filter_map(Selector::person));
        self.links.revoked(people.into_iter().map(Person::into_parts).collect(), now).await?;
        Ok(ended)
    }

    /// Asks whether one really wants to sign out.
    ///
    /// # Errors
    /// When the store cannot say who is signed in.
    pub fn confirm(&self, headers: &Fields) -> Result<Answer, Error> {
        let session = self.session(headers)?;
        let organizations = session.iter().flat_map(|session| session.principal.sign_ins());
        let organizations = organizations
            .filter(|sign_in| sign_in.ended.is_none())
            .map(|sign_in| {
                let id = sign_in.organization.to_string();
                (id, self.display_name(&sign_in.organization))
            })
            .collect();
        Ok(respond::page(StatusCode::OK, &SignOut { organizations }))
    }

    /// Ends the sign-ins here, then leads to the providers one after the other. Says which ones
    /// were live.
    ///
    /// # Errors
    /// When the form came from another site, or the store cannot take it.
    pub async fn leave(
        &self,
        headers: &Fields,
        form: &[u8],
        now: SystemTime,
    ) -> Result<(Answer, Vec<SignIn>), Error> {
        if !is_same_site(headers, self.public_url.origin()) {
            return Err(Error::CrossSite);
        }
        let organization = url::form_urlencoded::parse(form)
            .find(|(name, _)| name == "organization")
            .map(|(_, id)| OrganizationId::parse(&id).map_err(|_| Error::Parameters))
            .transpose()?;
        let Some(key) = self.cookie.key(headers) else {
            return Ok((self.signed_out(Vec::new()), Vec::new()));
        };
        let before = self.sessions.sign_out(&key, organization.as_ref())?;
        let chosen =
            |sign_in: &&SignIn| organization.as_ref().is_none_or(|o| *o == sign_in.organization);
        let live = before.iter().flat_map(|session| session.principal.live(now));
        let ended = live.filter(chosen).cloned().collect();
        let visits =
            before.as_deref().map(|s| visits(s, organization.as_ref())).unwrap_or_default();
        self.revoke_tokens(before.as_deref(), organization.as_ref(), now);
        let under_way = UnderWay { visits, ..UnderWay::default() };
        let mut response = self.next(under_way, now).await;
        if organization.is_none() {
            respond::set_cookie(&mut response, &self.cookie.set("", "", 0));
        }
        Ok((response, ended))
    }

    /// Leads to the first provider that can sign out, and remembers the others; or to the end.
    async fn next(&self, mut under_way: UnderWay, now: SystemTime) -> Answer {
        under_way.request_id = None;
        while let Some(visit) = under_way.visits.pop_front() {
            let Some(entry) = self.directory.find(&visit.organization) else { continue };
            let Some(state) = new_state() else { break };
            let answer = match &entry.provider {
                Provider::Oidc(party) => {
                    let hint = visit.id_token.as_ref().map(Secret::expose_secret);
                    let back = self.public_url.join(SIGNED_OUT);
                    let location = party.logout_url(hint, &back, &state, now).await;
                    location.map(|location| respond::see_other(&location))
                }
                Provider::Saml(provider) => {
                    match self.ask_to_sign_out(provider, &visit, &state, now).await {
                        Ok(asked) => asked.map(|(request_id, answer)| {
                            under_way.request_id = Some(request_id);
                            answer
                        }),
                        Err(error) => {
                            tracing::warn!(
                                organization = %visit.organization,
                                cause = %error,
                                "the identity provider cannot be asked to sign the person out"
                            );
                            under_way.partial.push(self.display_name(&visit.organization));
                            None
                        }
                    }
                }
            };
            if let Some(mut answer) = answer {
                under_way.at = Some(visit.organization);
                self.remember(state, under_way, &mut answer);
                return answer;
            }
        }
        self.lead_to_end(under_way.partial)
    }

    /// Tells the providers that refresh tokens are not needed any more (RFC 7009), beside the answer.
    fn revoke_tokens(
        &self,
        session: Option<&Session>,
        only: Option<&OrganizationId>,
        now: SystemTime,
    ) {
        for sign_in in session.iter().flat_map(|session| session.principal.sign_ins()) {
            let id = &sign_in.organization;
            let tokens = session.and_then(|session| session.tokens(id));
            let (Some(tokens), Some(entry)) = (tokens, self.directory.find(id)) else { continue };
            if only.is_some_and(|only| only != id) {
                continue;
            }
            let tokens = tokens.clone();
            let entry = Arc::clone(entry);
            tokio::task::spawn_local(async move {
                let Provider::Oidc(party) = &entry.provider else { return };
                party.revoke(&tokens, now).await;
            });
        }
    }

    fn signed_out(&self, partial: Vec<String>) -> Answer {
        let mut answer = respond::page(StatusCode::OK, &SignedOut { partial });
        respond::set_cookie(&mut answer, &self.over());
        answer
    }

    fn session(&self, headers: &Fields) -> Result<Option<Arc<Session>>, Error> {
        match self.cookie.key(headers) {
            Some(key) => Ok(self.sessions.find(&key)?),
            None => Ok(None),
        }
    }

    fn display_name(&self, id: &OrganizationId) -> String {
        self.directory
            .find(id)
            .map_or_else(|| id.to_string(), |entry| entry.config.policy.display_name.clone())
    }
}

/// The providers to visit after a sign-out.
fn visits(session: &Session, only: Option<&OrganizationId>) -> VecDeque<Visit> {
    session
        .principal
        .sign_ins()
        .iter()
        .filter(|sign_in| only.is_none_or(|only| *only == sign_in.organization))
        .filter(|sign_in| sign_in.ended.is_none())
        .map(|sign_in| Visit {
            organization: sign_in.organization.clone(),
            id_token: session.tokens(&sign_in.organization).map(|t| t.id_token().clone()),
            name_id: sign_in.idp_name.as_deref().and_then(|name| serde_json::from_str(name).ok()),
            session_index: sign_in.idp_session.as_deref().map(str::to_owned),
        })
        .collect()
}
