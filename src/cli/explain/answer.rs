//! What the hub and the client would see.

use http::Method;
use http::header;

use crate::error::Error;
use crate::fields::Fields;
use crate::headers::Managed;
use crate::login;
use crate::policy::{Decision, OrganizationId, Permit, Reason, ReturnTo, Target};
use crate::respond::{self, Answer, Dialect, Party, Refusal};

use super::Explainer;
use super::report::Report;

/// Why a permit was given, in a few words.
pub(super) fn why(permit: &Permit<'_>) -> String {
    match (permit.organization(), permit.caller()) {
        (Some(organization), Some(caller)) => {
            format!(
                "{} is signed in for {} as {}",
                caller.subject.as_str(),
                organization.id,
                caller.role
            )
        }
        (Some(organization), None) => {
            format!("{} lets everyone do this", organization.id)
        }
        (None, Some(caller)) => {
            format!(
                "nobody claims it; {} is signed in for {}",
                caller.subject.as_str(),
                caller.organization
            )
        }
        (None, None) => "nobody claims it".to_owned(),
    }
}

impl Explainer<'_> {
    /// What the hub, or the client, would see.
    pub(super) fn seen(&self, target: &Target, decision: Decision<'_>, report: &mut Report) {
        match decision {
            Decision::Allow(permit) => self.forwarded(target, &permit, report),
            Decision::Challenge(challenge) => {
                self.refusal(
                    Some(target),
                    challenge.reason,
                    true,
                    Some(&challenge.organization),
                    report,
                );
            }
            Decision::Deny { reason, organization } => {
                self.refusal(Some(target), reason, false, organization.as_ref(), report);
            }
        }
    }

    fn forwarded(&self, target: &Target, permit: &Permit<'_>, report: &mut Report) {
        report.step("the hub sees");
        report.row("request", &format!("{} {}", target.method(), target.raw()));
        let managed = Managed::new(self.config.headers.clone());
        let identity = managed.identity(permit, None);
        let mut anonymous = true;
        for (name, value) in identity.iter() {
            anonymous = false;
            report.row(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
        if anonymous {
            report.row("identity", "none: the caller is anonymous to the hub");
        } else if let Some(name) = &self.config.headers.assertion {
            report.row(name.as_str(), "a signed JWT that says the same");
        }
    }

    /// A path with two readings.
    pub(super) fn ambiguous(&self, why: &str, report: &mut Report) {
        self.refused(Reason::AmbiguousPath, why, report);
    }

    /// A request that is refused before anybody's rule is asked.
    pub(super) fn refused(&self, reason: Reason, why: &str, report: &mut Report) {
        report.row("refused", &format!("{reason}: {why}"));
        report.outcome("deny", Some(reason), None);
        self.refusal(None, reason, false, None, report);
    }

    fn refusal(
        &self,
        target: Option<&Target>,
        reason: Reason,
        challenge: bool,
        organization: Option<&OrganizationId>,
        report: &mut Report,
    ) {
        report.step("the client sees");
        let party = organization.and_then(|id| self.party(id));
        let place = target.and_then(|target| ReturnTo::parse(target.raw()));
        let refusal = Refusal {
            status: Error::Deny { reason, organization: None }.status(),
            reason,
            challenge,
            party: party.as_ref(),
            sign_in: organization.map(|id| login::path(id, place.as_ref())),
            retry_after: None,
            request_id: "",
            command_line: self.config.tokens.cli_sign_in,
            credential: false,
        };
        for (client, dialect) in clients(target) {
            report.row(client, &shown(&respond::refuse(dialect, &refusal)));
        }
        let tool = respond::refuse(Dialect::Tool, &refusal);
        if let Some(sentence) = tool.headers().get("x-error-message") {
            report.row("in words", &String::from_utf8_lossy(sentence.as_bytes()));
        }
    }

    fn party(&self, id: &OrganizationId) -> Option<Party> {
        let policy = &self.find(id.as_str())?.policy;
        Some(Party {
            id: id.to_string(),
            display_name: policy.display_name.clone(),
            url: self.config.public_url.join(&login::path(id, None)),
        })
    }
}

/// Who could have sent the request, and how each is spoken to.
fn clients(target: Option<&Target>) -> Vec<(&'static str, Dialect)> {
    let (method, path) = target.map_or((&Method::GET, "/"), |t| (t.method(), t.path()));
    match Dialect::of(method, path, &Fields::new()) {
        Dialect::Git { .. } => vec![
            ("git", Dialect::Git { credentials: false }),
            ("git with a token", Dialect::Git { credentials: true }),
        ],
        Dialect::Lfs { .. } => vec![
            ("git-lfs", Dialect::Lfs { credentials: false }),
            ("with a token", Dialect::Lfs { credentials: true }),
        ],
        Dialect::Page | Dialect::Frame | Dialect::Form | Dialect::Script | Dialect::Tool => {
            let browser = match *method {
                Method::GET | Method::HEAD => Dialect::Page,
                _ => Dialect::Form,
            };
            vec![("a browser", browser), ("a script", Dialect::Script), ("hf, curl", Dialect::Tool)]
        }
    }
}

/// An answer in one line.
fn shown(answer: &Answer) -> String {
    let text = |name: header::HeaderName| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let status = answer.status();
    if status.is_redirection() {
        return format!("{} to {}", status.as_u16(), text(header::LOCATION));
    }
    let kind = match text(header::CONTENT_TYPE).split(';').next().unwrap_or_default() {
        "text/html" => "a page that says what to do",
        "text/plain" => "one sentence",
        _ => "JSON",
    };
    let asks = if text(header::WWW_AUTHENTICATE).starts_with("Basic") {
        ", asks for credentials"
    } else {
        ""
    };
    format!("{} {kind}{asks}", status.as_u16())
}
