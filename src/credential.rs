//! What a request shows: a session, a token, an account of the hub, or nothing.

mod cookie;
mod devices;
mod grant;
mod grants;
mod guest;
mod known;
mod machines;
mod pledge;
mod refresh;
mod token;
mod visitor;
mod workloads;

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::HeaderName;

use crate::config::OrganizationConfig;
use crate::directory::Directory;
use crate::fields::{FieldValue, Fields};
use crate::headers::{Forwarding, Identity};
use crate::http_client::{HttpClient, TrustError};
use crate::links::Links;
use crate::peer::Peer;
use crate::policy::{OrganizationId, Principal, Reason};
use crate::session::{self, Session, Sessions};

use token::{Kind, Shown};

pub use known::{Acquaintances, Unknown};
pub use refresh::{Refreshes, Refreshing};
pub use visitor::{Error as Unidentified, Reception, Visitor};

use machines::Machines;
use workloads::Workloads;

pub use cookie::SessionCookie;
pub use devices::{Devices, INTERVAL, PATIENCE, Standing, UserCode, Waiting};
pub use grant::{Grant, Program};
pub use grants::{Grants, Issued};
pub use pledge::{Pledge, Refused};
pub use token::{HEADERS, Hash as TokenHash, Kind as TokenKind, Token, parse as parse_token};

/// Reads credentials, and keeps them fresh.
#[derive(Debug)]
pub struct Credentials {
    sessions: Arc<Sessions>,
    grants: Arc<Grants>,
    cookie: SessionCookie,
    refreshing: Arc<Refreshing>,
    machines: Machines,
    workloads: Workloads,
    forwarding: Forwarding,
}

/// Why a request's credential is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The session store cannot say.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// It is one of ours and opens nothing.
    #[error("a credential of ours opens nothing: {}", .0.reason)]
    Refused(Refused),
}

/// What one request showed.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing, or nothing that we know.
    Anonymous,
    /// The cookie of a session.
    Session(Arc<Session>),
    /// A token of ours, as whose bearer the session speaks; and the header that held it, which
    /// nobody else may see.
    Token(Arc<Session>, HeaderName),
    /// What the hub's word and a session make of it, where the hub has accounts.
    Visitor(Arc<Visitor>),
}

/// A credential, or the way to it where somebody else must be asked.
pub enum Reading<'c> {
    /// It was read.
    Read(Credential),
    /// The keys of whoever vouches may have to be fetched; hardly any request comes by here.
    Asking(Pin<Box<dyn Future<Output = Result<Credential, Error>> + 'c>>),
}

impl From<Credential> for Reading<'_> {
    fn from(credential: Credential) -> Self {
        Self::Read(credential)
    }
}

impl Credential {
    /// Who that is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        const NOBODY: &Principal = &Principal::anonymous();
        match self {
            Self::Anonymous => NOBODY,
            Self::Session(session) | Self::Token(session, _) => &session.principal,
            Self::Visitor(visitor) => visitor.principal(),
        }
    }

    /// The session that `organization`'s sign-in stands in, if there is one.
    #[must_use]
    pub fn session_of(&self, organization: &OrganizationId) -> Option<&Arc<Session>> {
        match self {
            Self::Anonymous => None,
            Self::Session(session) | Self::Token(session, _) => Some(session),
            Self::Visitor(visitor) => visitor.session(organization),
        }
    }

    /// The identity headers for a target of `organization`, made earlier or by `make`, which also
    /// says until when its result is good; none for nobody.
    #[must_use]
    pub fn identity(
        &self,
        organization: Option<&OrganizationId>,
        generation: u64,
        now: SystemTime,
        make: impl FnOnce() -> (Identity, SystemTime),
    ) -> Arc<Identity> {
        match self {
            Self::Anonymous => Arc::new(Identity::anonymous()),
            Self::Session(session) | Self::Token(session, _) => {
                session.identity(organization, generation, now, make)
            }
            Self::Visitor(visitor) => visitor.identity(organization, generation, now, make),
        }
    }

    /// Takes out of a request what it showed to us alone.
    pub fn strip(&self, headers: &mut Fields) {
        match self {
            Self::Anonymous | Self::Session(_) | Self::Visitor(_) => {}
            Self::Token(_, header) => {
                headers.remove(header);
            }
        }
    }

    /// Tells a proxy that asks us what is left of the client's credentials for the hub: its own, and
    /// nothing in the place of a token of ours.
    pub fn leave(&self, asked: &Fields, told: &mut Fields) {
        for name in HEADERS {
            let mut values = asked.get_all(&name);
            if let Some(first) = values.next() {
                told.insert(&name, first.clone());
            }
            for other in values {
                told.append(&name, other.clone());
            }
        }
        match self {
            Self::Anonymous | Self::Session(_) | Self::Visitor(_) => {}
            Self::Token(_, header) => {
                told.insert(header, const { FieldValue::from_static("") });
            }
        }
    }
}

