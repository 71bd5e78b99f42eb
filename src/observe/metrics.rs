//! Metrics in the format that Prometheus reads.
//!
//! Labels are of closed sets, or organizations of the configuration; nothing that a client sends
//! becomes a label.
//!
//! | metric | labels | what |
//! |---|---|---|
//! | `hubgate_http_requests_total` | `method`, `status`, `decision` | requests; `status` is a class such as `2xx` |
//! | `hubgate_http_request_duration_seconds` | `decision` | from the head of a request to the head of its answer |
//! | `hubgate_decisions_total` | `organization`, `decision`, `reason` | decisions; `reason` as in the access log |
//! | `hubgate_sign_ins_total` | `organization`, `protocol`, `result` | sign-ins that ended, one way or the other |
//! | `hubgate_sessions` | | sessions that are remembered |
//! | `hubgate_sessions_evicted_total` | | sessions that were pushed out because there was no room |
//! | `hubgate_grants` | | what programs have been granted and may still be good |
//! | `hubgate_links` | | accounts of the hub that are linked to people |
//! | `hubgate_token_checks_total` | `result` | tokens of programs, service accounts and workloads that were shown: `ok` or `refused` |
//! | `hubgate_whoami_remembered_total` | | credentials of the hub that were known already |
//! | `hubgate_whoami_duration_seconds` | `result` | how long the hub took to say whose a credential is: `ok` or `error` |
//! | `hubgate_identity_provider_request_duration_seconds` | `provider`, `call`, `result` | calls to identity providers, by the make of the provider |
//! | `hubgate_identity_providers_down` | | organizations whose identity provider did not answer the last call |
//! | `hubgate_certificates_expiring` | `kind` | certificates that end within 30 days, or have ended: `tls`, `identity-provider`, `service-provider` |
//! | `hubgate_certificate_expiry_timestamp_seconds` | `kind` | when the first certificate of that kind ends |
//! | `hubgate_identity_provider_up` | `organization` | 1 when the last call to the identity provider worked |
//! | `hubgate_identity_provider_certificate_expiry_timestamp_seconds` | `organization` | when the last signing certificate of a SAML identity provider ends |
//! | `hubgate_identity_provider_key_changes_total` | `organization` | changes of the signing certificates in a SAML identity provider's metadata |
//! | `hubgate_upstream_errors_total` | `kind` | requests that the hub did not answer |
//! | `hubgate_upstream_request_duration_seconds` | `status` | from sending a request on to the head of the hub's answer; `none` is no answer |
//! | `hubgate_upstream_connections_total` | | connections made to the hub |
//! | `hubgate_connections` | `kind` | connections of clients that are open: `plain` or `tls` |
//! | `hubgate_connections_parked` | | connections of clients that are quiet, and hold no buffers |
//! | `hubgate_connections_accepted_total` | `kind` | connections of clients that were accepted |
//! | `hubgate_connection_errors_total` | `kind` | connections that ended before a request could be answered |
//! | `hubgate_config_reloads_total` | `result` | reloads of the configuration or the certificate: `ok`, `partial` (something broken stayed as it was) or `failed` |
//! | `hubgate_config_loaded_timestamp_seconds` | | when the configuration at work was loaded |
//! | `hubgate_config_mistakes` | | mistakes in the configuration's files that are not at work |
//! | `hubgate_organizations` | | organizations of the configuration at work |
//! | `hubgate_tls_certificate_expiry_timestamp_seconds` | | when the certificate that is served ends |
//! | `hubgate_log_lines_dropped_total` | | lines that were dropped because nobody read them |
//! | `hubgate_audit_lines_lost_total` | `cause` | events that are not in the audit log: `budget` (refusals of very many), `queue` (nobody took them), `write` (a full disk) |
//! | `hubgate_spans_total` | `result` | spans: `exported`, `dropped` (too many waited), `failed` (the collector did not take them) |
//! | `process_cpu_seconds_total` | | time on the processor |
//! | `process_start_time_seconds` | | when the process began |
//! | `process_resident_memory_bytes` | | resident memory |
//! | `process_threads` | | threads |
//! | `process_open_fds` | | open files and connections |
//! | `process_max_fds` | | how many there may be |
//! | `hubgate_build_info` | `version` | always 1 |

