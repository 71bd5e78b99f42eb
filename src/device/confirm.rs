//! The page on which a person allows a program, or not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use super::{Device, Form, PAGE};
use crate::budget::network;
use crate::credential::{Pledge, UserCode, Waiting};
use crate::fields::Fields;
use crate::headers::is_same_site;
use crate::observe::{AuditEvent, Happening};
use crate::policy::{OrganizationId, Reason, SignIn};
use crate::respond::{
    self, Answer, DeviceAnswered, DeviceCode, DeviceQuestion, DeviceSignIn, OrganizationLink,
};
use crate::session::{self, Session};

/// Why a person's answer is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The form came from another site.
    #[error("the form was sent from another site")]
    CrossSite,
    /// A parameter is missing, doubled or malformed.
    #[error("the form's parameters are missing, doubled or malformed")]
    Parameters,
    /// No store.
    #[error(transparent)]
    Session(#[from] session::Error),
}

impl Error {
    /// The stable cause.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::CrossSite => Reason::CrossSite,
            Self::Parameters => Reason::BadParameters,
            Self::Session(session::Error::Unavailable) => Reason::StoreUnavailable,
        }
    }
}

impl Device {
    /// Asks for the code, or whether the program that shows it may act as the person does.
    ///
    /// # Errors
    /// When the store cannot say who is signed in.
    pub fn page(
        &self,
        query: &str,
        headers: &Fields,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let form = Form::parse(query.as_bytes()).ok_or(Error::Parameters)?;
        let typed = form.field("user_code");
        let code = typed.and_then(UserCode::parse);
        let Some(session) = self.session(headers, now)? else {
            return Ok(self.sign_in_first(code.as_ref()));
        };
        match (typed, code) {
            (None, _) => Ok(respond::page(StatusCode::OK, &DeviceCode { complaint: None })),
            (Some(_), None) => Ok(unknown_code()),
            (Some(_), Some(code)) => Ok(self.question(&session, &code, client, now)),
        }
    }

    /// A person answers.
    ///
    /// # Errors
    /// When the form came from another site, or the store cannot say.
    pub fn answer(
        &self,
        headers: &Fields,
        body: &[u8],
        client: IpAddr,
        now: SystemTime,
        notes: &mut Vec<Happening>,
    ) -> Result<Answer, Error> {
        if !is_same_site(headers, self.public_url.origin()) {
            return Err(Error::CrossSite);
        }
        let form = Form::parse(body).ok_or(Error::Parameters)?;
        let code = form.field("user_code").and_then(UserCode::parse).ok_or(Error::Parameters)?;
        let Some(session) = self.session(headers, now)? else {
            return Ok(self.sign_in_first(Some(&code)));
        };
        let confirmation = form.field("confirmation").unwrap_or_default();
        if !self.programs.0.devices.is_confirmed(confirmation, &code, &session) {
            // Another sign-in came in between, or the question was never shown: it is now.
            return Ok(self.question(&session, &code, client, now));
        }
        let allowed = match form.field("answer") {
            Some("allow") => true,
            Some("refuse") => false,
            Some(_) | None => return Err(Error::Parameters),
        };
        let pledge = allowed.then(|| Pledge::of(&session, now));
        let Some(waiting) = self.programs.0.devices.answer(&code, pledge, now) else {
            return Ok(unknown_code());
        };
        let subject = session.principal.live(now).next().map(|s| s.subject.as_str().to_owned());
        tracing::info!(
            event = if allowed { "device-allowed" } else { "device-refused" },
            subject,
            program = waiting.program.name,
            program.address = %waiting.program.address,
            client.address = %client,
            "a person answered for a program"
        );
        let event = if allowed { AuditEvent::DeviceAllowed } else { AuditEvent::DeviceRefused };
        let live = session.principal.live(now);
        notes.extend(live.map(|sign_in| Happening::to(event.clone(), sign_in)));
        Ok(respond::page(StatusCode::OK, &DeviceAnswered { allowed }))
    }

    /// The session of whoever is signed in somewhere.
    fn session(
        &self,
        headers: &Fields,
        now: SystemTime,
    ) -> Result<Option<Arc<Session>>, session::Error> {
        let Some(key) = self.cookie.key(headers) else { return Ok(None) };
        let session = self.sessions.find(&key)?;
        Ok(session.filter(|session| session.principal.live(now).next().is_some()))
    }

    fn sign_in_first(&self, code: Option<&UserCode>) -> Answer {
        let place = match code {
            Some(code) => format!("{PAGE}?user_code={code}"),
            None => PAGE.to_owned(),
        };
        let links: Vec<OrganizationLink> = self
            .directory
            .iter()
            .map(|entry| {
                let policy = &entry.config.policy;
                let href = sign_in(&policy.id, &place);
                OrganizationLink { href, display_name: policy.display_name.clone() }
            })
            .collect();
        match links.as_slice() {
            [only] => respond::see_other(&only.href),
            _ => respond::page(StatusCode::OK, &DeviceSignIn { links }),
        }
    }

    /// The question, once the code is found; each look is one try (RFC 8628 §5.1).
    fn question(
        &self,
        session: &Session,
        code: &UserCode,
        client: IpAddr,
        now: SystemTime,
    ) -> Answer {
        let may = self.programs.0.tried.take(session.browser, now)
            && self.programs.0.tried_from.take(network(client), now);
        if !may {
            let complaint = "Too many codes were tried. Wait a few minutes, then try again.";
            tracing::warn!(
                event = "device-codes-tried",
                client.address = %client,
                "too many codes of programs were tried"
            );
            let page = DeviceCode { complaint: Some(complaint.to_owned()) };
            return respond::page(StatusCode::TOO_MANY_REQUESTS, &page);
        }
        let Some(Waiting { user_code, program, since }) = self.programs.0.devices.find(code, now)
        else {
            return unknown_code();
        };
        let minutes = now.duration_since(since).unwrap_or_default().as_secs() / 60;
        let person = |sign_in: &SignIn| {
            let entry = self.directory.find(&sign_in.organization);
            let name = entry.map_or_else(
                || sign_in.organization.to_string(),
                |entry| entry.config.policy.display_name.clone(),
            );
            let who = sign_in.email.as_deref().unwrap_or(sign_in.subject.as_str()).to_owned();
            (name, who, sign_in.role.to_string())
        };
        respond::page(
            StatusCode::OK,
            &DeviceQuestion {
                confirmation: self.programs.0.devices.confirmation(&user_code, session),
                user_code: user_code.to_string(),
                program: program.name,
                address: program.address.to_string(),
                elsewhere: network(program.address) != network(client),
                minutes,
                people: session.principal.live(now).map(person).collect(),
            },
        )
    }
}

/// The way through a sign-in, and back.
fn sign_in(organization: &OrganizationId, place: &str) -> String {
    let place: String = url::form_urlencoded::byte_serialize(place.as_bytes()).collect();
    format!("/-/sso/{organization}/login?return_to={place}")
}

fn unknown_code() -> Answer {
    let complaint = "No program waits with that code. Codes are good for 15 minutes, once.";
    respond::page(StatusCode::NOT_FOUND, &DeviceCode { complaint: Some(complaint.to_owned()) })
}