impl Credentials {
    /// Reads from the sessions that `refreshing` keeps fresh.
    #[must_use]
    pub fn new(refreshing: Refreshing, grants: Arc<Grants>, cookie: SessionCookie) -> Self {
        Self {
            sessions: refreshing.sessions(),
            grants,
            cookie,
            refreshing: Arc::new(refreshing),
            machines: Machines::default(),
            workloads: Workloads::default(),
            forwarding: Forwarding::new(Vec::new()),
        }
    }

    /// The same, with the machines of a configuration. Where they are is said by `forwarding`.
    ///
    /// # Errors
    /// The file of authorities that cannot be read.
    pub fn with_machines(
        mut self,
        organizations: &[Arc<OrganizationConfig>],
        forwarding: Forwarding,
        http: &HttpClient,
    ) -> Result<Self, TrustError> {
        self.machines = Machines::new(organizations);
        self.workloads = Workloads::new(organizations, http)?;
        self.forwarding = forwarding;
        Ok(self)
    }

    /// Puts these sign-ins together with the hub's accounts.
    #[must_use]
    pub fn reception(
        &self,
        directory: Arc<Directory>,
        links: Arc<Links>,
        acquaintances: Arc<Acquaintances>,
    ) -> Reception {
        let (sessions, refreshing) = (Arc::clone(&self.sessions), Arc::clone(&self.refreshing));
        Reception::new(sessions, refreshing, directory, links, acquaintances)
    }

    /// The credential of a request.
    ///
    /// A sign-in whose tokens are due is refreshed beside the request: nobody waits for a slow
    /// identity provider.
    ///
    /// A token of ours speaks for itself: beside a session's cookie, or beside another one, there
    /// would be two answers to who is asking.
    ///
    /// # Errors
    /// When the session store cannot say, or a token of ours opens nothing; the request is then
    /// refused.
    pub fn read<'c>(
        &'c self,
        headers: &'c Fields,
        peer: &Peer,
        now: SystemTime,
    ) -> Result<Reading<'c>, Error> {
        let refused = |reason| Err(Error::Refused(Refused::of(reason)));
        let cookie = self.cookie.value(headers);
        match token::find(headers) {
            Shown::Nothing => {}
            Shown::Foreign(bearer, header) => {
                if let Some(issuer) = self.workloads.issuer_of(&bearer) {
                    if cookie.is_some() {
                        return refused(Reason::MixedCredentials);
                    }
                    return Ok(Reading::Asking(Box::pin(async move {
                        let found = self.workloads.find(&issuer, &bearer, now).await?;
                        Ok(Credential::Token(found, header))
                    })));
                }
            }
            Shown::Doubled => return refused(Reason::MixedCredentials),
            Shown::Ours(..) | Shown::Malformed if cookie.is_some() => {
                return refused(Reason::MixedCredentials);
            }
            Shown::Ours(Kind::Refresh, ..) | Shown::Malformed => {
                return refused(Reason::TokenUnknown);
            }
            Shown::Ours(Kind::Service, hash, header) => {
                let client = || self.forwarding.client(headers, peer.address).address;
                let session = self.machines.find(hash, client, now).map_err(Error::Refused)?;
                return Ok(Credential::Token(session, header).into());
            }
            Shown::Ours(Kind::Access, hash, header) => {
                let found = self.grants.find(hash, &self.sessions, now)?;
                let session = found.map_err(Error::Refused)?;
                self.refreshing.if_due(&session, now);
                return Ok(Credential::Token(session, header).into());
            }
        }
        Ok(self.of_cookie(cookie, now)?.into())
    }

    /// The credential of a request that shows nothing but this session cookie.
    ///
    /// # Errors
    /// When the session store cannot say.
    pub fn of_cookie(&self, cookie: Option<&[u8]>, now: SystemTime) -> Result<Credential, Error> {
        let found = cookie.map(|cookie| self.sessions.of_cookie(cookie, now)).transpose()?;
        let Some(session) = found.flatten() else { return Ok(Credential::Anonymous) };
        self.refreshing.if_due(&session, now);
        Ok(Credential::Session(session))
    }
}
