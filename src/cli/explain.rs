//! `hubgate explain`: what would be decided, and why, step by step.

mod account;
mod answer;
mod caller;
mod document;
mod profile;
mod reading;
mod report;

use std::path::PathBuf;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::config::{Config, OrganizationConfig};
use crate::hub::Hub;
use crate::policy::{Decision, Organization, OrganizationId, Principal, decide};

use super::terminal::Terminal;
use super::{ConfigFile, Exit, Format, Output};
use caller::Caller;
use report::Report;

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Question {
    #[command(flatten)]
    config: ConfigFile,
    /// The request's method, such as GET
    #[arg(required_unless_present_any = ["claims", "saml_response"])]
    method: Option<String>,
    /// The request's path, or its whole address on this site
    #[arg(required_unless_present_any = ["claims", "saml_response"])]
    target: Option<String>,
    /// Who asks: SUBJECT:ROLE for the target's organization, or ORG/SUBJECT:ROLE; with :expired or
    /// :revoked behind it, a sign-in that has ended. May be given for several organizations
    #[arg(long = "as", value_name = "WHO")]
    callers: Vec<String>,
    /// A JSON file with the claims of an ID token: which role they map to; without --as, it is this
    /// person who asks
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// A JSON file with the hub's whoami answer: the account that asks, where the hub has
    /// accounts; with --as, the sign-ins that are linked to it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["claims", "saml_response"])]
    account: Option<PathBuf>,
    /// The account asks in a browser, by the hub's cookie, and not with a token
    #[arg(long, requires = "account")]
    browser: bool,
    /// A file with a SAML response, as XML, as base64 or as the form that was posted: which check
    /// refuses it, and why. Nothing is accepted by it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "claims", "callers", "body"])]
    saml_response: Option<PathBuf>,
    /// When the response arrived, such as 2026-07-03T12:00:00Z; default: now
    #[arg(long, value_name = "TIME", requires = "saml_response")]
    at: Option<String>,
    /// Whose provider sent the claims or the response, when it cannot be known from the target
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// A JSON file with the request's body, for targets whose body names the organization
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// Why no explanation can be given: the question is wrong.
struct Unanswerable(String);

/// Explains; how the decision turns out does not change the exit code.
pub(super) fn explain(question: &Question, terminal: &mut Terminal) -> Exit {
    let format = question.output.format;
    let config = match question.config.load(format, terminal) {
        Ok((_, config)) => config,
        Err(exit) => return exit,
    };
    let now = Clock::system().now();
    match Explainer::new(&config, now).answer(question) {
        Ok(report) => {
            match format {
                Format::Text => terminal.answer(&report.sheet(terminal.colours())),
                Format::Json => terminal.json(&report.json()),
            }
            Exit::Done
        }
        Err(Unanswerable(why)) => {
            terminal.error(&why);
            Exit::Usage
        }
    }
}

struct Explainer<'c> {
    config: &'c Config,
    hub: Hub,
    now: SystemTime,
}

impl<'c> Explainer<'c> {
    fn new(config: &'c Config, now: SystemTime) -> Self {
        Self { config, hub: Hub::new(&config.hub, &config.organizations), now }
    }

    fn answer(&self, question: &Question) -> Result<Report, Unanswerable> {
        let mut report = Report::default();
        if let Some(path) = &question.saml_response {
            let organization = self.named(question.organization.as_deref(), &[])?;
            let at = question.at.as_deref();
            document::explain(self.config, organization, path, at, self.now, &mut report)?;
            return Ok(report);
        }
        let target = match (&question.method, &question.target) {
            (Some(method), Some(target)) => Some((method.as_str(), target.as_str())),
            (Some(_), None) => return Err(Unanswerable("a method needs a target".to_owned())),
            (None, _) => None,
        };
        let Some((method, text)) = target else {
            let organization = self.named(question.organization.as_deref(), &[])?;
            self.profile(question, organization, &mut report)?;
            return Ok(report);
        };
        let Some(target) = self.target(method, text, &mut report)? else { return Ok(report) };
        let Some(claimed) = self.claimed(&target, question, &mut report)? else {
            return Ok(report);
        };
        let owners: Vec<_> = claimed.organizations().collect();
        let mut principal = Principal::anonymous();
        if question.claims.is_some() {
            let organization = self.named(question.organization.as_deref(), &owners)?;
            let sign_in = self.profile(question, organization, &mut report)?;
            principal = sign_in.into_iter().fold(principal, Principal::with);
        }
        if question.claims.is_none() || !question.callers.is_empty() {
            principal = self.callers(&question.callers, &owners, &mut report)?;
        }
        if let Some(path) = &question.account {
            principal = self.account(path, question.browser, principal, &owners, &mut report)?;
        }
        let decision = decide(&claimed, &principal, self.now);
        self.decision(&decision, &mut report);
        self.seen(&target, decision, &mut report);
        Ok(report)
    }