mod told;

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::access::Outcome;
use super::calls::{Durations, durations};
use super::machine::Machine;
use super::process::Told;
use super::requests::Requests;
use super::upkeep::{Labelled, Upkeep};
use crate::policy::{OrganizationId, Reason};

/// The counter of one kind of decision.
pub(super) type Decided = Counter;

type Name = &'static str;
type ByOrganization<const N: usize> = ([(Name, String); 1], [(Name, Name); N]);

/// Every metric there is.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What has names of its own.
    plain: Registry,
    labelled: Labelled,
    upkeep: Upkeep,
    durations: Durations,
    decisions: Family<ByOrganization<2>, Counter>,
    sign_ins: Family<ByOrganization<2>, Counter>,
    providers: Family<[(Name, String); 1], Gauge>,
    provider_certificates: Family<[(Name, String); 1], Gauge>,
    provider_key_changes: Family<[(Name, String); 1], Counter>,
    upstream_errors: Family<[(Name, Name); 1], Counter>,
    upstream_connections: Counter,
    open: Family<[(Name, Name); 1], Gauge>,
    parked: Gauge,
    accepted: Family<[(Name, Name); 1], Counter>,
    connection_errors: Family<[(Name, Name); 1], Counter>,
    reloads: Family<[(Name, Name); 1], Counter>,
    configured_at: Gauge<i64, AtomicI64>,
    organizations: Gauge,
    mistakes: Gauge,
    certificate: Gauge<i64, AtomicI64>,
}

