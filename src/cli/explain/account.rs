//! The hub's account that asks.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::Identity;
use crate::hub::Whoami;
use crate::links::Links;
use crate::policy::{Account, HubTokens, Organization, Principal, Showing};

use super::report::Report;
use super::{Explainer, Unanswerable};

impl Explainer<'_> {
    /// The same caller with the account of a whoami answer, and what is known of its past.
    pub(super) fn account(
        &self,
        path: &Path,
        browser: bool,
        principal: Principal,
        owners: &[&Organization],
        report: &mut Report,
    ) -> Result<Principal, Unanswerable> {
        let settings = match (&self.config.hub.whoami, self.config.hub.identity) {
            (Some(settings), Identity::Hub) => settings,
            (_, Identity::Idp) | (None, Identity::Hub) => {
                let what = "--account is for hub.identity = \"hub\": here the provider's word is the identity";
                return Err(Unanswerable(what.to_owned()));
            }
        };
        let place = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Unanswerable(format!("{place} cannot be read: {error}")))?;
        let answer: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Unanswerable(format!("{place} is no JSON object: line {line}, column {column}"))
        })?;
        let whoami = Whoami::new(settings.clone(), &self.config.public_url);
        let account = whoami.account(&answer).map_err(|error| {
            Unanswerable(format!("{place}: {error}; see [hub.whoami] in the configuration"))
        })?;
        report.step("account");
        let how = if browser { "in a browser" } else { "with a token" };
        report.row(&account.name, &format!("id:{}, {how}", account.id));
        let email = account.email.as_ref();
        report.row("e-mail", email.map_or("none that is verified", |email| email.as_str()));
        for owner in owners {
            report.row(owner.id.as_str(), &standing(owner, &account, browser));
        }
        let past = match &self.config.hub.links {
            None => Vec::new(),
            Some(file) => {
                let links = Links::open(Some(file.clone()))
                    .map_err(|error| Unanswerable(error.to_string()))?;
                links.past(&account.id, |_| true)
            }
        };
        for past in &past {
            let stands = if past.authorized { "" } else { ", revoked since" };
            report
                .row("signed in once", &format!("{} as {}{stands}", past.organization, past.role));
        }
        let account = Arc::new(account);
        let showing = if browser { Showing::Browser(account) } else { Showing::Token(account) };
        Ok(principal.at_hub(showing, past))
    }
}

/// How an account stands with an organization.
fn standing(organization: &Organization, account: &Account, browser: bool) -> String {
    let accounts = organization.accounts.as_ref();
    let who = if accounts.is_some_and(|own| own.collaborators.holds(account)) {
        "an external collaborator"
    } else if organization.names(account) {
        "a member by name"
    } else if organization.counts_as_member(account) {
        "a member by its e-mail address"
    } else {
        "no member"
    };
    let tokens = match accounts.map(|own| own.tokens) {
        Some(HubTokens::LiveSession) | None => "tokens need a live sign-in",
        Some(HubTokens::AuthorizedOnce) => "tokens need one sign-in",
        Some(HubTokens::Exempt) => "tokens need no sign-in",
    };
    if browser { who.to_owned() } else { format!("{who}; {tokens}") }
}
