//! Sign-in for programs without a browser (RFC 8628): the addresses that `hf auth login` knows,
//! answered with the organizations' sign-ins.

mod confirm;
mod oauth;
mod whoami;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{self, HeaderValue};
use serde_json::json;

use crate::budget::{Budgets, network};
use crate::config::PublicUrl;
use crate::credential::{
    Devices, Grants, INTERVAL, Issued, PATIENCE, Program, SessionCookie, Standing, TokenKind,
    parse_token,
};
use crate::directory::Directory;
use crate::fields::{FieldValue, Fields};
use crate::headers::is_same_site;
use crate::observe::{AuditEvent, Happening};
use crate::respond::{self, Answer};
use crate::session::{self, BrowserId, Sessions};

use oauth::{Form, Refusal};

pub use confirm::Error;
pub use whoami::{stranger, whoami};

/// Where a person answers.
pub const PAGE: &str = "/-/sso/device";

/// The client id that `hf auth login` has when nobody has given it another.
const HF_CLIENT_ID: &str = "26be6b09-91c5-47da-9861-d2d2bb7a7e36";

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Sign-in for programs.
#[derive(Debug)]
pub struct Device {
    public_url: PublicUrl,
    cookie: SessionCookie,
    sessions: Arc<Sessions>,
    directory: Arc<Directory>,
    grants: Arc<Grants>,
    programs: Programs,
    lifetime: Duration,
}

/// Programs that wait, and how often somebody may try; survives a reload.
#[derive(Clone, Debug)]
pub struct Programs(Arc<Waiting>);

#[derive(Debug)]
struct Waiting {
    devices: Devices,
    /// How many programs of one network may begin to wait.
    begun: Budgets<IpAddr>,
    /// How many codes one browser may try, and one network (RFC 8628 §5.1).
    tried: Budgets<BrowserId>,
    tried_from: Budgets<IpAddr>,
}

impl Programs {
    /// Nobody waits yet.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new() -> Result<Self, session::Error> {
        Ok(Self(Arc::new(Waiting {
            devices: Devices::new()?,
            begun: Budgets::new(30, Duration::from_secs(10)),
            tried: Budgets::new(10, Duration::from_secs(60)),
            tried_from: Budgets::new(30, Duration::from_secs(20)),
        })))
    }
}

impl Device {
    /// Prepares sign-in for programs.
    #[must_use]
    pub fn new(
        public_url: PublicUrl,
        cookie: SessionCookie,
        sessions: Arc<Sessions>,
        directory: Arc<Directory>,
        programs: Programs,
        grants: Arc<Grants>,
        lifetime: Duration,
    ) -> Self {
        Self { public_url, cookie, sessions, directory, grants, programs, lifetime }
    }

