//! What is asked for, and whose content that is.

use http::Method;
use http::uri::PathAndQuery;

use crate::config::HubProfile;
use crate::hub::Found;
use crate::policy::{Claimed, Reason, Target};

use super::report::Report;
use super::{Explainer, Question, Unanswerable};

impl Explainer<'_> {
    /// The target as it is read; `None` when it has two readings or is a page of ours.
    pub(super) fn target(
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
        let target = match raw.map(|raw| Target::parse(method.clone(), &raw)) {
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
        if matches!(method, Method::TRACE | Method::CONNECT) {
            self.refused(Reason::MethodNotAllowed, "no hub needs this method", report);
            return Ok(None);
        }
        let segments: Vec<&str> = target.segments().collect();
        report.row("reads as", &segments.join(" / "));
        // Addresses that identity providers' existing applications already use.
        let consumes = self.config.hub.profile == HubProfile::Huggingface
            && matches!(segments.as_slice(), ["organizations", _, "oidc" | "saml", "consume"]);
        // What programs that sign in by way of a browser ask for.
        let programs = self.config.tokens.cli_sign_in
            && matches!(segments.as_slice(), ["oauth", "device" | "token"] | ["api", "whoami-v2"]);
        if consumes || programs || segments.first() == Some(&"-") {
            report.row("which is", "a page of the gate's own, which never reaches the hub");
            report.outcome("own", None, None);
            return Ok(None);
        }
        Ok(Some(target))
    }

    /// Whose content it is; `None` when that has two readings.
    pub(super) fn claimed(
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
                        self.refused(Reason::AmbiguousBody, &error.to_string(), report);
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
            Claimed::Denied => {
                let what = "a [[hub.rule]] with access = \"deny\" closes it to everybody";
                report.row("nobody's", what);
            }
            Claimed::By(claims) | Claimed::Unread(claims) => {
                for claim in claims.iter() {
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
}
