//! `hubgate links`: which account of the hub is which person, and how that ends.
//!
//! The file is only added to, and a running gate reads what is added within a second.

use std::fmt::Write as _;

use serde_json::json;

use crate::config::{Config, Identity};
use crate::links::{Line, Link, Links};
use crate::policy::OrganizationId;

use super::terminal::Terminal;
use super::token::organization;
use super::{ConfigFile, Exit, Format, Output};

/// Which links.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Wanted {
    #[command(flatten)]
    config: ConfigFile,
    /// Those of one organization
    #[arg(long, value_name = "ID", value_parser = organization)]
    organization: Option<OrganizationId>,
    /// Those of one account: its name, id: and the hub's id, or subject: and the provider's name
    account: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Which link is to end.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Ended {
    #[command(flatten)]
    config: ConfigFile,
    /// The organization
    #[arg(long, value_name = "ID", value_parser = organization)]
    organization: OrganizationId,
    /// The account: its name, id: and the hub's id, or subject: and the provider's name
    account: String,
    #[command(flatten)]
    output: Output,
}

/// Lists links.
pub(super) fn list(wanted: &Wanted, terminal: &mut Terminal) -> Exit {
    let format = wanted.output.format;
    let links = match open(&wanted.config, format, terminal) {
        Ok((_, links)) => links,
        Err(exit) => return exit,
    };
    let found = found(&links, wanted.organization.as_ref(), wanted.account.as_deref());
    match format {
        Format::Json => {
            let all: Vec<_> = found.iter().map(shown).collect();
            terminal.json(&json!({ "links": all }));
        }
        Format::Text => {
            let mut text = String::new();
            for link in &found {
                text.push_str(&described(link));
                text.push('\n');
            }
            if found.is_empty() {
                text.push_str("no links\n");
            }
            terminal.raw(text.as_bytes());
        }
    }
    Exit::Done
}

/// Ends a link, so that the account, or the person, can be linked anew by a sign-in.
pub(super) fn remove(ended: &Ended, terminal: &mut Terminal) -> Exit {
    let format = ended.output.format;
    let (config, links) = match open(&ended.config, format, terminal) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let found = found(&links, Some(&ended.organization), Some(&ended.account));
    let [link] = found.as_slice() else {
        let what = if found.is_empty() {
            "no link: see `hubgate links list`"
        } else {
            "more than one link: name the account by id: and the hub's id"
        };
        terminal.error(&format!("{}, {}: {what}", ended.organization, ended.account));
        return Exit::Usage;
    };
    if let Err(error) = links.write(&[Line::end_of(link)]) {
        terminal.error(&error.to_string());
        return Exit::Unavailable;
    }
    match format {
        Format::Json => terminal.json(&json!({ "removed": shown(link) })),
        Format::Text => {
            let text = format!(
                "ended: {}\nA running gate knows within a second. The next sign-in at {} links the \
                 account, and the person, anew.\n",
                described(link),
                name(&config, &ended.organization),
            );
            terminal.raw(text.as_bytes());
        }
    }
    Exit::Done
}

/// The links of a configuration.
fn open(
    file: &ConfigFile,
    format: Format,
    terminal: &mut Terminal,
) -> Result<(Config, Links), Exit> {
    let (_, config) = file.load(format, terminal)?;
    if config.hub.identity != Identity::Hub || config.hub.links.is_none() {
        terminal.error(
            "hub.links names no file: without hub.identity = \"hub\" there are no links, and \
             without a file they live in the gate's memory alone",
        );
        return Err(Exit::Config);
    }
    match Links::open(config.hub.links.clone()) {
        Ok(links) => Ok((config, links)),
        Err(error) => {
            terminal.error(&error.to_string());
            Err(Exit::Unavailable)
        }
    }
}

/// The links that are meant, in order.
fn found(links: &Links, organization: Option<&OrganizationId>, account: Option<&str>) -> Vec<Link> {
    let mut found = links.all();
    found.retain(|link| {
        organization.is_none_or(|own| *own == link.organization)
            && account.is_none_or(|text| is_meant(link, text))
    });
    let order = |link: &Link| (link.organization.to_string(), link.name.to_string());
    found.sort_by_key(|link| (order(link), link.account.to_string()));
    found
}

fn is_meant(link: &Link, text: &str) -> bool {
    match text.split_once(':') {
        Some(("id", id)) => link.account.as_str() == id,
        Some(("subject", subject)) => *link.subject == *subject,
        Some(_) | None => link.name.eq_ignore_ascii_case(text),
    }
}

fn shown(link: &Link) -> serde_json::Value {
    json!({
        "organization": link.organization.as_str(), "account": link.account.as_str(),
        "name": &*link.name, "issuer": &*link.issuer, "subject": &*link.subject,
        "role": link.role.as_str(), "revoked": link.revoked_at.is_some(),
    })
}

fn described(link: &Link) -> String {
    let mut text = format!(
        "{}: account {} (id:{}) is {} at {}, {}",
        link.organization, link.name, link.account, link.subject, link.issuer, link.role
    );
    if link.revoked_at.is_some() {
        let _infallible = write!(text, ", revoked by the identity provider");
    }
    text
}

fn name<'c>(config: &'c Config, id: &'c OrganizationId) -> &'c str {
    let organization = config.organizations.iter().find(|own| own.policy.id == *id);
    organization.map_or(id.as_str(), |organization| &organization.policy.display_name)
}
