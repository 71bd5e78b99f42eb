//! What is known of an identity provider is kept fresh: fetched lazily and again, one fetch at a
//! time, and the last good description is kept until it ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::ACCEPT;
use http::{Request, StatusCode};

use super::{Error, Known, ServiceProvider};
use crate::config::SamlSource;
use crate::http_client;
use crate::observe::Call;
use crate::policy::OrganizationId;
use crate::saml::{IdentityProvider, Warning};

/// How long a fetch that failed is not tried again.
const BACK_OFF: Duration = Duration::from_secs(10);
/// How often a signature of an unknown key may make us ask for the metadata.
const ASK_AGAIN: Duration = Duration::from_secs(60);

impl ServiceProvider {
    /// What is known of the identity provider: fetched when nothing is known yet, or when it is
    /// not valid any more; fetched beside the answer when it is old.
    ///
    /// # Errors
    /// When nothing is known and the metadata cannot be had.
    pub async fn known(self: &Arc<Self>, now: SystemTime) -> Result<Arc<Known>, Error> {
        let known = self.state().known.clone();
        let Some(known) = known.filter(|known| !known.has_expired(now)) else {
            return self.fetched(now, None).await;
        };
        if self.is_due(&known, now) {
            let this = Arc::clone(self);
            let age = known.fetched_at;
            tokio::spawn(async move { this.fetched(now, age).await });
        }
        Ok(known)
    }

    /// Fetches the metadata if its time has come; for whoever tends the providers.
    pub async fn tend(self: &Arc<Self>, now: SystemTime) {
        let known = self.state().known.clone();
        let age = known.as_ref().and_then(|known| known.fetched_at);
        if known.is_none_or(|known| self.is_due(&known, now)) {
            // What went wrong is noted and logged where it is fetched.
            let _ = self.fetched(now, age).await;
        }
    }

    fn is_due(&self, known: &Known, now: SystemTime) -> bool {
        let SamlSource::Url { refresh, .. } = &self.config.source else { return false };
        let old =
            |fetched_at: SystemTime| fetched_at.checked_add(*refresh).is_none_or(|due| due <= now);
        known.fetched_at.is_some_and(old)
    }

    /// Asks for the metadata because a signature was made with a key that is not known; at most
    /// once in a while, since anybody can send such a signature. `None`: nothing new.
    pub(crate) async fn asked_again(
        self: &Arc<Self>,
        known: &Arc<Known>,
        now: SystemTime,
    ) -> Option<Arc<Known>> {
        let SamlSource::Url { .. } = &self.config.source else { return None };
        {
            let mut state = self.state();
            let due = |at: SystemTime| at.checked_add(ASK_AGAIN).is_none_or(|due| due <= now);
            if !state.asked_again_at.is_none_or(due) {
                return None;
            }
            state.asked_again_at = Some(now);
        }
        self.fetched(now, known.fetched_at).await.ok()
    }

    /// Fetches the metadata, one at a time; what is newer than `than` by then is taken as it is.
    async fn fetched(
        self: &Arc<Self>,
        now: SystemTime,
        than: Option<SystemTime>,
    ) -> Result<Arc<Known>, Error> {
        let SamlSource::Url { url, entity_id, .. } = &self.config.source else {
            return Err(Error::Expired);
        };
        let _alone = self.fetching.lock().await;
        {
            let state = self.state();
            if let Some(known) = &state.known
                && known.fetched_at > than
                && !known.has_expired(now)
            {
                return Ok(Arc::clone(known));
            }
            if let Some((at, error)) = &state.failed
                && at.checked_add(BACK_OFF).is_some_and(|again| now < again)
            {
                return Err(error.clone());
            }
        }
        let fetched = match self.fetch(url, entity_id.as_deref(), now).await {
            Ok(identity_provider) => self.adopt(identity_provider, now),
            Err(error) => Err(error),
        };
        if let Err(error) = &fetched {
            tracing::warn!(
                organization = %self.organization,
                cause = %error.chain(),
                "the identity provider's metadata cannot be had; the last good one is kept"
            );
            self.state().failed = Some((now, error.clone()));
        }
        fetched
    }

    async fn fetch(
        &self,
        url: &str,
        entity_id: Option<&str>,
        now: SystemTime,
    ) -> Result<IdentityProvider, Error> {
        let request = Request::get(url)
            .header(ACCEPT, "application/samlmetadata+xml, application/xml;q=0.9, */*;q=0.5")
            .body(Vec::new())
            .map_err(|_| Error::Unreachable(http_client::Error::Address))?;
        let answer = self
            .http
            .calling(Call::SamlMetadata)
            .send(request)
            .await
            .map_err(Error::Unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(Error::Status(answer.status().as_u16()));
        }
        let entity_id = entity_id.map(str::to_owned);
        let parsed = self.verifying.run(&self.organization, None, move || {
            let text = std::str::from_utf8(answer.body()).map_err(|_| Error::NotText)?;
            IdentityProvider::parse_metadata(text, entity_id.as_deref(), now)
                .map_err(Error::Metadata)
        });
        parsed.await?
    }

    /// Puts what was fetched in the place of what was known, and reports what changed.
    fn adopt(&self, found: IdentityProvider, now: SystemTime) -> Result<Arc<Known>, Error> {
        let known = Arc::new(self.understand(found, Some(now)).map_err(Error::Settings)?);
        let mut state = self.state();
        if let Some(before) = &state.known {
            if before.entity_id() != known.entity_id() {
                return Err(Error::AnotherEntity);
            }
            let (old, new) = (before.fingerprints(), known.fingerprints());
            if old != new {
                state.key_changes += 1;
                tracing::warn!(
                    organization = %self.organization,
                    before = %old.join(" "),
                    now = %new.join(" "),
                    "the identity provider has changed its signing certificates"
                );
            }
        }
        for warning in known.warnings(now) {
            warn(&self.organization, &warning);
        }
        state.known = Some(Arc::clone(&known));
        state.failed = None;
        Ok(known)
    }
}

fn warn(organization: &OrganizationId, warning: &Warning) {
    tracing::warn!(%organization, %warning, "the identity provider needs attention");
}
