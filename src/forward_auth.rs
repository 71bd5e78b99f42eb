//! The same decision for those who keep their own proxy (contract, section 9).
//!
//! A contract is two small functions: where the proxy has put what its client asks for, and what
//! a refusal looks like so that the proxy can pass it on.

mod envoy;
mod forward;
pub mod grpc;
mod nginx;
mod plain;

use http::header::{self, HeaderName};
use http::uri::{PathAndQuery, Uri};
use http::{Method, StatusCode};

use crate::body::Body;
use crate::config::PublicUrl;
use crate::credential::HEADERS;
use crate::fields::{FieldValue, Fields};
use crate::headers::{Answer, Forwarding, Identity, Managed, others};
use crate::message::{Request, Response};
use crate::peer::Peer;
use crate::policy::{Ambiguity, Permit, Reason};

pub use plain::{Marks, Question};

/// How a proxy asks, each at an address of its own: what one proxy sets, another passes on as its
/// client has written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// nginx's `auth_request`.
    Nginx,
    /// Traefik, Caddy, HAProxy, Skipper.
    Forward,
    /// Envoy's `ext_authz` by HTTP, Istio, Gateway API.
    Envoy,
    /// Envoy's `ext_authz` by gRPC, on a port of its own.
    Grpc,
}

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Only trusted proxies may ask.
    #[error("whoever asks is none of server.trusted_proxies")]
    UntrustedProxy,
    /// A field is not there, or empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field stands there more than once.
    #[error("{0} stands there more than once")]
    Doubled(&'static str),
    /// A field is not what it should be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The client has asked for another host.
    #[error("the host in {0} is not the one of public_url")]
    ForeignHost(&'static str),
    /// A header that a hub could take for one of ours, and that the proxy would not replace.
    #[error("the client has sent {0}, which the proxy would pass on")]
    Forged(HeaderName),
    /// What the client asks for has two readings.
    #[error("the target has two readings")]
    Ambiguous(#[from] Ambiguity),
}

/// What a proxy's client asks for.
#[derive(Debug)]
struct Asked<'q> {
    method: Method,
    host: &'q [u8],
    path: &'q [u8],
}

/// Where the contracts' addresses are.
const ADDRESS: &str = "/-/sso/authz/";

impl Contract {
    /// The contract whose address this is; what the address's query says does not count.
    #[must_use]
    pub fn of(address: &Uri) -> Option<Self> {
        match address.path().strip_prefix(ADDRESS)? {
            "nginx" => Some(Self::Nginx),
            "forward" => Some(Self::Forward),
            rest if rest.starts_with("envoy/") => Some(Self::Envoy),
            _ => None,
        }
    }

    /// Puts what the proxy's client asks for in the place of the question: method, host and path.
    ///
    /// # Errors
    /// When somebody else asks, or the question cannot be read in one way.
    pub fn open(
        self,
        request: &mut Request,
        peer: &Peer,
        forwarding: &Forwarding,
        managed: &Managed,
        public_url: &PublicUrl,
    ) -> Result<(), Error> {
        if !forwarding.trusts(peer.address.ip()) {
            return Err(Error::UntrustedProxy);
        }
        let asked = match self {
            Self::Nginx => nginx::asked(request.headers()),
            Self::Forward => forward::asked(request.headers()),
            Self::Envoy => envoy::asked(request),
            Self::Grpc => grpc::asked(request),
        }?;
        let fields = match self {
            Self::Nginx => nginx::FIELDS,
            Self::Forward | Self::Envoy | Self::Grpc => &[],
        };
        let (method, path) = (asked.method, path(asked.path)?);
        let field = match self {
            Self::Nginx => nginx::URL,
            Self::Forward => forward::HOST,
            Self::Envoy => envoy::HOST,
            Self::Grpc => grpc::HOST,
        };
        if !public_url.is_authority(asked.host) {
            return Err(Error::ForeignHost(field));
        }
        let host = FieldValue::from_bytes(asked.host).map_err(|_| Error::Malformed(field))?;
        // By gRPC, every spelling is taken out.
        if self != Self::Grpc
            && let Some(forged) = forged(request.headers(), managed, fields)
        {
            return Err(Error::Forged(forged));
        }
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(path);
        request.headers_mut().insert(header::HOST, host);
        Ok(())
    }

    /// Tells the proxy that its client's request may pass, and who asks: a permit buys a 200.
    ///
    /// Every managed header is there, empty where there is nothing to say: a proxy that copies
    /// what it finds would otherwise leave the client's own in place, or write the name of a variable.
    /// So are `Cookie`, which is what is left of the client's without ours, and the places of
    /// credentials.
    #[must_use]
    pub fn allow(
        permit: Permit<'_>,
        asked: &Fields,
        managed: &Managed,
        identity: &Identity,
        cookie: &str,
    ) -> Response {
        let mut response = Response::new(Body::Empty);
        *response.headers_mut() = answer(permit, managed, identity).fields().with_room();
        response.headers_mut().insert(header::COOKIE, others(asked, cookie));
        response
    }

    /// The same as the lines of a head, but for the cookies, for a client that shows no other
    /// credential.
    pub fn write_allow(
        permit: Permit<'_>,
        managed: &Managed,
        identity: &Identity,
        lines: &mut Vec<u8>,
    ) {
        answer(permit, managed, identity).write(lines);
    }

    /// Makes a refusal one that the proxy passes on, and never one that it takes for a yes.
    pub fn refuse(self, response: &mut Response, reason: Reason, public_url: &PublicUrl) {
        if let Some(location) = response.headers().get(header::LOCATION)
            && let Some(path) = location.to_str().ok().filter(|path| path.starts_with('/'))
            && let Ok(absolute) = FieldValue::from_str(&public_url.join(path))
        {
            // Proxies resolve a relative one against the address that they ask at.
            response.headers_mut().insert(header::LOCATION, absolute);
        }
        let status = match self {
            Self::Nginx => nginx::refusal(response.status(), reason),
            Self::Forward | Self::Envoy | Self::Grpc => response.status(),
        };
        let passes = status.is_success() || status.is_informational();
        *response.status_mut() = if passes { StatusCode::FORBIDDEN } else { status };
    }
}

/// What everybody is told with whom this is the answer: a permit is the key to it, opens this door,
/// and no other.
fn answer<'i>(_used: Permit<'_>, managed: &Managed, identity: &'i Identity) -> &'i Answer {
    identity.answer(|| {
        let mut headers = Fields::with_capacity(16);
        headers.insert(header::CACHE_CONTROL, const { FieldValue::from_static("no-store") });
        for name in managed.names().names().chain(&HEADERS) {
            headers.insert(name, const { FieldValue::from_static("") });
        }
        for (name, value) in identity.iter() {
            headers.insert(name, value.clone());
        }
        headers
    })
}

impl Error {
    /// The stable cause.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::UntrustedProxy => Reason::UntrustedProxy,
            Self::Missing(_) | Self::Doubled(_) | Self::Malformed(_) => Reason::ForwardAuthFields,
            Self::ForeignHost(_) => Reason::ForeignHost,
            Self::Forged(_) => Reason::AmbiguousHeaders,
            Self::Ambiguous(_) => Reason::AmbiguousPath,
        }
    }
}