    /// Who asks.
    fn callers(
        &self,
        texts: &[String],
        owners: &[&Organization],
        report: &mut Report,
    ) -> Result<Principal, Unanswerable> {
        report.step("caller");
        let mut principal = Principal::anonymous();
        for text in texts {
            let caller = Caller::parse(text).map_err(Unanswerable)?;
            let organization = self.named(caller.organization.as_deref(), owners)?;
            match caller.sign_in(&organization.policy, self.now) {
                Ok(sign_in) => {
                    let state = caller.state.as_str();
                    report.row(
                        sign_in.subject.as_str(),
                        &format!("{state} for {} as {}", sign_in.organization, sign_in.role),
                    );
                    principal = principal.with(sign_in);
                }
                Err(why) => report.row(&caller.subject, &why),
            }
        }
        if principal.sign_ins().is_empty() {
            report
                .row("nobody", "is signed in: an anonymous visitor, or a member without a session");
        }
        Ok(principal)
    }

    /// The role that the claims map to, and the sign-in that they make.
    fn profile(
        &self,
        question: &Question,
        organization: &OrganizationConfig,
        report: &mut Report,
    ) -> Result<Option<crate::policy::SignIn>, Unanswerable> {
        let path = question.claims.as_ref().ok_or_else(|| Unanswerable(String::new()))?;
        let text = std::fs::read_to_string(path)
            .map_err(|error| Unanswerable(format!("{} cannot be read: {error}", path.display())))?;
        let claims = serde_json::from_str(&text).map_err(|error| {
            // The error's own text could show a claim.
            let (line, column) = (error.line(), error.column());
            let place = path.display();
            Unanswerable(format!("{place} is no JSON object: line {line}, column {column}"))
        })?;
        Ok(profile::explain(organization, &claims, self.now, report))
    }

    /// The organization that is named, or the only one that can be meant.
    fn named(
        &self,
        id: Option<&str>,
        owners: &[&Organization],
    ) -> Result<&'c OrganizationConfig, Unanswerable> {
        let only = |organizations: &[&OrganizationId]| match organizations {
            [one] => Some(one.as_str().to_owned()),
            _ => None,
        };
        let owners: Vec<&OrganizationId> = owners.iter().map(|owner| &owner.id).collect();
        let all: Vec<&OrganizationId> =
            self.config.organizations.iter().map(|o| &o.policy.id).collect();
        let id = id
            .map(ToOwned::to_owned)
            .or_else(|| only(&owners))
            .or_else(|| if owners.is_empty() { only(&all) } else { None });
        let names = all.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
        let Some(id) = id else {
            let what = format!(
                "several organizations can be meant: say which, with --as ORG/SUBJECT:ROLE or --organization; there are {names}"
            );
            return Err(Unanswerable(what));
        };
        self.find(&id).ok_or_else(|| {
            Unanswerable(format!("there is no organization {id:?}; there are {names}"))
        })
    }

    fn find(&self, id: &str) -> Option<&'c OrganizationConfig> {
        let mut all = self.config.organizations.iter();
        all.find(|organization| organization.policy.id.as_str() == id).map(AsRef::as_ref)
    }

    fn decision(&self, decision: &Decision<'_>, report: &mut Report) {
        report.step("decision");
        match decision {
            Decision::Allow(permit) => {
                report.row("allow", &answer::why(permit));
                let organization = permit.organization().map(|organization| &organization.id);
                report.outcome("allow", permit.notice().map(|notice| notice.reason), organization);
                if let Some(notice) = permit.notice() {
                    let what = format!("{}: {}", notice.reason, notice.reason.sentence());
                    report.row("but", &format!("{} is optional for {what}", "sign-in"));
                }
            }
            Decision::Challenge(challenge) => {
                let (reason, organization) = (challenge.reason, &challenge.organization);
                report.row("challenge", &format!("{reason}: {}", reason.sentence()));
                report.row("whose", organization.as_str());
                report.outcome("challenge", Some(reason), Some(organization));
            }
            Decision::Deny { reason, organization } => {
                report.row("deny", &format!("{reason}: {}", reason.sentence()));
                if let Some(organization) = organization {
                    report.row("whose", organization.as_str());
                }
                report.outcome("deny", Some(*reason), organization.as_ref());
            }
        }
    }
}
