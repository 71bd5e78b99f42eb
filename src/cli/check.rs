//! `hubgate check`: what a good configuration does, and what is worth a second look.

use std::path::Path;

use serde_json::json;

use crate::clock::Clock;
use crate::config::Config;

use super::online::Finding;
use super::terminal::{Sheet, Terminal};
use super::{Exit, Format, online, overview};

/// Shows a configuration that has no mistakes.
pub(super) fn check(
    path: &Path,
    config: &Config,
    online: bool,
    format: Format,
    terminal: &mut Terminal,
) -> Exit {
    let mut warnings = config.warnings();
    warnings.extend(overview::certificate_warnings(config, Clock::system().now()));
    let (findings, exit) = if online { online::reach(config) } else { (Vec::new(), Exit::Done) };
    match format {
        Format::Text => {
            let mut sheet = Sheet::new(terminal.colours());
            sheet.good(&format!("{} has no mistakes", path.display()));
            overview::write(config, &mut sheet);
            if !warnings.is_empty() {
                sheet.blank();
            }
            for warning in &warnings {
                sheet.warning(&warning.to_string());
            }
            if online {
                sheet.blank();
            }
            for finding in &findings {
                finding.write(&mut sheet);
            }
            terminal.answer(&sheet);
        }
        Format::Json => {
            let warnings: Vec<_> = warnings
                .iter()
                .map(|warning| json!({ "key": warning.key, "what": warning.what }))
                .collect();
            let file = path.display().to_string();
            let organizations = overview::organizations(config);
            terminal.json(&json!({
                "good": true,
                "file": file,
                "public_url": config.public_url.origin(),
                "upstream": config.hub.upstream.as_ref().map(ToString::to_string),
                "organizations": organizations,
                "warnings": warnings,
                "online": online.then(|| findings.iter().map(Finding::json).collect::<Vec<_>>()),
            }));
        }
    }
    exit
}