/// The value of a field that stands there exactly once, and is not empty.
fn once<'h>(headers: &'h Fields, field: &'static str) -> Result<&'h [u8], Error> {
    let mut values = headers.get_all(field);
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Error::Doubled(field)),
        (Some(value), None) if !value.is_empty() => Ok(value.as_bytes()),
        (Some(_) | None, _) => Err(Error::Missing(field)),
    }
}

/// A method as it stands in a field.
fn method(value: &[u8], field: &'static str) -> Result<Method, Error> {
    Method::from_bytes(value).map_err(|_| Error::Malformed(field))
}

/// A path and query, byte for byte: a parser that leaves out a fragment, or puts a slash in, has
/// read something else than what the proxy forwards.
fn path(raw: &[u8]) -> Result<PathAndQuery, Ambiguity> {
    if !raw.starts_with(b"/") {
        return Err(Ambiguity::NotAPath);
    }
    let path = PathAndQuery::try_from(raw).map_err(|_| Ambiguity::RawByte)?;
    if path.as_str().as_bytes() == raw { Ok(path) } else { Err(Ambiguity::RawByte) }
}

/// A header that a hub could take for one of ours, in a spelling that the proxy does not replace:
/// it copies the managed names from our answer, and leaves everything else as it came.
fn forged(headers: &Fields, managed: &Managed, fields: &[&str]) -> Option<HeaderName> {
    let replaced = |name: &HeaderName| managed.names().names().any(|own| own == name);
    let forged = |name: &&HeaderName| {
        // What every question holds is looked at first.
        !fields.contains(&name.as_str()) && managed.is_ours(name) && !replaced(name)
    };
    headers.keys().find(forged).cloned()
}
