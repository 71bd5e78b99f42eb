//! `hubgate check --online`: reaches each identity provider and the hub.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::directory::{Directory, Entry, Provider};
use crate::http_client::HttpClient;
use crate::proxy::Connector;

use super::Exit;
use super::run::{chain, runtime};
use super::terminal::Terminal;

/// Reaches everything that the configuration names; [`Exit::Unavailable`] when something fails.
pub(super) fn online(config: &Config, terminal: &mut Terminal) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.error(&format!("no runtime can be made: {error}"));
            return Exit::Software;
        }
    };
    let directory = match HttpClient::new() {
        Ok(http) => match Directory::new(config, &http) {
            Ok(directory) => directory,
            Err(error) => {
                terminal.error(&chain(&error));
                return Exit::Config;
            }
        },
        Err(error) => {
            terminal.error(&chain(&error));
            return Exit::Software;
        }
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut exit = hub(config, terminal).await;
        for entry in directory.iter() {
            if provider(entry, terminal).await != Exit::Done {
                exit = Exit::Unavailable;
            }
        }
        exit
    })
}

async fn hub(config: &Config, terminal: &mut Terminal) -> Exit {
    let reached = match Connector::new(&config.hub) {
        Ok(connector) => connector.probe().await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    match reached {
        Ok(()) => {
            terminal.raw(format!("hub {}: reached\n", config.hub.upstream).as_bytes());
            Exit::Done
        }
        Err(error) => {
            terminal.error(&format!("hub {}: {error}", config.hub.upstream));
            Exit::Unavailable
        }
    }
}

async fn provider(entry: &Arc<Entry>, terminal: &mut Terminal) -> Exit {
    let id = &entry.config.policy.id;
    let Provider::Oidc(party) = &entry.provider;
    match party.probe(Clock::system().now()).await {
        Ok(report) => {
            terminal.raw(
                format!("organization {id}: {} answers, {} keys\n", report.issuer, report.keys)
                    .as_bytes(),
            );
            for warning in &report.warnings {
                terminal.raw(format!("organization {id}: warning: {warning}\n").as_bytes());
            }
            Exit::Done
        }
        Err(error) => {
            terminal.error(&format!("organization {id}: {}", chain(&error)));
            Exit::Unavailable
        }
    }
}
