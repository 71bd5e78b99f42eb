//! The only file that writes to standard output and standard error.

use std::io::{IsTerminal as _, Write};

/// Where commands write.
pub(super) struct Terminal {
    colours: bool,
    colours_errors: bool,
}

impl Terminal {
    /// Standard output and standard error; colours only on a terminal, and never with `NO_COLOR`
    /// (https://no-color.org).
    pub(super) fn standard() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = !set("NO_COLOR") && !dumb;
        Self {
            colours: wanted && std::io::stdout().is_terminal(),
            colours_errors: wanted && std::io::stderr().is_terminal(),
        }
    }

    pub(super) const fn colours(&self) -> bool {
        self.colours
    }

    pub(super) const fn colours_errors(&self) -> bool {
        self.colours_errors
    }

    /// Writes an answer.
    pub(super) fn answer(&mut self, sheet: &Sheet) {
        self.raw(sheet.text.as_bytes());
    }

    /// Writes an answer for programs.
    pub(super) fn json(&mut self, value: &serde_json::Value) {
        self.raw(format!("{value:#}\n").as_bytes());
    }

    /// Writes bytes to standard output.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        // Whoever reads may have seen enough (`| head`): that is no mistake.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// Writes what is wrong.
    pub(super) fn complain(&mut self, sheet: &Sheet) {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(sheet.text.as_bytes()).and_then(|()| err.flush());
    }

    /// Writes one sentence of what is wrong.
    pub(super) fn error(&mut self, sentence: &str) {
        let mut sheet = Sheet::new(self.colours_errors);
        sheet.bad(sentence);
        self.complain(&sheet);
    }

    /// Writes clap's own message: help to standard output, complaints to standard error.
    pub(super) fn clap(&mut self, error: &clap::Error) {
        let _ = error.print();
    }
}

/// Text under construction.
pub(super) struct Sheet {
    text: String,
    colours: bool,
}

/// The width of a row's label.
const LABEL: usize = 16;

impl Sheet {
    pub(super) const fn new(colours: bool) -> Self {
        Self { text: String::new(), colours }
    }

    fn paint(&self, codes: &str, text: &str) -> String {
        let text = plain(text);
        if self.colours { format!("\x1b[{codes}m{text}\x1b[0m") } else { text }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.push("");
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.push(&self.paint("1", text));
    }

    pub(super) fn good(&mut self, text: &str) {
        self.push(&self.paint("1;32", text));
    }

    /// `error: …`
    pub(super) fn bad(&mut self, text: &str) {
        self.push(&format!("{} {}", self.paint("1;31", "error:"), plain(text)));
    }

    /// `warning: …`
    pub(super) fn warning(&mut self, text: &str) {
        self.push(&format!("{} {}", self.paint("1;33", "warning:"), plain(text)));
    }

    /// An indented line whose first part stands out.
    pub(super) fn marked(&mut self, mark: &str, text: &str) {
        self.push(&format!("  {}{}", self.paint("1", mark), plain(text)));
    }

    /// An indented line with a label.
    pub(super) fn row(&mut self, label: &str, text: &str) {
        let label = self.paint("2", &format!("{label:LABEL$}"));
        self.push(&format!("  {label} {}", plain(text)));
    }
}

/// The text without control characters, which could write elsewhere on a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
