//! Who somebody is by the hub's word: what is asked, and what the answer means.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{self, HeaderName};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri};
use serde_json::{Map, Value};

use super::odd::Odd;
use crate::config::{self, Basic, EmailTrust, Forbidden, PublicUrl};
use crate::fields::{FieldValue, Fields};
use crate::message::Request;
use crate::policy::{Account, AccountId, Attribute, EmailAddress, Namespace, Selected};

/// The most bytes that an answer may have.
pub const ANSWER_LIMIT: usize = 1024 * 1024;
/// The most pages of organizations that are read.
pub(super) const PAGES: usize = 20;

/// What carries a credential of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `Cookie`: a browser.
    Cookie,
    /// `Authorization`, or a header of the hub's own.
    Header(HeaderName),
}

/// One credential, as it stands in the request.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Where it stands.
    pub carrier: Carrier,
    /// What stands there; of cookies, those that are the hub's.
    pub value: FieldValue,
}

/// A question of our own to the hub, which holds one credential and nothing else of the request.
///
/// Only this file makes one: whatever else goes to the hub needs a permit.
#[derive(Debug)]
pub struct Question(Request);

impl Question {
    /// The request as it is sent.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.0
    }
}

/// The hub's word on a credential.
#[derive(Clone, Debug)]
pub enum Said {
    /// Whose it is.
    Account(Account),
    /// It is none.
    Refused,
    /// It may be one; whose it is is not said.
    Unidentified,
}

/// An answer that has been read: the end, or a further question.
#[derive(Debug)]
pub enum Heard {
    /// All that there is to know.
    Said(Said),
    /// There is more on another page.
    More(Box<Hearing>),
}

/// What was heard so far.
#[derive(Debug)]
pub struct Hearing {
    profile: Map<String, Value>,
    organizations: Vec<Value>,
    next: PathAndQuery,
    pages: usize,
}

/// How a hub with accounts is asked.
#[derive(Debug)]
pub struct Whoami {
    config: config::Whoami,
    host: FieldValue,
}

impl Whoami {
    /// Asks as the configuration says; the hub is told the host that people see.
    #[must_use]
    pub fn new(config: config::Whoami, public_url: &PublicUrl) -> Self {
        let host = FieldValue::from_str(public_url.authority());
        Self { config, host: host.unwrap_or(const { FieldValue::from_static("localhost") }) }
    }