impl Metrics {
    pub(super) fn new(requests: Requests, told: Told, labels: usize) -> Self {
        let mut registry = Registry::with_prefix("hubgate");
        let mut plain = Registry::default();
        plain.register_collector(Box::new(Machine));
        let upkeep = Upkeep::new(&mut registry);
        let mut metrics = Self {
            registry,
            plain,
            labelled: Labelled::new(labels),
            upkeep,
            durations: durations(),
            decisions: Family::default(),
            sign_ins: Family::default(),
            providers: Family::default(),
            provider_certificates: Family::default(),
            provider_key_changes: Family::default(),
            upstream_errors: Family::default(),
            upstream_connections: Counter::default(),
            open: Family::default(),
            parked: Gauge::default(),
            accepted: Family::default(),
            connection_errors: Family::default(),
            reloads: Family::default(),
            configured_at: Gauge::default(),
            organizations: Gauge::default(),
            mistakes: Gauge::default(),
            certificate: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("decisions", "Decisions by reason", metrics.decisions.clone());
        registry.register("sign_ins", "Sign-ins that ended", metrics.sign_ins.clone());
        registry.register(
            "identity_provider_request_duration_seconds",
            "How long identity providers took to answer",
            metrics.durations.clone(),
        );
        registry.register(
            "identity_provider_up",
            "Whether the last call to the identity provider worked",
            metrics.providers.clone(),
        );
        registry.register(
            "identity_provider_certificate_expiry_timestamp_seconds",
            "When the last signing certificate of a SAML identity provider ends, in seconds since 1970",
            metrics.provider_certificates.clone(),
        );
        registry.register(
            "identity_provider_key_changes",
            "Changes of the signing certificates in a SAML identity provider's metadata",
            metrics.provider_key_changes.clone(),
        );
        registry.register(
            "upstream_errors",
            "Requests that the hub did not answer",
            metrics.upstream_errors.clone(),
        );
        registry.register(
            "upstream_connections",
            "Connections made to the hub",
            metrics.upstream_connections.clone(),
        );
        registry.register(
            "connections",
            "Connections of clients that are open",
            metrics.open.clone(),
        );
        registry.register(
            "connections_parked",
            "Connections of clients that are quiet, and hold no buffers",
            metrics.parked.clone(),
        );
        registry.register(
            "connections_accepted",
            "Connections of clients that were accepted",
            metrics.accepted.clone(),
        );
        registry.register(
            "connection_errors",
            "Connections that ended before a request could be answered",
            metrics.connection_errors.clone(),
        );
        registry.register("config_reloads", "Reloads", metrics.reloads.clone());
        registry.register(
            "config_loaded_timestamp_seconds",
            "When the configuration that is at work was loaded, in seconds since 1970",
            metrics.configured_at.clone(),
        );
        registry.register(
            "organizations",
            "Organizations of the configuration at work",
            metrics.organizations.clone(),
        );
        registry.register(
            "config_mistakes",
            "Mistakes in the configuration's files that are not at work",
            metrics.mistakes.clone(),
        );
        registry.register(
            "tls_certificate_expiry_timestamp_seconds",
            "When the certificate that is served ends, in seconds since 1970; 0 without one",
            metrics.certificate.clone(),
        );
        registry.register_collector(Box::new(told));
        registry.register_collector(Box::new(requests));
        metrics
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        self.upkeep.look();
        // Writing into a string cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.plain))
            .and_then(|()| encode_eof(&mut text));
        text
    }

    pub(super) fn decided(
        &self,
        organization: Option<&OrganizationId>,
        outcome: Outcome,
        reason: Option<Reason>,
    ) -> Decided {
        let organization = organization.map_or_else(String::new, |id| self.labelled.label(id));
        let reason = reason.map_or("none", Reason::as_str);
        let labels = (
            [("organization", organization)],
            [("decision", outcome.as_str()), ("reason", reason)],
        );
        self.decisions.get_or_create_owned(&labels)
    }

    pub(super) fn durations(&self) -> Durations {
        self.durations.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{Method, StatusCode};

    use super::*;
    use crate::observe::labels::{Connection, Flow, Protocol, Reload, SignInResult, UpstreamError};
    use crate::observe::upkeep::{CertificateOf, Held};
    use crate::observe::{Audit, Call, Called, Calls, Sink, Spans};

    /// Every metric, with one value at least.
    fn text() -> String {
        let requests = Requests::default();
        let (spans, _outbox) = Spans::new(1.0);
        let told = Told { sink: Sink::none(), audit: Audit::off(), spans: Some(spans) };
        let metrics = Metrics::new(requests.clone(), told, 1);
        let acme = OrganizationId::parse("acme").unwrap();
        let counts = requests.for_thread();
        let method = Method::from_bytes(b"BREW").unwrap();
        for millis in [0, 3, 70_000] {
            let took = Duration::from_millis(millis);
            counts.count(&method, StatusCode::FORBIDDEN, Outcome::Deny, took);
        }
        metrics.decided(Some(&acme), Outcome::Deny, Some(Reason::RoleTooLow)).inc();
        metrics.signed_in(&acme, Protocol::Saml, SignInResult::Refused);
        metrics.watch(|| Held { sessions: 7, evicted: 2, grants: 3, links: 4 });
        metrics.identity_providers_down(1);
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(11);
        metrics.certificates(CertificateOf::Tls, Some(end), 1);
        metrics.whoami_remembered();
        metrics.whoami_asked(true, Duration::from_millis(3));
        metrics.token_checked(false);
        counts.upstream(None, Duration::from_millis(3));
        let calls = Calls::new(metrics.durations(), None).of("okta");
        assert_eq!(calls.up(), None);
        let took = Duration::from_millis(30);
        calls.ended(Call::Token, "idp", SystemTime::UNIX_EPOCH, took, Called::Timeout);
        assert_eq!(calls.up(), Some(false));
        calls.ended(Call::Token, "idp", SystemTime::UNIX_EPOCH, took, Called::Answered(400));
        assert_eq!(calls.up(), Some(true));
        let globex = OrganizationId::parse("globex").unwrap();
        metrics.decided(Some(&globex), Outcome::Allow, None).inc();
        metrics.identity_provider(&globex, false);
        metrics.identity_provider(&acme, true);
        metrics.identity_provider_keys(&acme, SystemTime::UNIX_EPOCH + Duration::from_secs(8), 2);
        metrics.upstream_failed(UpstreamError::Timeout);
        metrics.upstream_connected();
        metrics.connected(Flow::Plain);
        metrics.connected(Flow::Plain);
        metrics.disconnected(Flow::Plain);
        metrics.connection_failed(Connection::SlowHead);
        metrics.reloaded(Reload::Ok);
        metrics.configured(SystemTime::UNIX_EPOCH + Duration::from_secs(5), 3, 1);
        metrics.certificate(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        metrics.text()
    }

    #[test]
    fn every_metric_is_in_the_table_and_nothing_else() {
        let table: Vec<&str> = include_str!("metrics.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
            .collect();
        let text = text();
        let shown: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
            .map(|(name, kind)| format!("{name}{}", if kind == "counter" { "_total" } else { "" }))
            .collect();
        for name in &shown {
            assert!(table.contains(&name.as_str()), "{name} is in no table");
        }
        assert_eq!(shown.len(), table.len(), "{text}");
    }

    #[test]
    fn values_and_labels_are_what_the_table_says() {
        let text = text();
        for line in [
            r#"hubgate_http_requests_total{method="other",status="4xx",decision="deny"} 3"#,
            r#"hubgate_http_request_duration_seconds_count{decision="deny"} 3"#,
            r#"hubgate_http_request_duration_seconds_sum{decision="deny"} 70.003"#,
            r#"hubgate_http_request_duration_seconds_bucket{le="0.001",decision="deny"} 1"#,
            r#"hubgate_http_request_duration_seconds_bucket{le="0.005",decision="deny"} 2"#,
            r#"hubgate_http_request_duration_seconds_bucket{le="60.0",decision="deny"} 2"#,
            r#"hubgate_http_request_duration_seconds_bucket{le="+Inf",decision="deny"} 3"#,
            r#"hubgate_decisions_total{organization="acme",decision="deny",reason="role-too-low"} 1"#,
            r#"hubgate_sign_ins_total{organization="acme",protocol="saml",result="refused"} 1"#,
            "hubgate_sessions 7",
            "hubgate_sessions_evicted_total 2",
            r#"hubgate_decisions_total{organization="_other",decision="allow",reason="none"} 1"#,
            r#"hubgate_certificate_expiry_timestamp_seconds{kind="tls"} 11"#,
            r#"hubgate_certificates_expiring{kind="tls"} 1"#,
            r#"hubgate_upstream_request_duration_seconds_count{status="none"} 1"#,
            r#"hubgate_token_checks_total{result="refused"} 1"#,
            r#"hubgate_identity_provider_request_duration_seconds_count{provider="okta",call="token",result="timeout"} 1"#,
            r#"hubgate_identity_provider_request_duration_seconds_bucket{le="0.025",provider="okta",call="token",result="refused"} 0"#,
            r#"hubgate_identity_provider_up{organization="acme"} 1"#,
            r#"hubgate_identity_provider_certificate_expiry_timestamp_seconds{organization="acme"} 8"#,
            r#"hubgate_identity_provider_key_changes_total{organization="acme"} 2"#,
            r#"hubgate_upstream_errors_total{kind="timeout"} 1"#,
            r#"hubgate_connections{kind="plain"} 1"#,
            r#"hubgate_connections_accepted_total{kind="plain"} 2"#,
            r#"hubgate_connection_errors_total{kind="slow-head"} 1"#,
            "hubgate_tls_certificate_expiry_timestamp_seconds 9",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("globex"), "only so many organizations have a label: {text}");
    }
}
