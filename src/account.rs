//! Who I am in each organization: the account page, and the same as JSON for hubs' front ends.

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::credential::{Grant, Grants, SessionCookie};
use crate::directory::Directory;
use crate::fields::Fields;
use crate::headers::stable_subject;
use crate::policy::{EmailAddress, Principal, SignIn, Standing};
use crate::respond::{self, Account as AccountPage, AccountProgram, AccountRow, Answer};
use crate::session::{self, Session, Sessions};

/// The account page and what belongs to it.
#[derive(Debug)]
pub struct Account {
    cookie: SessionCookie,
    sessions: Arc<Sessions>,
    directory: Arc<Directory>,
    grants: Arc<Grants>,
}

impl Account {
    /// Prepares the page.
    #[must_use]
    pub const fn new(
        cookie: SessionCookie,
        sessions: Arc<Sessions>,
        directory: Arc<Directory>,
        grants: Arc<Grants>,
    ) -> Self {
        Self { cookie, sessions, directory, grants }
    }

    /// The account page; `unfinished` is whose provider did not send the person back who signs out.
    ///
    /// # Errors
    /// When the store cannot say who is signed in.
    pub fn page(
        &self,
        headers: &Fields,
        complaint: Option<String>,
        unfinished: Option<String>,
        now: SystemTime,
    ) -> Result<Answer, session::Error> {
        let session = self.session(headers)?;
        let programs = match &session {
            Some(session) => self.grants.of_session(session, &self.sessions, now)?,
            None => Vec::new(),
        };
        let programs = programs.iter().map(|grant| program(grant)).collect();
        let principal = session.map_or_else(Principal::anonymous, |s| s.principal.clone());
        let rows = self
            .directory
            .iter()
            .map(|entry| {
                let policy = &entry.config.policy;
                row(&policy.display_name, policy.id.as_str(), principal.standing(&policy.id, now))
            })
            .collect();
        let signed_in = principal.live(now).next().is_some();
        let status = if complaint.is_some() { StatusCode::NOT_FOUND } else { StatusCode::OK };
        Ok(respond::page(status, &AccountPage { rows, signed_in, programs, complaint, unfinished }))
    }

    /// Finds the organization of a work e-mail address: the way to its sign-in, or the account
    /// page with a complaint.
    ///
    /// # Errors
    /// When the store cannot say who is signed in.
    pub fn find(
        &self,
        query: &str,
        headers: &Fields,
        now: SystemTime,
    ) -> Result<Answer, session::Error> {
        let email = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "email")
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default();
        let address = EmailAddress::parse(&email);
        match address.as_ref().and_then(|address| self.directory.by_email(address)) {
            Some(entry) => {
                let hint: String = url::form_urlencoded::byte_serialize(email.as_bytes()).collect();
                let id = &entry.config.policy.id;
                Ok(respond::see_other(&format!("/-/sso/{id}/login?login_hint={hint}")))
            }
            None if address.is_none() => {
                self.page(headers, Some("That is not an e-mail address.".to_owned()), None, now)
            }
            None => {
                let complaint = "No organization signs in with addresses of that domain here.";
                self.page(headers, Some(complaint.to_owned()), None, now)
            }
        }
    }

    /// The caller's sign-ins as JSON; never a token.
    ///
    /// # Errors
    /// When the store cannot say who is signed in.
    pub fn json(&self, headers: &Fields, now: SystemTime) -> Result<Answer, session::Error> {
        let principal = self.principal(headers)?;
        let sign_ins: Vec<Value> = principal
            .sign_ins()
            .iter()
            .map(|sign_in| {
                let entry = self.directory.find(&sign_in.organization);
                let display_name = entry.map(|entry| entry.config.policy.display_name.clone());
                json!({
                    "organization": sign_in.organization.as_str(),
                    "display_name": display_name,
                    "user": stable_subject(sign_in),
                    "subject": sign_in.subject.as_str(),
                    "email": sign_in.email.as_deref(),
                    "name": sign_in.name.as_deref(),
                    "role": sign_in.role.as_str(),
                    "groups": &*sign_in.groups,
                    "state": state(sign_in.standing(now)),
                    "signed_in_at": rfc3339(sign_in.signed_in_at),
                    "expires_at": rfc3339(sign_in.expires_at),
                })
            })
            .collect();
        let signed_in = principal.live(now).next().is_some();
        Ok(respond::json(StatusCode::OK, &json!({ "signed_in": signed_in, "sign_ins": sign_ins })))
    }

    fn principal(&self, headers: &Fields) -> Result<Principal, session::Error> {
        let session = self.session(headers)?;
        Ok(session.map_or_else(Principal::anonymous, |session| session.principal.clone()))
    }

    fn session(&self, headers: &Fields) -> Result<Option<Arc<Session>>, session::Error> {
        match self.cookie.key(headers) {
            Some(key) => self.sessions.find(&key),
            None => Ok(None),
        }
    }
}

/// The name of a standing, on the page and in JSON.
const fn state(standing: Standing<'_>) -> &'static str {
    match standing {
        Standing::Unknown => "none",
        Standing::Live(_) => "live",
        Standing::Expired(_) => "expired",
        Standing::Revoked(_) => "revoked",
    }
}

fn row(display_name: &str, id: &str, standing: Standing<'_>) -> AccountRow {
    let sign_in = match standing {
        Standing::Unknown => None,
        Standing::Live(sign_in) | Standing::Expired(sign_in) | Standing::Revoked(sign_in) => {
            Some(sign_in)
        }
    };
    AccountRow {
        id: id.to_owned(),
        display_name: display_name.to_owned(),
        state: state(standing),
        person: sign_in.map(person).unwrap_or_default(),
        role: sign_in.map(|sign_in| sign_in.role.to_string()).unwrap_or_default(),
        since: sign_in.map(|sign_in| readable(sign_in.signed_in_at)).unwrap_or_default(),
        until: sign_in.map(|sign_in| readable(sign_in.expires_at)).unwrap_or_default(),
    }
}

fn program(grant: &Grant) -> AccountProgram {
    AccountProgram {
        id: grant.id.clone(),
        name: grant.program.name.clone(),
        address: grant.program.address.to_string(),
        since: readable(grant.made_at),
        used: readable(grant.used_at()),
    }
}

fn person(sign_in: &SignIn) -> String {
    let known = sign_in.email.as_deref().or(sign_in.name.as_deref());
    known.unwrap_or_else(|| sign_in.subject.as_str()).to_owned()
}

fn rfc3339(at: SystemTime) -> Option<String> {
    let seconds = Timestamp::try_from(at).ok()?.as_second();
    Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}

fn readable(at: SystemTime) -> String {
    Timestamp::try_from(at)
        .map(|at| at.strftime("%-d %B %Y, %H:%M UTC").to_string())
        .unwrap_or_default()
}