    /// Whether another configuration asks the same.
    #[must_use]
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        // Paths into documents are compared as they were written.
        self.host == other.host && format!("{:?}", self.config) == format!("{:?}", other.config)
    }

    /// How long the hub may take to say everything.
    #[must_use]
    pub const fn timeout(&self) -> std::time::Duration {
        self.config.timeout
    }

    /// How requests carry the hub's credentials.
    #[must_use]
    pub const fn config(&self) -> &config::Whoami {
        &self.config
    }

    /// Whether somebody's word is needed on the credential at all: what is neither a token nor a
    /// password (a signature over one request, say) is nobody's that `whoami` could name.
    #[must_use]
    pub fn can_ask(&self, shown: &Shown) -> bool {
        match shown.carrier {
            Carrier::Cookie => self.config.by_cookie,
            Carrier::Header(_) => self.to_send(shown).is_some(),
        }
    }

    /// The first question about a credential.
    ///
    /// # Errors
    /// When the credential cannot be passed on.
    pub fn question(&self, shown: &Shown) -> Result<Question, Odd> {
        self.ask(self.config.path.clone(), shown)
    }

    /// A further question about it.
    ///
    /// # Errors
    /// When the credential cannot be passed on.
    pub fn further(&self, hearing: &Hearing, shown: &Shown) -> Result<Question, Odd> {
        self.ask(hearing.next.clone(), shown)
    }

    fn ask(&self, path: PathAndQuery, shown: &Shown) -> Result<Question, Odd> {
        let (name, value) = self.to_send(shown).ok_or(Odd::Unwritable)?;
        let mut headers = Fields::with_capacity(4);
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::ACCEPT, const { FieldValue::from_static("application/json") });
        headers.insert(
            header::USER_AGENT,
            const { FieldValue::from_static(concat!("hubgate/", env!("CARGO_PKG_VERSION"))) },
        );
        headers.insert(name, value);
        Ok(Question(Request::read(Method::GET, Uri::from(path), headers)))
    }

    /// The header that shows the credential to `whoami`; `None` for a scheme that is no token's.
    fn to_send(&self, shown: &Shown) -> Option<(HeaderName, FieldValue)> {
        let Carrier::Header(name) = &shown.carrier else {
            return Some((header::COOKIE, shown.value.clone()));
        };
        let text = shown.value.to_str().ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("basic") && self.config.basic == Basic::Token {
            let plain = BASE64_STANDARD.decode(rest.trim()).ok()?;
            let at = plain.iter().position(|b| *b == b':')?;
            let token = plain.get(at + 1..).filter(|token| !token.is_empty())?;
            let value = FieldValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
            return Some((header::AUTHORIZATION, value));
        }
        let known = ["bearer", "basic", "token"].iter().any(|own| scheme.eq_ignore_ascii_case(own));
        known.then(|| (name.clone(), shown.value.clone()))
    }

    /// Reads the answer to the first question.
    ///
    /// # Errors
    /// When it says neither who it is nor that it is nobody.
    pub fn read(&self, status: StatusCode, body: &[u8]) -> Result<Heard, Odd> {
        match (status, self.config.forbidden) {
            (StatusCode::OK, _) => {}
            (StatusCode::UNAUTHORIZED, _) | (StatusCode::FORBIDDEN, Forbidden::Refused) => {
                return Ok(Heard::Said(Said::Refused));
            }
            (StatusCode::FORBIDDEN, Forbidden::Unidentified) => {
                return Ok(Heard::Said(Said::Unidentified));
            }
            (other, _) => return Err(Odd::Status(other)),
        }
        let Ok(Value::Object(profile)) = serde_json::from_slice(body) else {
            return Err(Odd::Json);
        };
        match &self.config.organizations_path {
            Some(path) => {
                let next = path.clone();
                let hearing = Hearing { profile, organizations: Vec::new(), next, pages: 0 };
                Ok(Heard::More(Box::new(hearing)))
            }
            None => Ok(Heard::Said(Said::Account(self.account(&profile)?))),
        }
    }

    /// Reads the answer to a further question: a list of organizations, perhaps with a next page
    /// (RFC 8288 §3).
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_more(
        &self,
        mut hearing: Box<Hearing>,
        status: StatusCode,
        headers: &Fields,
        body: &[u8],
    ) -> Result<Heard, Odd> {
        match status {
            StatusCode::OK => {}
            // A token that may read its owner's name, and not where it belongs.
            StatusCode::FORBIDDEN => return Ok(Heard::Said(Said::Unidentified)),
            other => return Err(Odd::Status(other)),
        }
        let Ok(Value::Array(page)) = serde_json::from_slice(body) else { return Err(Odd::Json) };
        hearing.organizations.extend(page);
        hearing.pages += 1;
        if let Some(next) = next_page(headers, &hearing.next) {
            if hearing.pages == PAGES {
                return Err(Odd::Endless);
            }
            hearing.next = next;
            return Ok(Heard::More(hearing));
        }
        let organizations = Value::Array(hearing.organizations);
        hearing.profile.insert("organizations".to_owned(), organizations);
        Ok(Heard::Said(Said::Account(self.account(&hearing.profile)?)))
    }

    /// The account of an answer; where organizations are a list of their own, it stands in
    /// `organizations`.
    ///
    /// # Errors
    /// When something is missing.
    pub fn account(&self, profile: &Map<String, Value>) -> Result<Account, Odd> {
        let one = |attribute: &Attribute| match attribute.select(profile) {
            Selected::Values(values) => match values.as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            },
            Selected::Missing => None,
        };
        let id = one(&self.config.id).and_then(|id| AccountId::parse(&id));
        let name = one(&self.config.name).filter(|name| !name.is_empty());
        let trusted = match self.config.email_trust {
            EmailTrust::Never => false,
            EmailTrust::IfVerified => one(&self.config.email_verified).is_some_and(|v| v == "true"),
            EmailTrust::Always => true,
        };
        let email = one(&self.config.email).filter(|_| trusted);
        let organizations = match &self.config.organizations {
            None => Vec::new(),
            Some(attribute) => match attribute.select(profile) {
                // A name that no namespace could have is none of ours.
                Selected::Values(names) => {
                    names.iter().filter_map(|name| Namespace::parse(name).ok()).collect()
                }
                // An organization's own token belongs to nobody, and says so.
                Selected::Missing if profile.get("type").is_some_and(|kind| kind == "org") => {
                    Vec::new()
                }
                Selected::Missing => return Err(Odd::Lacks("where the account belongs")),
            },
        };
        Ok(Account {
            id: id.ok_or(Odd::Lacks("the account's id"))?,
            name: name.ok_or(Odd::Lacks("the account's name"))?.into(),
            email: email.and_then(|email| EmailAddress::parse(&email)),
            organizations,
        })
    }
}

/// The address of the next page, on the same path.
fn next_page(headers: &Fields, current: &PathAndQuery) -> Option<PathAndQuery> {
    let links = headers.get_all(header::LINK).filter_map(|value| value.to_str().ok());
    let next = links.flat_map(|value| value.split(',')).find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        parameters.contains("rel=\"next\"").then_some(address)
    })?;
    let uri = Uri::try_from(next).ok()?;
    let path = uri.path_and_query()?;
    (path.path() == current.path() && path != current).then(|| path.clone())
}
