//! What a provider says of itself (OpenID Connect Discovery §3): strict about whom and where,
//! lenient about the rest.

use http::StatusCode;
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::config::{Oidc, is_loopback};
use crate::http_client::HttpClient;
use crate::jose::object;
use crate::observe::Call;

use super::error::{AnswerError, Endpoint, Error};

/// Why metadata cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// `issuer` is missing, or is not byte for byte the configured one (Discovery §4.3).
    #[error("names another issuer than the configuration; they must be equal byte for byte")]
    Issuer,
    /// An endpoint that must be there is not.
    #[error("has no `{0}`")]
    Missing(&'static str),
    /// An endpoint that is not https, has a fragment, or points inside.
    #[error("has a `{0}` that is not https, or that points to a private place")]
    Address(&'static str),
}

/// The part of the metadata that we use.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Url,
    pub(super) userinfo: Option<Url>,
    pub(super) end_session: Option<Url>,
    pub(super) revocation: Option<Url>,
    pub(super) pushed_authorization: Option<Url>,
    /// RFC 9126 §5: sign-ins begin with a pushed request or not at all.
    pub(super) pushed_required: bool,
    /// RFC 9207 §3: every answer carries `iss`.
    pub(super) issuer_parameter: bool,
    /// Lists, for warnings and choices; empty when they are not there.
    pub(super) challenge_methods: Vec<String>,
    pub(super) algorithms: Vec<String>,
    pub(super) client_auth: Vec<String>,
    pub(super) client_assertion_algorithms: Vec<String>,
    pub(super) scopes: Vec<String>,
}

impl Metadata {
    /// Fetches and reads the metadata.
    pub(super) async fn fetch(settings: &Oidc, http: &HttpClient) -> Result<Self, Error> {
        let address = settings
            .discovery_url
            .as_ref()
            .map_or_else(|| settings.issuer.metadata_url(), Url::to_string);
        let answer = http
            .calling(Call::Discovery)
            .fetch(&address)
            .await
            .map_err(|source| Error::Unreachable { endpoint: Endpoint::Metadata, source })?;
        if answer.status() != StatusCode::OK {
            let status = AnswerError::Status(answer.status().as_u16());
            return Err(Error::answer(Endpoint::Metadata, status));
        }
        let document =
            object(answer.body()).ok_or(Error::answer(Endpoint::Metadata, AnswerError::Form))?;
        Self::read(settings, &document).map_err(Error::Metadata)
    }

    fn read(settings: &Oidc, document: &Map<String, Value>) -> Result<Self, MetadataError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let issuer = settings.issuer.of_metadata();
        if text("issuer") != Some(&issuer) {
            return Err(MetadataError::Issuer);
        }
        let loopback = Url::parse(settings.issuer.as_str()).is_ok_and(|url| is_loopback(&url));
        let optional = |name: &'static str| match text(name) {
            None | Some("") => Ok(None),
            Some(address) => admit(address, loopback).map(Some).ok_or(MetadataError::Address(name)),
        };
        let required = |name| optional(name)?.ok_or(MetadataError::Missing(name));
        let list = |name: &str| {
            let items = document.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let flag = |name: &str| document.get(name) == Some(&Value::Bool(true));
        Ok(Self {
            authorization: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            keys: required("jwks_uri")?,
            userinfo: optional("userinfo_endpoint")?,
            end_session: optional("end_session_endpoint")?,
            revocation: optional("revocation_endpoint")?,
            pushed_authorization: optional("pushed_authorization_request_endpoint")?,
            pushed_required: flag("require_pushed_authorization_requests"),
            issuer_parameter: flag("authorization_response_iss_parameter_supported"),
            challenge_methods: list("code_challenge_methods_supported"),
            algorithms: list("id_token_signing_alg_values_supported"),
            client_auth: list("token_endpoint_auth_methods_supported"),
            client_assertion_algorithms: list("token_endpoint_auth_signing_alg_values_supported"),
            scopes: list("scopes_supported"),
        })
    }
}

/// An endpoint of a provider: https, and not a place that only this machine or its cloud can reach.
/// A provider on a loopback address, which only a developer can have configured, may name others.
///
/// Names are not resolved here: whoever answers must show a certificate for the name, which a
/// service inside does not have for a name of an attacker's.
pub(super) fn admit(address: &str, issuer_is_loopback: bool) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if !plain {
        return None;
    }
    if issuer_is_loopback && is_loopback(&url) {
        return matches!(url.scheme(), "http" | "https").then_some(url);
    }
    let inside = match url.host()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            is_loopback(&url)
                || name == "localhost"
                || name.ends_with(".localhost")
                || name == "metadata.google.internal"
        }
        Host::Ipv4(address) => is_inside_v4(address),
        Host::Ipv6(address) => {
            let mapped = address.to_ipv4_mapped().or_else(|| address.to_ipv4());
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address == AWS_METADATA
                || mapped.is_some_and(is_inside_v4)
        }
    };
    (url.scheme() == "https" && !inside).then_some(url)
}

/// The metadata service of Amazon's cloud on IPv6.
const AWS_METADATA: std::net::Ipv6Addr =
    std::net::Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Loopback, `0.0.0.0/8`, link-local (most clouds' metadata services), and Alibaba's.
fn is_inside_v4(address: std::net::Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    address.is_loopback()
        || address.is_link_local()
        || first == 0
        || address == std::net::Ipv4Addr::new(100, 100, 100, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, issuer_is_loopback: bool, expected: bool) {
        assert_eq!(admit(address, issuer_is_loopback).is_some(), expected, "{address}");
    }

    #[test]
    fn a_provider_on_the_net_points_nowhere_inside() {
        check("https://idp.example/token", false, true);
        check("https://10.0.0.7/token", false, true);
        check("http://idp.example/token", false, false);
        check("https://127.0.0.1/token", false, false);
        check("https://127.1/token", false, false);
        check("https://0x7f000001/token", false, false);
        check("https://0/token", false, false);
        check("https://localhost/token", false, false);
        check("https://localhost./token", false, false);
        check("https://a.localhost/token", false, false);
        check("https://[::1]/token", false, false);
        check("https://[::]/token", false, false);
        check("https://[::ffff:127.0.0.1]/token", false, false);
        check("https://[::ffff:169.254.169.254]/token", false, false);
        check("https://[::127.0.0.1]/token", false, false);
        check("https://[fe80::1]/token", false, false);
        check("https://[fd00:ec2::254]/latest", false, false);
        check("https://169.254.169.254/latest", false, false);
        check("https://100.100.100.200/latest", false, false);
        check("https://metadata.google.internal/", false, false);
        check("https://idp.example/token#x", false, false);
        check("https://me@idp.example/token", false, false);
        check("file:///etc/passwd", false, false);
        check("not a url", false, false);
    }

    #[test]
    fn a_provider_on_loopback_may_point_to_loopback() {
        check("http://127.0.0.1:4100/token", true, true);
        check("http://localhost:4100/token", true, true);
        check("https://idp.example/token", true, true);
        check("http://idp.example/token", true, false);
        check("https://169.254.169.254/latest", true, false);
        check("gopher://127.0.0.1/", true, false);
    }
}
