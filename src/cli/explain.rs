//! `hubgate explain`: what would be decided, and why, step by step.

mod answer;
mod caller;
mod profile;
mod report;

use std::path::PathBuf;
use std::time::SystemTime;

use http::Method;
use http::uri::PathAndQuery;

use crate::clock::Clock;
use crate::config::{Config, OrganizationConfig};
use crate::hub::{Found, Hub};
use crate::policy::{Claimed, Decision, Organization, OrganizationId, Principal, Target, decide};

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
    #[arg(required_unless_present = "claims")]
    method: Option<String>,
    /// The request's path, or its whole address on this site
    #[arg(required_unless_present = "claims")]
    target: Option<String>,
    /// Who asks: SUBJECT:ROLE for the target's organization, or ORG/SUBJECT:ROLE; with :expired or
    /// :revoked behind it, a sign-in that has ended. May be given for several organizations
    #[arg(long = "as", value_name = "WHO")]
    callers: Vec<String>,
    /// A JSON file with the claims of an ID token: which role they map to; without --as, it is this
    /// person who asks
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// Whose provider sent the claims, when it cannot be known from the target
    #[arg(long, value_name = "ID", requires = "claims")]
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
        let owners = owners(&claimed);
        let mut principal = Principal::anonymous();
        if question.claims.is_some() {
            let organization = self.named(question.organization.as_deref(), &owners)?;
            let sign_in = self.profile(question, organization, &mut report)?;
            principal = sign_in.into_iter().fold(principal, Principal::with);
        }
        if question.claims.is_none() || !question.callers.is_empty() {
            principal = self.callers(&question.callers, &owners, &mut report)?;
        }
        let decision = decide(&claimed, &principal, self.now);
        self.decision(&decision, &mut report);
        self.seen(&target, decision, &mut report);
        Ok(report)
    }

    /// The target as it is read; `None` when it has two readings or is a page of ours.
    fn target(
        &self,
        method: &str,
        text: &str,
        report: &mut Report,
    ) -> Result<Option<Target>, Unanswerable> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Unanswerable(format!("{method:?} is no method")))?;
        let path = match text.strip_prefix(self.config.public_url.origin()) {
            Some("") => "/",
            Some(path) if path.starts_with(['/', '?']) => path,
            Some(_) | None => text,
        };
        if !path.starts_with('/') {
            let what = format!(
                "{text:?} is no path and no address on {}",
                self.config.public_url.origin()
            );
            return Err(Unanswerable(what));
        }
        report.step("target");
        report.row("request", &format!("{method} {path}"));
        // The parser of `http` would cut a fragment off; a server must never see one.
        let raw = PathAndQuery::try_from(path).ok().filter(|_| !path.contains('#'));
        let target = match raw.map(|raw| Target::parse(method.clone(), raw)) {
            Some(Ok(target)) => target,
            Some(Err(ambiguity)) => {
                self.ambiguous(&ambiguity.to_string(), report);
                return Ok(None);
            }
            None => {
                self.ambiguous("the path holds a byte that must be percent-encoded", report);
                return Ok(None);
            }
        };
        let segments: Vec<&str> = target.segments().collect();
        report.row("reads as", &segments.join(" / "));
        if segments.first() == Some(&"-") {
            report.row("which is", "the gate's own: nothing under /-/ reaches the hub");
            report.outcome("own", None, None);
            return Ok(None);
        }
        Ok(Some(target))
    }

    /// Whose content it is; `None` when that has two readings.
    fn claimed(
        &self,
        target: &Target,
        question: &Question,
        report: &mut Report,
    ) -> Result<Option<Claimed<'_>>, Unanswerable> {
        let found = match self.hub.find(target) {
            Ok(found) => found,
            Err(ambiguity) => {
                self.ambiguous(&ambiguity.to_string(), report);
                return Ok(None);
            }
        };
        let claimed = match found {
            Found::Claimed(claimed) => claimed,
            Found::InBody(rule) => {
                let Some(path) = &question.body else {
                    let what =
                        "the request's body names the organization: give it with --body FILE";
                    return Err(Unanswerable(what.to_owned()));
                };
                let body = std::fs::read(path).map_err(|error| {
                    Unanswerable(format!("{} cannot be read: {error}", path.display()))
                })?;
                match rule.read(&body) {
                    Ok(claimed) => claimed,
                    Err(error) => {
                        self.refused(
                            crate::policy::Reason::AmbiguousBody,
                            &error.to_string(),
                            report,
                        );
                        return Ok(None);
                    }
                }
            }
        };
        report.step("claims");
        match &claimed {
            Claimed::Unclaimed { pass } => {
                let what = if *pass { "it passes" } else { "it is refused" };
                report.row("nobody's", &format!("no organization claims it, so {what}"));
            }
            Claimed::By(claims) => {
                for claim in claims {
                    let public = if claim.public { "public" } else { "not public" };
                    let organization = claim.organization;
                    report.row(
                        organization.id.as_str(),
                        &format!(
                            "needs {}, {public}, single sign-on {}",
                            claim.need,
                            organization.enforcement.as_str()
                        ),
                    );
                }
            }
        }
        Ok(Some(claimed))
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
            let caller = Caller::parse(text, |id| self.find(id).is_some()).map_err(Unanswerable)?;
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

fn owners<'c>(claimed: &Claimed<'c>) -> Vec<&'c Organization> {
    match claimed {
        Claimed::Unclaimed { .. } => Vec::new(),
        Claimed::By(claims) => claims.iter().map(|claim| claim.organization).collect(),
    }
}
