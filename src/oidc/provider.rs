//! A provider's metadata and keys, and tokens verified with them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use url::Url;

use crate::budget::Budget;
use crate::config::Oidc;
use crate::http_client::HttpClient;
use crate::jose::{self, Checked, Claims, Expected, Invalid, KeySet, Use};
use crate::observe::Call;

use super::cached::{Cached, Snapshot};
use super::discovery::Metadata;
use super::error::{AnswerError, Endpoint, Error, Token};

/// One organization's provider, as far as it is known.
pub(super) struct Provider {
    settings: Oidc,
    http: HttpClient,
    metadata: Cached<Metadata>,
    keys: Cached<KeySet>,
    /// For tokens from the token endpoint: eight in a row, so that keys that rotate just before
    /// signing are found each time.
    exchange: Budget,
    /// For tokens that anyone may have sent.
    network: Budget,
    /// For metadata, when fresh keys do not help either: the key set may have moved.
    moved: Budget,
}

/// How a token came to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In the answer to our own request.
    Asked,
    /// From anyone who knows our address.
    Unasked,
}

impl Provider {
    pub(super) fn new(settings: Oidc, http: HttpClient) -> Self {
        Self {
            settings,
            http,
            metadata: Cached::new(),
            keys: Cached::new(),
            exchange: Budget::new(8, Duration::from_secs(5)),
            network: Budget::new(2, Duration::from_secs(60)),
            moved: Budget::new(1, Duration::from_secs(300)),
        }
    }

    pub(super) const fn settings(&self) -> &Oidc {
        &self.settings
    }

    pub(super) const fn http(&self) -> &HttpClient {
        &self.http
    }

    /// The metadata, at most a day old.
    pub(super) async fn metadata(&self, now: SystemTime) -> Result<Arc<Snapshot<Metadata>>, Error> {
        self.metadata.current(now, async || Metadata::fetch(&self.settings, &self.http).await).await
    }

    /// The keys, at most a day old.
    pub(super) async fn keys(&self, now: SystemTime) -> Result<Arc<Snapshot<KeySet>>, Error> {
        self.keys.current(now, async || self.fetch_keys(&self.keys_url(now).await?).await).await
    }

    /// Asks anew for what is old, so that nobody's sign-in waits for it, and asks a provider that has
    /// not answered whether it does again. One that nobody has needed yet is left alone.
    pub(super) async fn tend(&self, now: SystemTime) -> Result<(), Error> {
        let Some(up) = self.http.up() else { return Ok(()) };
        match self.metadata.held(now).filter(|_| !up) {
            Some(held) => {
                let fetch = async || Metadata::fetch(&self.settings, &self.http).await;
                self.metadata.newer_than(&held, now, fetch).await?;
            }
            None => drop(self.metadata(now).await?),
        }
        // Of a provider that has not answered just now, no more is asked.
        if self.keys.held(now).is_some() && self.http.up() == Some(true) {
            self.keys(now).await?;
        }
        Ok(())
    }

    /// Verifies a token; fetches newer keys when the issuer may have rotated them.
    pub(super) async fn verify(
        &self,
        raw: &str,
        purpose: Use<'_>,
        token: Token,
        now: SystemTime,
    ) -> Result<Claims, Error> {
        let way = match purpose {
            Use::IdToken { .. } | Use::RefreshedIdToken { .. } | Use::Userinfo => Way::Asked,
            Use::LogoutToken | Use::Workload { .. } => Way::Unasked,
        };
        let expected = Expected {
            issuer: &self.settings.issuer,
            audience: &self.settings.client_id,
            algorithms: &self.settings.algorithms,
        };
        let refuse = |invalid| Error::Invalid { token, invalid };
        let checked = jose::check(raw, purpose, expected, now).map_err(refuse)?;
        match self.find_key(&checked, way, now).await? {
            Ok(claims) => Ok(claims),
            Err(invalid) => Err(refuse(invalid)),
        }
    }

    /// The verdict of the keys that we have; or of newer ones, within the budget.
    async fn find_key(
        &self,
        checked: &Checked<'_>,
        way: Way,
        now: SystemTime,
    ) -> Result<Result<Claims, Invalid>, Error> {
        let budget = match way {
            Way::Asked => &self.exchange,
            Way::Unasked => &self.network,
        };
        // Tokens that anyone may have sent do not make us ask an absent provider over and over.
        if way == Way::Unasked && !self.keys.is_usable(now) && !budget.take(now) {
            return Err(Error::KeysExhausted);
        }
        let held = self.keys(now).await?;
        let verdict = checked.verify(&held.value);
        let unknown = matches!(verdict, Err(Invalid::UnknownKey));
        // Some providers sign with a new key under an old `kid`.
        let reused = way == Way::Asked && matches!(verdict, Err(Invalid::Signature));
        if !(unknown || reused) {
            return Ok(verdict);
        }
        if !budget.take(now) {
            return if unknown { Err(Error::KeysExhausted) } else { Ok(verdict) };
        }
        let address = self.keys_url(now).await?;
        let fetch = async || self.fetch_keys(&address).await;
        let newer = self.keys.newer_than(&held, now, fetch).await?;
        let verdict = checked.verify(&newer.value);
        if way == Way::Unasked || !matches!(verdict, Err(Invalid::UnknownKey)) {
            return Ok(verdict);
        }
        match self.moved_keys(&address, &newer, now).await? {
            Some(moved) => Ok(checked.verify(&moved.value)),
            None => Ok(verdict),
        }
    }

    /// The keys at another address, if the metadata now names another one.
    async fn moved_keys(
        &self,
        address: &Url,
        held: &Snapshot<KeySet>,
        now: SystemTime,
    ) -> Result<Option<Arc<Snapshot<KeySet>>>, Error> {
        if !self.moved.take(now) {
            return Ok(None);
        }
        let old = self.metadata(now).await?;
        let fetch = async || Metadata::fetch(&self.settings, &self.http).await;
        let metadata = self.metadata.newer_than(&old, now, fetch).await?;
        let new = &metadata.value.keys;
        if new == address {
            return Ok(None);
        }
        tracing::warn!("the identity provider's keys have moved to another address");
        self.keys.newer_than(held, now, async || self.fetch_keys(new).await).await.map(Some)
    }

    async fn keys_url(&self, now: SystemTime) -> Result<Url, Error> {
        Ok(self.metadata(now).await?.value.keys.clone())
    }

    async fn fetch_keys(&self, address: &Url) -> Result<KeySet, Error> {
        let answer = self
            .http
            .calling(Call::Keys)
            .fetch(address.as_str())
            .await
            .map_err(|source| Error::Unreachable { endpoint: Endpoint::Keys, source })?;
        if answer.status() != StatusCode::OK {
            let status = AnswerError::Status(answer.status().as_u16());
            return Err(Error::answer(Endpoint::Keys, status));
        }
        KeySet::parse(answer.body()).map_err(|_| Error::answer(Endpoint::Keys, AnswerError::Form))
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}
