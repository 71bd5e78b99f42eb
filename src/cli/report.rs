//! `hubgate report`: who would be locked out if single sign-on were enforced.

mod tally;

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _};
use std::path::PathBuf;

use serde_json::json;

use crate::config::Config;
use crate::policy::Enforcement;

use super::terminal::{Sheet, Terminal};
use super::{ConfigFile, Exit, Format};

use tally::{Seen, Tally};

/// What is asked.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Question {
    #[command(flatten)]
    config: ConfigFile,
    /// The access log, in JSON; else standard input
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// How the answer is written; else text on a terminal, and JSON elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Reads the log and tells.
pub(super) fn report(question: &Question, terminal: &mut Terminal) -> Exit {
    let usual = if std::io::stdout().is_terminal() { Format::Text } else { Format::Json };
    let format = if question.json { Format::Json } else { question.format.unwrap_or(usual) };
    let config = match question.config.load(format, terminal) {
        Ok((_, config)) => config,
        Err(exit) => return exit,
    };
    let mut tally = Tally::of(
        config
            .organizations
            .iter()
            .filter(|organization| organization.policy.enforcement == Enforcement::Optional)
            .map(|organization| organization.policy.id.as_str()),
    );
    let read = match &question.access_log {
        Some(path) => File::open(path).and_then(|file| read(BufReader::new(file), &mut tally)),
        None => read(std::io::stdin().lock(), &mut tally),
    };
    if let Err(error) = read {
        terminal.error(&format!("the access log cannot be read: {error}"));
        return Exit::Unavailable;
    }
    if tally.requests == 0 {
        terminal.error(
            "the access log holds no requests; it must be the gate's, in JSON, as it is written \
             where there is no terminal",
        );
        return Exit::Unavailable;
    }
    match format {
        Format::Text => text(&config, &tally, terminal),
        Format::Json => as_json(&config, &tally, terminal),
    }
    if tally.locked_out().next().is_some() { Exit::Found } else { Exit::Done }
}

/// Reads line by line: a log may be larger than memory.
fn read(mut from: impl BufRead, tally: &mut Tally) -> std::io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        tally.line(&line);
        line.clear();
    }
    Ok(())
}

fn text(config: &Config, tally: &Tally, terminal: &mut Terminal) {
    let mut sheet = Sheet::new(terminal.colours());
    sheet.heading(&format!("{} requests of the access log", tally.requests));
    if tally.others > 0 {
        sheet.row("passed over", &format!("{} lines that are no requests", tally.others));
    }
    for organization in config.organizations.iter() {
        let policy = &organization.policy;
        sheet.blank();
        sheet.heading(&format!("{} ({})", policy.display_name, policy.id));
        let Some(people) = tally.organization(policy.id.as_str()) else {
            sheet.row(
                "enforcement",
                &format!("{}: nothing would change", policy.enforcement.as_str()),
            );
            continue;
        };
        let (out, fine): (Vec<_>, Vec<_>) =
            people.iter().partition(|(_, seen)| seen.is_locked_out());
        sheet.row("signed in", &format!("{} would notice nothing", fine.len()));
        sheet.row("locked out", &format!("{} would be asked to sign in first", out.len()));
        for (who, seen) in out {
            sheet.marked(&format!("{who:40}"), &describe(seen));
        }
    }
    terminal.answer(&sheet);
}

fn describe(seen: &Seen) -> String {
    let Seen { refused, reason, last_refused, .. } = seen;
    format!("  {refused:>7} requests, last {last_refused}, {reason}")
}

fn as_json(config: &Config, tally: &Tally, terminal: &mut Terminal) {
    let organizations: Vec<_> = config
        .organizations
        .iter()
        .map(|organization| {
            let policy = &organization.policy;
            let people = tally.organization(policy.id.as_str());
            let shown = |wanted: bool| {
                let all = people.iter().flat_map(|people| people.iter());
                all.filter(|(_, seen)| seen.is_locked_out() == wanted)
                    .map(|(who, seen)| {
                        json!({
                            "who": who.name(), "kind": who.kind(),
                            "requests_without_sign_in": seen.refused,
                            "reason": seen.reason,
                            "last_without_sign_in": seen.last_refused,
                            "last_signed_in": seen.last_signed_in,
                        })
                    })
                    .collect::<Vec<_>>()
            };
            json!({
                "organization": policy.id.as_str(),
                "enforcement": policy.enforcement.as_str(),
                "locked_out": shown(true),
                "signed_in": shown(false),
            })
        })
        .collect();
    terminal.json(&json!({
        "requests": tally.requests,
        "other_lines": tally.others,
        "organizations": organizations,
    }));
}
