//! Which check refuses a SAML response, and why. Nothing is accepted by explaining it.

use std::path::Path;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use super::Unanswerable;
use super::report::Report;
use crate::cli::run::{chain, runtime};
use crate::config::{Config, OrganizationConfig};
use crate::directory::{Directory, Provider};
use crate::http_client::HttpClient;

/// Explains what an organization makes of the response in a file.
pub(super) fn explain(
    config: &Config,
    organization: &OrganizationConfig,
    path: &Path,
    at: Option<&str>,
    now: SystemTime,
    report: &mut Report,
) -> Result<(), Unanswerable> {
    let id = &organization.policy.id;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Unanswerable(format!("{} cannot be read: {error}", path.display())))?;
    let at = match at {
        None => now,
        Some(text) => text.parse::<Timestamp>().map(SystemTime::from).map_err(|_| {
            Unanswerable(format!("{text:?} is no time such as 2026-07-03T12:00:00Z"))
        })?,
    };
    let trouble = |error: &dyn std::error::Error| Unanswerable(chain(error));
    let http = HttpClient::new().map_err(|error| trouble(&error))?;
    let directory = Directory::new(config, &http, None).map_err(|error| trouble(&error))?;
    let provider = match directory.find(id).map(|entry| &entry.provider) {
        Some(Provider::Saml(provider)) => provider,
        Some(Provider::Oidc(_)) | None => {
            return Err(Unanswerable(format!("{id} does not sign in by SAML")));
        }
    };
    report.step("identity provider");
    report.row("organization", id.as_str());
    let runtime = runtime().map_err(|error| trouble(&error))?;
    let known = match runtime.block_on(provider.known(now)) {
        Ok(known) => known,
        Err(error) => {
            report.row("refused", &chain(&error));
            report.outcome("refused", Some(error.reason()), Some(id));
            return Ok(());
        }
    };
    report.row("entity id", known.entity_id());
    for certificate in &known.identity_provider().certificates {
        report.row("certificate", &certificate.fingerprint());
    }
    for warning in known.warnings(now) {
        report.row("warning", &warning.to_string());
    }
    let explanation = known.explain(&base64_of(&text), at);
    report.step("document");
    for finding in &explanation.findings {
        let found = if finding.found.is_empty() { "nothing" } else { &finding.found };
        let expected = finding.expected.as_ref().filter(|expected| **expected != finding.found);
        let expected = expected.map(|text| format!(" (here: {text})")).unwrap_or_default();
        report.row(finding.what, &format!("{found}{expected}"));
    }
    report.step("checks");
    if explanation.refusals.is_empty() {
        let what = "every check but the two that need its browser: whether it answers the request that was sent, and whether it was used before";
        report.row("passes", what);
        report.outcome("passes", None, Some(id));
    } else {
        for refusal in &explanation.refusals {
            report.row("refused", &format!("{}: {refusal}", refusal.name()));
        }
        report.outcome("refused", None, Some(id));
    }
    Ok(())
}

/// The response in base64, from XML, from base64, or from the form that was posted.
fn base64_of(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('<') {
        return BASE64_STANDARD.encode(text);
    }
    let mut fields = url::form_urlencoded::parse(text.as_bytes());
    match fields.find(|(name, _)| name == "SAMLResponse") {
        Some((_, response)) => response.into_owned(),
        None => text.to_owned(),
    }
}
