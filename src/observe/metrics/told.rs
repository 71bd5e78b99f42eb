//! What the rest tells the metrics.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::Metrics;
use crate::observe::labels::{Connection, Flow, Protocol, Reload, SignInResult, UpstreamError};
use crate::observe::upkeep::{CertificateOf, Held};
use crate::policy::OrganizationId;

impl Metrics {
    /// A sign-in has ended.
    pub fn signed_in(
        &self,
        organization: &OrganizationId,
        protocol: Protocol,
        result: SignInResult,
    ) {
        let (protocol, result) = (protocol.as_str(), result.as_str());
        let labels = (
            [("organization", self.labelled.label(organization))],
            [("protocol", protocol), ("result", result)],
        );
        self.sign_ins.get_or_create(&labels).inc();
    }

    /// From now on, `ask` says what the stores hold.
    pub fn watch(&self, ask: impl Fn() -> Held + Send + Sync + 'static) {
        self.upkeep.watch(ask);
    }

    /// So many organizations' identity providers did not answer the last call.
    pub fn identity_providers_down(&self, organizations: usize) {
        self.upkeep.down(organizations);
    }

    /// How it stands with certificates of one kind.
    pub fn certificates(&self, kind: CertificateOf, soonest: Option<SystemTime>, expiring: usize) {
        self.upkeep.certificates(kind, soonest, expiring);
    }

    /// A credential of the hub was known already.
    pub fn whoami_remembered(&self) {
        self.upkeep.whoami_remembered();
    }

    /// The hub was asked whose a credential is.
    pub fn whoami_asked(&self, answered: bool, took: Duration) {
        self.upkeep.whoami_asked(answered, took);
    }

    /// A token was shown, and opens something or nothing.
    pub fn token_checked(&self, good: bool) {
        self.upkeep.token_checked(good);
    }

    /// A call to an organization's identity provider worked, or did not.
    pub fn identity_provider(&self, organization: &OrganizationId, up: bool) {
        if !self.labelled.has(organization) {
            return;
        }
        let labels = [("organization", organization.to_string())];
        self.providers.get_or_create(&labels).set(i64::from(up));
    }

    /// How it stands with the signing certificates of an organization's SAML identity provider:
    /// when the last one ends, and how often they have changed.
    pub fn identity_provider_keys(
        &self,
        organization: &OrganizationId,
        ends_at: SystemTime,
        changes: u64,
    ) {
        if !self.labelled.has(organization) {
            return;
        }
        let labels = [("organization", organization.to_string())];
        let since = ends_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.provider_certificates.get_or_create(&labels).set(seconds);
        let counter = self.provider_key_changes.get_or_create(&labels);
        counter.inner().store(changes, Ordering::Relaxed);
    }

    /// The hub did not answer a request.
    pub fn upstream_failed(&self, error: UpstreamError) {
        self.upstream_errors.get_or_create(&[("kind", error.as_str())]).inc();
    }

    /// A connection to the hub was made.
    pub fn upstream_connected(&self) {
        self.upstream_connections.inc();
    }

    /// A client's connection was accepted.
    pub fn connected(&self, flow: Flow) {
        let kind = [("kind", flow.as_str())];
        self.accepted.get_or_create(&kind).inc();
        self.open.get_or_create(&kind).inc();
    }

    /// A client's connection has given its buffers back, or needs them again.
    pub fn parked(&self, parked: bool) {
        if parked {
            self.parked.inc();
        } else {
            self.parked.dec();
        }
    }

    /// A client's connection was closed.
    pub fn disconnected(&self, flow: Flow) {
        self.open.get_or_create(&[("kind", flow.as_str())]).dec();
    }

    /// A client's connection ended before a request could be answered.
    pub fn connection_failed(&self, connection: Connection) {
        self.connection_errors.get_or_create(&[("kind", connection.as_str())]).inc();
    }

    /// The configuration was reloaded, or was not.
    pub fn reloaded(&self, result: Reload) {
        self.reloads.get_or_create(&[("result", result.as_str())]).inc();
    }

    /// From this time on a configuration with so many organizations is at work, beside so many mistakes.
    pub fn configured(&self, at: SystemTime, organizations: usize, mistakes: usize) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.configured_at.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        self.organizations.set(i64::try_from(organizations).unwrap_or(i64::MAX));
        self.mistaken(mistakes);
    }

    /// So many mistakes are in the configuration's files, and not at work.
    pub fn mistaken(&self, mistakes: usize) {
        self.mistakes.set(i64::try_from(mistakes).unwrap_or(i64::MAX));
    }

    /// When the certificate that is served ends, if there is one.
    #[must_use]
    pub fn certificate_ends_at(&self) -> Option<SystemTime> {
        let seconds = u64::try_from(self.certificate.get()).ok().filter(|seconds| *seconds > 0)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }

    /// The certificate that is served from now on ends at this time.
    pub fn certificate(&self, ends_at: SystemTime) {
        let since = ends_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.certificate.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    }
}
