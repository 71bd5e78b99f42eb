//! Turns what stopped a request into an answer in the client's dialect.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode, Uri};
use url::Url;

use super::request_id::ID;
use super::{Gate, Mode, Trace};
use crate::credential::{Unidentified, Unknown};
use crate::error::{Blame, Error};
use crate::fields::FieldValue;
use crate::headers::Forwarding;
use crate::login;
use crate::message::{Request, Response};
use crate::observe::Outcome;
use crate::peer::Peer;
use crate::policy::{OrganizationId, Reason, ReturnTo, Target};
use crate::respond::{self, Dialect, Party, Refusal, Telling};

/// What is kept of a request for its answer and its log line; the request itself moves on.
#[derive(Debug)]
pub(super) struct About {
    pub(super) method: Method,
    uri: Uri,
    client: IpAddr,
    host: Option<FieldValue>,
    referer: Option<FieldValue>,
    /// How the client wants to be spoken to; read when it is refused.
    telling: Telling,
}

impl About {
    pub(super) fn of(request: &Request, forwarding: &Forwarding, peer: &Peer) -> Self {
        let headers = request.headers();
        let mut about = Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            client: forwarding.client(headers, peer.address).address,
            host: None,
            referer: None,
            telling: Telling::default(),
        };
        // One pass, and of two headers with one name the first.
        for (name, value) in headers {
            let kept = match *name {
                header::HOST => &mut about.host,
                header::REFERER => &mut about.referer,
                _ => {
                    about.telling.note(name, value);
                    continue;
                }
            };
            kept.get_or_insert_with(|| value.clone());
        }
        about
    }

    fn dialect(&self) -> Dialect {
        self.telling.dialect(&self.method, self.path())
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(super) fn host(&self) -> Cow<'_, str> {
        match (&self.host, self.uri.authority()) {
            (Some(host), _) => String::from_utf8_lossy(host.as_bytes()),
            (None, Some(authority)) => Cow::Borrowed(authority.as_str()),
            (None, None) => Cow::Borrowed(""),
        }
    }

    pub(super) const fn client(&self) -> IpAddr {
        self.client
    }

    /// Where to go after a sign-in: what was asked for; after a form, the page that held it.
    fn return_to(&self, origin: &str) -> Option<ReturnTo> {
        match self.dialect() {
            Dialect::Form => {
                let referer = Url::parse(self.referer.as_ref()?.to_str().ok()?).ok()?;
                (referer.origin().ascii_serialization() == origin)
                    .then(|| {
                        ReturnTo::parse(
                            &referer[url::Position::BeforePath..url::Position::AfterQuery],
                        )
                    })
                    .flatten()
            }
            Dialect::Page
            | Dialect::Frame
            | Dialect::Script
            | Dialect::Git { .. }
            | Dialect::Lfs { .. }
            | Dialect::Tool => ReturnTo::parse(self.uri.path_and_query()?.as_str()),
        }
    }
}

