//! The keys of an issuer at which nobody signs in: a CI system's, a cluster's.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;
use url::Url;

use super::cached::Cached;
use super::discovery::{MetadataError, admit};
use super::error::{AnswerError, Endpoint, Error, Token};
use crate::budget::Budget;
use crate::config::{Issuer, is_loopback};
use crate::http_client::HttpClient;
use crate::jose::{Checked, Claims, Invalid, KeySet, object};
use crate::observe::Call;

/// One issuer's keys.
pub struct IssuerKeys {
    issuer: Issuer,
    address: Option<Url>,
    http: HttpClient,
    keys: Cached<KeySet>,
    /// Anyone may send a token that names a key which nobody has.
    network: Budget,
}

impl std::fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerKeys").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl IssuerKeys {
    /// The keys at `address`, or where the issuer's metadata says; nothing is fetched yet.
    #[must_use]
    pub fn new(issuer: Issuer, address: Option<Url>, http: HttpClient) -> Self {
        let network = Budget::new(4, Duration::from_secs(60));
        Self { issuer, address, http, keys: Cached::new(), network }
    }

    /// Verifies a token's signature; looks for newer keys when the issuer may have rotated them,
    /// within the budget.
    ///
    /// # Errors
    /// When it does not verify, or the keys cannot be had.
    pub async fn verify(&self, checked: &Checked<'_>, now: SystemTime) -> Result<Claims, Error> {
        let refuse = |invalid| Error::Invalid { token: Token::Workload, invalid };
        if !self.keys.is_usable(now) && !self.network.take(now) {
            return Err(Error::KeysExhausted);
        }
        let held = self.keys.current(now, async || self.fetch().await).await?;
        match checked.verify(&held.value) {
            Err(Invalid::UnknownKey) => {}
            verdict => return verdict.map_err(refuse),
        }
        if !self.network.take(now) {
            return Err(Error::KeysExhausted);
        }
        let newer = self.keys.newer_than(&held, now, async || self.fetch().await).await?;
        checked.verify(&newer.value).map_err(refuse)
    }

    async fn fetch(&self) -> Result<KeySet, Error> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => self.discover().await?,
        };
        let body = self.get(Endpoint::Keys, address.as_str()).await?;
        KeySet::parse(&body).map_err(|_| Error::answer(Endpoint::Keys, AnswerError::Form))
    }

    /// `jwks_uri` of the metadata, which must be the issuer's own (Discovery §4.3).
    async fn discover(&self) -> Result<Url, Error> {
        let body = self.get(Endpoint::Metadata, &self.issuer.metadata_url()).await?;
        let form = Error::answer(Endpoint::Metadata, AnswerError::Form);
        let document = object(&body).ok_or(form)?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&*self.issuer.of_metadata()) {
            return Err(Error::Metadata(MetadataError::Issuer));
        }
        let address =
            text("jwks_uri").ok_or(Error::Metadata(MetadataError::Missing("jwks_uri")))?;
        let loopback = Url::parse(self.issuer.as_str()).is_ok_and(|url| is_loopback(&url));
        admit(address, loopback).ok_or(Error::Metadata(MetadataError::Address("jwks_uri")))
    }

    async fn get(&self, endpoint: Endpoint, address: &str) -> Result<bytes::Bytes, Error> {
        let call = if endpoint == Endpoint::Metadata { Call::Discovery } else { Call::Keys };
        let fetched = self.http.calling(call).fetch(address).await;
        let answer = fetched.map_err(|source| Error::Unreachable { endpoint, source })?;
        if answer.status() != StatusCode::OK {
            let status = AnswerError::Status(answer.status().as_u16());
            return Err(Error::answer(endpoint, status));
        }
        Ok(answer.into_body())
    }
}
