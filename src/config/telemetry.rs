//! `[telemetry]`: where traces go, and how much metrics say of each organization.

use std::path::PathBuf;

use http::header::{HeaderName, HeaderValue};
use url::Url;

use super::section::Section;
use super::{Secret, is_loopback};

/// Where traces go, and how much metrics say of each organization.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Where traces go; nowhere without it.
    pub traces: Option<Traces>,
    /// How many organizations have labels of their own in metrics.
    pub organization_labels: usize,
}

/// A collector that speaks OTLP by HTTP.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Where spans are sent, its path included.
    pub endpoint: Url,
    /// What the collector is shown with each request.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Which part of traces is kept, from 0 to 1.
    pub sampling: f64,
    /// What we are called there.
    pub service_name: String,
    /// Authorities beside the machine's own.
    pub ca_certificates: Vec<PathBuf>,
    /// Whether spans may go over the network unencrypted.
    pub insecure_plaintext: bool,
}

/// One trace in ten: enough to see what is usual, and few enough to pay for.
const SAMPLING: f64 = 0.1;
/// With three decisions and a few reasons each, some thousand series.
const ORGANIZATION_LABELS: usize = 500;
/// Where collectors expect spans (OTLP 1, OTLP/HTTP Request).
const PATH: &str = "/v1/traces";

impl Telemetry {
    /// Reads `[telemetry]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let insecure_plaintext = section.flag("insecure_plaintext").unwrap_or(false);
        let endpoint = endpoint(section, insecure_plaintext);
        let sampling = section.fraction("sampling").unwrap_or(SAMPLING);
        let service_name = section.filled("service_name").unwrap_or_else(|| "hubgate".to_owned());
        let headers = headers(section);
        let ca_certificates = section.authorities("ca_certificates");
        let keys = ["sampling", "service_name", "headers", "ca_certificates", "insecure_plaintext"];
        if let Some(key) = keys.into_iter().find(|key| section.has(key)) {
            let remedy = format!("write the collector's address, or remove {key}");
            section.missing("otlp_endpoint", &remedy);
        }
        let traces = endpoint.map(|endpoint| Traces {
            endpoint,
            headers,
            sampling,
            service_name,
            ca_certificates,
            insecure_plaintext,
        });
        let labels = section.size("organization_labels", 0..=100_000);
        Self { traces, organization_labels: labels.unwrap_or(ORGANIZATION_LABELS) }
    }
}

fn endpoint(section: &Section<'_>, insecure_plaintext: bool) -> Option<Url> {
    const KEY: &str = "otlp_endpoint";
    let text = section.filled(KEY)?;
    let remedy = "write the collector's address for OTLP by HTTP, such as \"https://collector.example:4318\"";
    let url = Url::parse(&text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        plain && url.has_host() && url.query().is_none() && url.fragment().is_none()
    });
    let Some(mut url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        section.note(KEY, "is no http or https address without credentials and query", remedy);
        return None;
    };
    if url.scheme() == "http" && !is_loopback(&url) && !insecure_plaintext {
        let what = "is not https: spans name organizations and paths";
        section.note(KEY, what, "write https://, or allow it with insecure_plaintext = true");
        return None;
    }
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Some(url)
}

fn headers(section: &Section<'_>) -> Vec<(HeaderName, Secret)> {
    let mut headers = Vec::new();
    for (name, secret) in section.secrets_by_name("headers") {
        let good = HeaderValue::from_str(secret.expose_secret()).is_ok();
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(header) if good => headers.push((header, secret)),
            Ok(_) => {
                let what = "holds what no header can";
                section.note(&format!("headers.{name}"), what, "check the file or variable");
            }
            Err(_) => {
                let what = format!("{name:?} is no name of a header");
                section.note("headers", what, "write one such as authorization");
            }
        }
    }
    headers
}
