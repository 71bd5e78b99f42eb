//! `hubgate check --online`: reaches each identity provider and the hub.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::{Config, Identity, Upstream};
use crate::directory::{Directory, Entry, Provider};
use crate::http_client::HttpClient;
use crate::proxy::Connector;

use super::Exit;
use super::run::{chain, runtime};
use super::terminal::Sheet;
use super::whoami;

/// What was found at one address. Providers' own words are in it: they are shown as plain text.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) what: String,
    /// What was reached, or why it was not.
    pub(super) reached: Result<String, String>,
    pub(super) warnings: Vec<String>,
}

impl Finding {
    pub(super) fn failed(what: impl Into<String>, why: String) -> Self {
        Self { what: what.into(), reached: Err(why), warnings: Vec::new() }
    }

    pub(super) fn write(&self, sheet: &mut Sheet) {
        match &self.reached {
            Ok(how) => sheet.good(&format!("{}: {how}", self.what)),
            Err(why) => sheet.bad(&format!("{}: {why}", self.what)),
        }
        for warning in &self.warnings {
            sheet.warning(&format!("{}: {warning}", self.what));
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "what": self.what,
            "reached": self.reached.is_ok(),
            "how": self.reached.as_ref().ok(),
            "error": self.reached.as_ref().err(),
            "warnings": self.warnings,
        })
    }
}

/// Reaches everything that the configuration names; [`Exit::Unavailable`] when something fails.
pub(super) fn reach(config: &Config) -> (Vec<Finding>, Exit) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return (vec![Finding::failed("runtime", chain(&error))], Exit::Software),
    };
    let http = match HttpClient::new() {
        Ok(http) => http,
        Err(error) => return (vec![Finding::failed("client", chain(&error))], Exit::Software),
    };
    let directory = match Directory::new(config, &http, None) {
        Ok(directory) => directory,
        Err(error) => return (vec![Finding::failed("organization", chain(&error))], Exit::Config),
    };
    let local = tokio::task::LocalSet::new();
    let findings = local.block_on(&runtime, async {
        let mut findings = Vec::new();
        if let Some(address) = &config.hub.upstream {
            findings.push(hub(config, address).await);
        }
        if let (Some(address), Identity::Hub, Some(settings)) =
            (&config.hub.upstream, config.hub.identity, &config.hub.whoami)
        {
            findings.push(whoami::reach(config, address, settings).await);
        }
        for entry in directory.iter() {
            findings.push(provider(entry).await);
        }
        findings
    });
    let all = findings.iter().all(|finding| finding.reached.is_ok());
    (findings, if all { Exit::Done } else { Exit::Unavailable })
}

async fn hub(config: &Config, address: &Upstream) -> Finding {
    let reached = match Connector::new(&config.hub, address) {
        Ok(connector) => connector.probe().await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    Finding {
        what: "hub".to_owned(),
        reached: reached
            .map(|()| format!("{address} answers"))
            .map_err(|e| format!("{address}: {e}")),
        warnings: Vec::new(),
    }
}

async fn provider(entry: &Arc<Entry>) -> Finding {
    let what = format!("organization[{}]", entry.config.policy.id);
    let now = Clock::system().now();
    let party = match &entry.provider {
        Provider::Oidc(party) => party,
        Provider::Saml(provider) => {
            return match provider.known(now).await {
                Ok(known) => Finding {
                    what,
                    reached: Ok(format!(
                        "{} is known, with {} signing certificates",
                        known.entity_id(),
                        known.identity_provider().certificates.len()
                    )),
                    warnings: known.warnings(now).iter().map(ToString::to_string).collect(),
                },
                Err(error) => Finding::failed(what, chain(&error)),
            };
        }
    };
    match party.probe(now).await {
        Ok(report) => Finding {
            what,
            reached: Ok(format!("{} answers, with {} keys", report.issuer, report.keys)),
            warnings: report.warnings.iter().map(ToString::to_string).collect(),
        },
        Err(error) => Finding::failed(what, chain(&error)),
    }
}
