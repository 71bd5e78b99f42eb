//! The command line: what can be asked for, and how it ends.

mod check;
mod demo;
mod explain;
mod healthcheck;
mod links;
mod online;
mod overview;
mod report;
mod run;
mod terminal;
mod token;
mod whoami;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::clock::Clock;
use crate::config::{Config, Loader, Problems};
use crate::observe::Audit;

use terminal::{Sheet, Terminal};

/// How a command ends: the codes of sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// As it should.
    Done = 0,
    /// What was looked for was found: somebody would be locked out.
    Found = 1,
    /// EX_USAGE: the command line is wrong.
    Usage = 64,
    /// EX_UNAVAILABLE: something cannot be reached.
    Unavailable = 69,
    /// EX_SOFTWARE: our fault.
    Software = 70,
    /// EX_CONFIG: the configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A single-sign-on gate for model hubs: one identity provider for each organization, in front of
/// any hub.
#[derive(Debug, Parser)]
#[command(name = "hubgate", version, after_help = AFTER, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0; 1 report found somebody; 64 the command line is wrong; 69 something cannot be reached; 70 our fault; \
78 the configuration is wrong.
HUBGATE_CONFIG stands for --config; HUBGATE__SECTION__KEY overrides any key of the file; \
NO_COLOR turns colours off.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Say whether a configuration is good: all mistakes at once, or what it does
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Also reach each identity provider and the hub; with a token of the hub's in
        /// HUBGATE_CHECK_TOKEN, also ask whose it is
        #[arg(long)]
        online: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Say what would be decided, and why, step by step
    Explain(explain::Question),
    /// Say from the access log who would be locked out if single sign-on were enforced
    Report(report::Question),
    /// Which account of the hub is which person at an identity provider
    #[command(subcommand)]
    Links(LinksCommand),
    /// Tokens of service accounts
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make single-use codes for the day when an identity provider is down
    RecoveryCodes(token::NewCodes),
    /// Run a gate, a small hub and identity providers with a few people, on this machine only
    Demo {
        /// With a hub that has accounts of its own
        #[arg(long)]
        accounts: bool,
    },
    /// Ask a running gate whether it is ready, for containers without a shell
    Healthcheck {
        #[command(flatten)]
        config: ConfigFile,
        /// The admin address, such as 127.0.0.1:9090; else the configuration's
        #[arg(long, value_name = "HOST:PORT")]
        address: Option<String>,
    },
    /// Write completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum LinksCommand {
    /// List links
    #[command(visible_alias = "show")]
    List(links::Wanted),
    /// End a link: the next sign-in makes it anew, with the same or another account
    #[command(visible_alias = "allow")]
    Remove(links::Ended),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; it is shown once
    New(token::NewToken),
}

/// Where the configuration is.
#[derive(Clone, Debug, clap::Args)]
struct ConfigFile {
    /// The configuration [env: HUBGATE_CONFIG]
    #[arg(long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Output {
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Reads the arguments, does what they ask for, and says how it ended.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut terminal = Terminal::standard();
    let exit = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => obey(arguments.command, &mut terminal),
        Err(error) => {
            // Help and version come this way too, with the code 0.
            let exit = if error.exit_code() == 0 { Exit::Done } else { Exit::Usage };
            terminal.clap(&error);
            exit
        }
    };
    exit.into()
}

fn obey(command: Command, terminal: &mut Terminal) -> Exit {
    match command {
        Command::Run { config } => match config.serving(Format::Text, terminal) {
            Ok((path, config, loader)) => run::run(&path, &config, loader, terminal),
            Err(exit) => exit,
        },
        Command::Check { config, online, output } => {
            match config.serving(output.format, terminal) {
                Ok((path, config, _)) => {
                    check::check(&path, &config, online, output.format, terminal)
                }
                Err(exit) => exit,
            }
        }
        Command::Explain(question) => explain::explain(&question, terminal),
        Command::Report(question) => report::report(&question, terminal),
        Command::Links(LinksCommand::List(wanted)) => links::list(&wanted, terminal),
        Command::Links(LinksCommand::Remove(ended)) => links::remove(&ended, terminal),
        Command::Token(TokenCommand::New(wanted)) => token::token(&wanted, terminal),
        Command::RecoveryCodes(wanted) => token::recovery_codes(&wanted, terminal),
        Command::Demo { accounts } => demo::demo(accounts, terminal),
        Command::Healthcheck { config, address } => {
            healthcheck::healthcheck(&config, address.as_deref(), terminal)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "hubgate", &mut script);
            terminal.raw(&script);
            Exit::Done
        }
    }
}

impl ConfigFile {
    /// The path that was given, here or in the environment.
    fn path(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("HUBGATE_CONFIG").filter(|path| !path.is_empty());
        self.file.clone().or_else(|| variable().map(PathBuf::from))
    }

    /// The configuration, or the exit that its mistakes are; they are told by then.
    fn load(&self, format: Format, terminal: &mut Terminal) -> Result<(PathBuf, Config), Exit> {
        self.read(|loader| loader, format, terminal).map(|(path, config, _)| (path, config))
    }

    /// The same for whoever serves: with what can read it again, and with the files tried that are
    /// written to then.
    fn serving(
        &self,
        format: Format,
        terminal: &mut Terminal,
    ) -> Result<(PathBuf, Config, Loader), Exit> {
        self.read(|loader| loader.attempting(Audit::attempt), format, terminal)
    }

    fn read(
        &self,
        prepare: impl FnOnce(Loader) -> Loader,
        format: Format,
        terminal: &mut Terminal,
    ) -> Result<(PathBuf, Config, Loader), Exit> {
        let Some(path) = self.path() else {
            terminal.error("no configuration was named: use --config FILE or HUBGATE_CONFIG");
            return Err(Exit::Usage);
        };
        let mut loader = prepare(Loader::new(&path, environment()));
        match loader.first(Clock::system().now()) {
            Ok(config) => Ok((path, config, loader)),
            Err(problems) => {
                tell(&path, &problems, format, terminal);
                Err(Exit::Config)
            }
        }
    }
}

/// The environment; what is not UTF-8 can name no key and hold no value of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Tells every mistake.
fn tell(path: &Path, problems: &Problems, format: Format, terminal: &mut Terminal) {
    match format {
        Format::Text => {
            let mut sheet = Sheet::new(terminal.colours_errors());
            let count = problems.count();
            let mistakes = if count == 1 { "mistake" } else { "mistakes" };
            sheet.bad(&format!("{count} {mistakes} in {}", path.display()));
            for problem in problems.iter() {
                let file = problem.file.as_ref().map(|file| format!("{}: ", file.display()));
                let key = if problem.key.is_empty() { "" } else { &format!("{}: ", problem.key) };
                let place = format!("{}{key}", file.unwrap_or_default());
                sheet.marked(&place, &format!("{}; {}", problem.what, problem.remedy));
            }
            terminal.complain(&sheet);
        }
        Format::Json => {
            let list: Vec<_> = problems
                .iter()
                .map(|problem| {
                    serde_json::json!({
                        "file": problem.file.as_ref().map(|file| file.display().to_string()),
                        "key": problem.key,
                        "what": problem.what,
                        "remedy": problem.remedy,
                    })
                })
                .collect();
            let file = path.display().to_string();
            terminal.json(&serde_json::json!({ "good": false, "file": file, "mistakes": list }));
        }
    }
}