impl Gate {
    pub(super) fn refuse(
        &self,
        mode: Option<Mode<'_>>,
        error: &Error,
        about: &About,
        request_id: &str,
        trace: &mut Trace,
    ) -> Response {
        let reason = error.reason();
        trace.reason = Some(reason);
        trace.outcome = match error {
            Error::Challenge(_) => Outcome::Challenge,
            Error::Unidentified(Unidentified::Unknown(Unknown::Contradiction(_))) => Outcome::Deny,
            Error::Proxy(_) | Error::Session(_) | Error::Unidentified(_) => Outcome::Error,
            Error::Login { .. }
            | Error::Logout(_)
            | Error::Recovery(_)
            | Error::Device(_)
            | Error::Page(_) => Outcome::Own,
            Error::Ambiguous(_)
            | Error::Headers(_)
            | Error::Body(_)
            | Error::Read(_)
            | Error::Credential(_)
            | Error::ForwardAuth(_)
            | Error::Elsewhere
            | Error::Deny { .. } => Outcome::Deny,
        };
        if let Some(organization) = error.organization() {
            trace.organization = self.known(organization);
        }
        trace.refused(error);
        report(error, request_id);
        // Only where a sign-in, or the organization's rule, is the matter: a hub that is down is
        // nobody's rule, and no sign-in would help.
        let organization = error.organization().and_then(|id| self.known(id));
        let party = organization.as_ref().and_then(|id| self.party(id));
        let return_to = match error {
            Error::Login { failure, .. } => failure.return_to.clone(),
            Error::Ambiguous(_)
            | Error::Headers(_)
            | Error::Body(_)
            | Error::Read(_)
            | Error::Challenge(_)
            | Error::Deny { .. }
            | Error::Page(_)
            | Error::Logout(_)
            | Error::Device(_)
            | Error::Recovery(_)
            | Error::Credential(_)
            | Error::Unidentified(_)
            | Error::Session(_)
            | Error::ForwardAuth(_)
            | Error::Elsewhere
            | Error::Proxy(_) => about.return_to(self.site.public_url.origin()),
        };
        let sign_in =
            party.as_ref().and(organization.as_ref()).map(|id| login::path(id, return_to.as_ref()));
        let refusal = Refusal {
            status: error.status(),
            reason,
            challenge: matches!(error, Error::Challenge(_)),
            party: party.as_ref(),
            sign_in,
            retry_after: error.retry_after(),
            request_id,
            command_line: self.site.cli_sign_in,
            credential: about.telling.shows_credentials(),
        };
        let mut response = respond::refuse(about.dialect(), &refusal);
        if reason == Reason::MethodNotAllowed {
            // RFC 9110 §15.5.6.
            response.headers_mut().insert(header::ALLOW, self.methods_of(&about.uri));
        }
        if let Error::Login { failure, .. } = error
            && let Some(clear) = &failure.clear
        {
            respond::set_cookie(&mut response, clear);
        }
        let mut response = Response::from(response);
        if let Some(Mode::Asked(contract)) = mode {
            contract.refuse(&mut response, reason, &self.site.public_url);
        }
        response
    }

    /// Answers what could not be read: nothing is known of the client but that it speaks HTTP.
    pub(super) fn unreadable(&self, status: StatusCode, reason: Reason) -> Response {
        let mut own = [0; ID];
        let refusal = Refusal {
            status,
            reason,
            challenge: false,
            party: None,
            sign_in: None,
            retry_after: None,
            request_id: self.ids.given_or(None, &mut own),
            command_line: self.site.cli_sign_in,
            credential: false,
        };
        respond::refuse(Dialect::Tool, &refusal).into()
    }

    /// The methods of a page of ours; elsewhere, those that are passed on.
    fn methods_of(&self, uri: &Uri) -> HeaderValue {
        let is_one = |method| {
            let target = uri.path_and_query().and_then(|path| Target::parse(method, path).ok());
            let page = target.and_then(|target| self.endpoint(&target));
            page.is_some_and(|page| page.is_ok())
        };
        HeaderValue::from_static(match (is_one(Method::GET), is_one(Method::POST)) {
            (true, true) => "GET, HEAD, POST",
            (true, false) => "GET, HEAD",
            (false, true) => "POST",
            (false, false) => "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
        })
    }

    /// The organization, if there is one of that id: a log label is never the client's word.
    fn known(&self, id: &OrganizationId) -> Option<OrganizationId> {
        self.site.directory.find(id).map(|entry| entry.config.policy.id.clone())
    }

    fn party(&self, id: &OrganizationId) -> Option<Party> {
        let entry = self.site.directory.find(id)?;
        Some(Party {
            id: id.to_string(),
            display_name: entry.config.policy.display_name.clone(),
            url: self.site.public_url.join(&login::path(id, None)),
        })
    }
}

/// Tells the log the cause, once, where somebody other than the client must act.
fn report(error: &Error, request_id: &str) {
    let organization = error.organization().map(OrganizationId::as_str);
    let reason = error.reason().as_str();
    let cause = Chain(error);
    match error.blame() {
        Blame::Client => {
            if matches!(error, Error::Login { .. } | Error::Logout(_) | Error::ForwardAuth(_)) {
                tracing::info!(request_id, organization, reason, %cause, "refused");
            }
        }
        Blame::IdentityProvider => {
            tracing::warn!(request_id, organization, reason, %cause, "identity provider failed");
        }
        Blame::Upstream => tracing::warn!(request_id, reason, %cause, "hub failed"),
        Blame::Us => tracing::error!(request_id, reason, %cause, "gate failed"),
    }
}

/// An error and its causes, on one line.
struct Chain<'e>(&'e Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = std::error::Error::source(self.0);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
