//! `hubgate token new`, `hubgate recovery-codes`: secrets that are shown once, and what the
//! configuration holds of them.

use std::fmt::Write as _;

use serde_json::json;

use crate::config::{hash_text, parse_moment};
use crate::credential::{Token, TokenKind};
use crate::policy::{MachineName, OrganizationId, Role};
use crate::recovery::RecoveryCode;

use super::terminal::Terminal;
use super::{Exit, Format, Output};

/// What a service account is to be.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NewToken {
    /// Its name, such as nightly-build
    #[arg(value_parser = machine_name)]
    name: MachineName,
    /// What it may do: read, contributor, write or admin
    #[arg(long, value_parser = role)]
    role: Role,
    /// When it ends, such as 2027-01-31 (UTC)
    #[arg(long, value_name = "DATE", value_parser = moment)]
    expires: Option<String>,
    /// Where it may be used from, such as 10.0.0.0/8; any number of times
    #[arg(long = "network", value_name = "CIDR", value_parser = network)]
    networks: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Whose recovery codes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NewCodes {
    /// The organization's id: codes are good for that one only
    #[arg(long, value_parser = organization)]
    organization: OrganizationId,
    /// How many
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=100))]
    count: u8,
    #[command(flatten)]
    output: Output,
}

fn machine_name(text: &str) -> Result<MachineName, String> {
    MachineName::parse(text).map_err(|error| error.to_string())
}

pub(super) fn organization(text: &str) -> Result<OrganizationId, String> {
    OrganizationId::parse(text).map_err(|error| error.to_string())
}

fn role(text: &str) -> Result<Role, String> {
    Role::named(text).ok_or_else(|| "write read, contributor, write or admin".to_owned())
}

fn moment(text: &str) -> Result<String, String> {
    let good = parse_moment(text).map(|_| text.to_owned());
    good.ok_or_else(|| "write a date such as 2027-01-31".to_owned())
}

fn network(text: &str) -> Result<String, String> {
    let good = text.parse::<ipnet::IpNet>().is_ok() || text.parse::<std::net::IpAddr>().is_ok();
    good.then(|| text.to_owned()).ok_or_else(|| "write a network such as 10.0.0.0/8".to_owned())
}

/// Makes a token.
pub(super) fn token(wanted: &NewToken, terminal: &mut Terminal) -> Exit {
    let Ok(token) = Token::random(TokenKind::Service) else {
        terminal.error("the system has no random bytes");
        return Exit::Software;
    };
    let hash = hash_text(&token.hash().bytes());
    let mut toml = format!(
        "[[organization.service_account]]\nname = {:?}\nhash = {hash:?}\nrole = {:?}\n",
        wanted.name.as_str(),
        wanted.role.as_str()
    );
    if let Some(expires) = &wanted.expires {
        let _ = writeln!(toml, "expires = {expires:?}");
    }
    if !wanted.networks.is_empty() {
        let _ = writeln!(toml, "networks = {:?}", wanted.networks);
    }
    match wanted.output.format {
        Format::Text => {
            let text = format!(
                "# The token, shown this once. Keep it where the machine finds it:\n\
                 {}\n\n# For the configuration, below the organization:\n{toml}",
                token.expose()
            );
            terminal.raw(text.as_bytes());
        }
        Format::Json => {
            terminal.json(&json!({ "token": token.expose(), "hash": hash, "toml": toml }));
        }
    }
    Exit::Done
}

/// Makes recovery codes.
pub(super) fn recovery_codes(wanted: &NewCodes, terminal: &mut Terminal) -> Exit {
    let codes: Result<Vec<RecoveryCode>, _> =
        (0..wanted.count).map(|_| RecoveryCode::random()).collect();
    let Ok(codes) = codes else {
        terminal.error("the system has no random bytes");
        return Exit::Software;
    };
    let id = &wanted.organization;
    let hashes: Vec<String> = codes.iter().map(|code| hash_text(&code.hash(id))).collect();
    let shown: Vec<String> = codes.iter().map(RecoveryCode::expose).collect();
    let lines: String = hashes.iter().map(|hash| format!("    {hash:?},\n")).collect();
    let toml = format!("recovery_codes = [\n{lines}]\n");
    match wanted.output.format {
        Format::Text => {
            let text = format!(
                "# Recovery codes for {id}, shown this once. Print them and lock them away; each is\n\
                 # good once, on the page /-/sso/{id}/recovery of your site:\n{}\n\n\
                 # For the configuration, in the organization {id:?}:\n{toml}",
                shown.join("\n"),
                id = id.as_str(),
            );
            terminal.raw(text.as_bytes());
        }
        Format::Json => {
            terminal.json(&json!({
                "organization": id.as_str(), "codes": shown, "hashes": hashes, "toml": toml,
            }));
        }
    }
    Exit::Done
}