    /// A program begins to wait (RFC 8628 §3.1).
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn begin(
        &self,
        headers: &Fields,
        body: &[u8],
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Answer, session::Error> {
        let form = Form::parse(body);
        let client_id = form
            .as_ref()
            .and_then(|form| form.field("client_id"))
            .filter(|id| id.len() <= 255 && id.bytes().all(|b| b.is_ascii_graphic()));
        let Some(client_id) = client_id else {
            return Ok(Refusal::InvalidRequest.answer(StatusCode::BAD_REQUEST));
        };
        let program = Program { name: name(client_id, headers), address: client };
        let waits = if self.programs.0.begun.take(network(client), now) {
            self.programs.0.devices.wait(client_id, program, now)?
        } else {
            None
        };
        let Some((device_code, user_code)) = waits else {
            let mut answer = Refusal::SlowDown.answer(StatusCode::TOO_MANY_REQUESTS);
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(10));
            return Ok(answer);
        };
        let page = self.public_url.join(PAGE);
        Ok(respond::json(
            StatusCode::OK,
            &json!({
                "device_code": device_code,
                "user_code": user_code.to_string(),
                "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={user_code}"),
                "expires_in": PATIENCE.as_secs(),
                "interval": INTERVAL.as_secs(),
            }),
        ))
    }

    /// A program asks for tokens (RFC 8628 §3.4, RFC 6749 §6).
    ///
    /// # Errors
    /// When the store cannot say, or the system has no random bytes.
    pub fn token(
        &self,
        body: &[u8],
        now: SystemTime,
        notes: &mut Vec<Happening>,
    ) -> Result<Answer, session::Error> {
        let issued = match Form::parse(body) {
            None => Err(Refusal::InvalidRequest),
            Some(form) => match form.field("grant_type") {
                None => Err(Refusal::InvalidRequest),
                Some(DEVICE_CODE) => self.allowed(&form, now, notes)?,
                Some("refresh_token") => self.refreshed(&form, now, notes)?,
                Some(_) => Err(Refusal::UnsupportedGrantType),
            },
        };
        Ok(match issued {
            Err(refusal) => refusal.answer(StatusCode::BAD_REQUEST),
            Ok(Issued { access, refresh, good_for }) => respond::json(
                StatusCode::OK,
                &json!({
                    "access_token": access.expose(),
                    "token_type": "bearer",
                    "expires_in": good_for.as_secs(),
                    "refresh_token": refresh.expose(),
                }),
            ),
        })
    }

    /// A person takes back what a program was given, on the account page.
    ///
    /// # Errors
    /// When the form came from another site, or the store cannot say.
    pub fn revoke(
        &self,
        headers: &Fields,
        body: &[u8],
        notes: &mut Vec<Happening>,
    ) -> Result<Answer, Error> {
        if !is_same_site(headers, self.public_url.origin()) {
            return Err(Error::CrossSite);
        }
        let form = Form::parse(body).ok_or(Error::Parameters)?;
        let id = form.field("id").ok_or(Error::Parameters)?;
        let session = match self.cookie.key(headers) {
            Some(key) => self.sessions.find(&key)?,
            None => None,
        };
        if let Some(grant) = session.and_then(|session| self.grants.revoke(&session, id)) {
            tracing::info!(event = "token-revoked", grant = id, "a person revoked a program");
            notes.extend(grant.happened(&AuditEvent::TokenRevoked { grant: grant.id.clone() }));
        }
        Ok(respond::see_other("/-/sso/"))
    }

    fn allowed(
        &self,
        form: &Form,
        now: SystemTime,
        notes: &mut Vec<Happening>,
    ) -> Result<Result<Issued, Refusal>, session::Error> {
        let (Some(device_code), Some(client_id)) =
            (form.field("device_code"), form.field("client_id"))
        else {
            return Ok(Err(Refusal::InvalidRequest));
        };
        let (pledge, program) = match self.programs.0.devices.ask(device_code, client_id, now) {
            Standing::Allowed(pledge, program) => (pledge, program),
            Standing::Pending => return Ok(Err(Refusal::AuthorizationPending)),
            Standing::TooOften => return Ok(Err(Refusal::SlowDown)),
            Standing::Expired => return Ok(Err(Refusal::ExpiredToken)),
            Standing::Denied => return Ok(Err(Refusal::AccessDenied)),
            Standing::Spent(given) => {
                // RFC 6749 §4.1.2: a code that is used twice takes back what it gave.
                if let Some(given) = given {
                    self.grants.take_back(given, notes);
                }
                return Ok(Err(Refusal::InvalidGrant));
            }
            Standing::Unknown => return Ok(Err(Refusal::InvalidGrant)),
        };
        match self.grants.give(pledge, program, &self.sessions, self.lifetime, now)? {
            Ok((grant, issued)) => {
                self.programs.0.devices.given(device_code, issued.refresh.hash());
                notes.extend(grant.happened(&AuditEvent::TokenIssued { grant: grant.id.clone() }));
                tracing::info!(
                    event = "token-issued",
                    grant = grant.id,
                    organizations = grant.organizations(),
                    program = grant.program.name,
                    client.address = %grant.program.address,
                    "a program was given tokens"
                );
                Ok(Ok(issued))
            }
            // Signed out between the answer and this.
            Err(_) => Ok(Err(Refusal::AccessDenied)),
        }
    }

    fn refreshed(
        &self,
        form: &Form,
        now: SystemTime,
        notes: &mut Vec<Happening>,
    ) -> Result<Result<Issued, Refusal>, session::Error> {
        let Some(token) = form.field("refresh_token") else {
            return Ok(Err(Refusal::InvalidRequest));
        };
        let Some((TokenKind::Refresh, hash)) = parse_token(token) else {
            return Ok(Err(Refusal::InvalidGrant));
        };
        let refreshed = self.grants.refresh(hash, &self.sessions, self.lifetime, now, notes)?;
        Ok(refreshed.map(|(_, issued)| issued).map_err(|_| Refusal::InvalidGrant))
    }
}

/// What a program says it is, for the person to compare: printable, and short.
///
/// The Hub's own command sends the name of its HTTP library here; its client id says more.
fn name(client_id: &str, headers: &Fields) -> String {
    let agent = headers.get(header::USER_AGENT).map(FieldValue::as_bytes).unwrap_or_default();
    let agent = String::from_utf8_lossy(agent);
    let plain: String = agent.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
    let plain: String = plain.trim().chars().take(120).collect();
    match (client_id == HF_CLIENT_ID, plain.is_empty()) {
        (true, true) => "hf".to_owned(),
        (true, false) => format!("hf ({plain})"),
        (false, true) => "a program without a name".to_owned(),
        (false, false) => plain,
    }
}
