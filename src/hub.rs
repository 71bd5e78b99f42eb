//! From a request to the organizations whose content it is about, and what it needs of its caller.
//!
//! The tables say where known hubs keep the namespace; a row that matches only in some servers'
//! reading of the path is refused, and where several rows match, every organization has its claim.

mod body;
mod closed;
mod generic;
mod gitea;
mod huggingface;
mod json;
mod lists;
mod names;
mod odd;
mod query;
mod readings;
mod route;
mod shown;
mod table;
mod whoami;
mod words;

use std::sync::Arc;

use http::Method;

pub use body::{BODY_LIMIT, BodyError, BodyRule};
pub use odd::Odd;
pub use shown::Contradiction;
pub use whoami::{ANSWER_LIMIT, Carrier, Heard, Hearing, Question, Said, Shown, Whoami};

use crate::config::{
    self, Access, BodyUnknown, HubProfile, HubRule, Identity, OrganizationConfig, Unclaimed,
};
use crate::policy::{Ambiguity, Claim, Claimed, Claims, Need, Organization, Target};
use body::Reads;
use readings::Readings;
use table::{Asks, Profile, Row};
use words::Words;

/// The hub's URLs, and whose namespaces they name.
#[derive(Debug)]
pub struct Hub {
    /// The organizations of the configuration, in its order.
    organizations: Arc<[Arc<OrganizationConfig>]>,
    owners: closed::Owners,
    rules: Vec<HubRule>,
    profile: &'static Profile,
    /// What it means that a path begins with a certain word.
    words: Words,
    unclaimed: Unclaimed,
    body_unknown: BodyUnknown,
    identity: Identity,
    kind: HubProfile,
}

/// What the path says of whose content a request is about.
#[derive(Clone, Debug)]
pub enum Found<'h> {
    /// All there is to know.
    Claimed(Claimed<'h>),
    /// The body says the rest.
    InBody(BodyRule<'h>),
}

/// The longest name of a namespace, and of a word in the tables.
const LONGEST_NAME: usize = 96;

impl Hub {
    /// The hub of this configuration.
    #[must_use]
    pub fn new(config: &config::Hub, organizations: &Arc<[Arc<OrganizationConfig>]>) -> Self {
        Self::after(None, config, organizations)
    }

    /// The same after a change of the configuration.
    #[must_use]
    pub fn after(
        earlier: Option<&Self>,
        config: &config::Hub,
        organizations: &Arc<[Arc<OrganizationConfig>]>,
    ) -> Self {
        let profile = match config.profile {
            HubProfile::Huggingface => &huggingface::PROFILE,
            HubProfile::Gitea => &gitea::PROFILE,
            HubProfile::Generic => &generic::PROFILE,
        };
        Self {
            organizations: Arc::clone(organizations),
            owners: closed::owners(config.identity, organizations, earlier),
            rules: config.rules.clone(),
            profile,
            words: Words::of(config.profile, profile),
            unclaimed: config.unclaimed,
            body_unknown: config.body_unknown,
            identity: config.identity,
            kind: config.profile,
        }
    }

    /// Whose content the target is: the operator's rules first, then the profile's table.
    ///
    /// # Errors
    /// When servers would read the path as different namespaces, or as needing different roles.
    pub fn find(&self, target: &Target) -> Result<Found<'_>, Ambiguity> {
        let first = target.name(0)?;
        for rule in &self.rules {
            if let Some(claimed) = self.by_rule(rule, target)? {
                return Ok(Found::Claimed(claimed));
            }
        }
        let mut readings = Readings::default();
        self.read(target, 0, &mut readings)?;
        let is_base = |base: &&str| first.is_some_and(|first| first.eq_ignore_ascii_case(base));
        if self.profile.base_paths.iter().any(is_base) {
            self.read(target, 1, &mut readings)?;
        }
        let Readings { mut claims, named, batch, names } = readings;
        let reads = match (names, batch) {
            (None, None) => return Ok(Found::Claimed(self.claimed(claims, named))),
            (None, Some(claim)) => Reads::Batch(claim),
            (Some(names), None) => Reads::Names(names),
            // One body is not read twice.
            (Some(names), Some(claim)) => {
                claims.add(Claim { need: Need::Write, ..claim });
                Reads::Names(names)
            }
        };
        Ok(Found::InBody(BodyRule { hub: self, claims, reads }))
    }

    /// Whether a request asks for a list across namespaces.
    #[must_use]
    pub fn is_list(&self, method: &Method, path: &str) -> bool {
        lists::is_list(self.kind, self.profile, method, path)
    }

    /// What the rule says; `None` if it does not speak of the target.
    fn by_rule(&self, rule: &HubRule, target: &Target) -> Result<Option<Claimed<'_>>, Ambiguity> {
        // HEAD is GET without the answer's body (RFC 9110 §9.3.2).
        let method = |method: &Method| match *target.method() {
            Method::HEAD => matches!(*method, Method::GET | Method::HEAD),
            _ => method == target.method(),
        };
        if !rule.methods.is_empty() && !rule.methods.iter().any(method) {
            return Ok(None);
        }
        let Some(found) = rule.path.read(target)? else { return Ok(None) };
        Ok(match rule.access {
            Access::Public => Some(Claimed::Unclaimed { pass: true }),
            Access::Deny => Some(Claimed::Denied),
            // Without an organization the rule says nothing: `/{org}/{repo}/**` must not take
            // `/api/models/acme/…` away from the table.
            Access::Member => {
                found.organization.and_then(|text| self.organization(text)).map(|organization| {
                    let word = rule.path.before_organization();
                    let same = |kind: &&&str| word.is_some_and(|w| w.eq_ignore_ascii_case(kind));
                    let kind = self.profile.types.iter().find(same).unwrap_or(&"models");
                    let public = self.is_public(organization, Some(kind), found.repository);
                    Claimed::By(Claim { organization, need: rule.needs, public }.into())
                })
            }
        })
    }

    /// Compares the path from segment `from` on with every row that could match it.
    fn read<'h>(
        &'h self,
        target: &Target,
        from: usize,
        readings: &mut Readings<'h>,
    ) -> Result<(), Ambiguity> {
        let Some(first) = target.name(from)? else { return Ok(()) };
        let mut buffer = [0; LONGEST_NAME];
        for row in self.words.rows(lower(first, &mut buffer)) {
            self.read_row(row, target, from, readings)?;
        }
        Ok(())
    }

    fn read_row<'h>(
        &'h self,
        row: &'static Row,
        target: &Target,
        from: usize,
        readings: &mut Readings<'h>,
    ) -> Result<(), Ambiguity> {
        let Some(found) = row.read(self.profile, target, from)? else { return Ok(()) };
        if let Some(key) = row.query {
            let (asked, _) = table::asks(row.tails, target, found.tail);
            return query::repositories(key, target.query(), |namespace, repository| {
                readings.named = true;
                let Some(organization) = self.organization(namespace) else { return Ok(()) };
                let public = self.is_public(organization, row.kind(&found), repository);
                readings.add(organization, public, asked)
            });
        }
        readings.named |= found.namespace.is_some() && !row.loose;
        let organization = found.namespace.and_then(|text| self.organization(text));
        if organization.is_none() && (table::is_safe(target.method()) || !row.names_in_bodies()) {
            return Ok(());
        }
        let (asked, laxly) = table::asks(row.tails, target, found.tail);
        let by_body = matches!(asked, Asks::Names(_)) || matches!(laxly, Asks::Names(_));
        if asked != laxly && (organization.is_some() || by_body) {
            return Err(Ambiguity::TwoNeeds);
        }
        match (organization, asked) {
            (Some(organization), _) => {
                let public = self.is_public(organization, row.kind(&found), found.repository);
                readings.add(organization, public, asked)
            }
            (None, Asks::Names(names)) => readings.read_names(names),
            (None, Asks::Needs(_) | Asks::Batch) => Ok(()),
        }
    }

    /// Whether everyone may read the repository.
    fn is_public(
        &self,
        organization: &Organization,
        kind: Option<&str>,
        repository: Option<&str>,
    ) -> bool {
        let (Identity::Idp, Some(kind), Some(repository)) = (self.identity, kind, repository)
        else {
            return false;
        };
        let name = without_suffix(repository, ".git").unwrap_or(repository);
        let other = |word: &&str| name.eq_ignore_ascii_case(word);
        organization.public.iter().any(|pattern| pattern.covers(kind, name))
            && !self.profile.no_repositories.iter().any(other)
    }

    /// The organization whose namespace this is, glued suffixes aside.
    fn organization(&self, text: &str) -> Option<&Organization> {
        let mut buffer = [0; LONGEST_NAME];
        let bare = self.profile.suffixes.iter().filter_map(|suffix| without_suffix(text, suffix));
        std::iter::once(text)
            .chain(bare)
            .find_map(|name| self.owners.get(lower(name, &mut buffer)?))
            .map(|organization| &organization.policy)
    }

    /// The claims, or what holds for what no organization claims.
    fn claimed<'h>(&self, claims: Claims<'h>, named: bool) -> Claimed<'h> {
        if claims.is_empty() {
            return Claimed::Unclaimed { pass: !named || self.unclaimed == Unclaimed::Pass };
        }
        Claimed::By(claims)
    }
}

/// The text in lower case; `None` if it is longer than any name.
fn lower<'b>(text: &'b str, buffer: &'b mut [u8; LONGEST_NAME]) -> Option<&'b str> {
    if !text.bytes().any(|b| b.is_ascii_uppercase()) {
        return (text.len() <= LONGEST_NAME).then_some(text);
    }
    let lower = buffer.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

/// The text in front of `suffix`, whose case does not matter; `None` without it.
fn without_suffix<'t>(text: &'t str, suffix: &str) -> Option<&'t str> {
    let (front, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    (end.eq_ignore_ascii_case(suffix) && !front.is_empty()).then_some(front)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::uri::PathAndQuery;

    use super::table::Part;
    use super::*;

    fn hub(profile: &str) -> Hub {
        let text = format!(
            "public_url = \"https://hub.example.com\"\n[hub]\nupstream = \"http://127.0.0.1:1\"\n\
             profile = {profile:?}\n[[organization]]\nid = \"acme\"\n\
             [organization.role_mapping.roles]\nadmin = [\"a\"]\n[organization.oidc]\n\
             issuer = \"https://acme.example\"\nclient_id = \"x\"\nclient_auth = \"none\"\n"
        );
        let config = config::parse(&text, Path::new("hub.toml"), []).unwrap();
        Hub::new(&config.hub, &config.organizations)
    }

    fn example(hub: &Hub, row: &Row) -> String {
        let mut path = String::new();
        for part in row.path {
            path.push('/');
            path.push_str(match part {
                Part::Is(word) => word,
                Part::Type => hub.profile.types.last().unwrap(),
                Part::Any => "7",
                Part::Org => "acme",
                Part::Repo => "m",
            });
        }
        match row.query {
            Some(key) => format!("{path}?{key}=acme%2Fm"),
            None => path,
        }
    }

    #[test]
    fn every_row_finds_the_organization_that_stands_in_it() {
        for profile in ["huggingface", "gitea", "generic"] {
            let hub = hub(profile);
            for row in hub.profile.rows {
                let path = example(&hub, row);
                let raw = PathAndQuery::try_from(path.as_str()).unwrap();
                let target = Target::parse(Method::GET, &raw).unwrap();
                let found = hub.find(&target).unwrap();
                let acme = matches!(&found, Found::Claimed(Claimed::By(claims)) if claims.iter().count() == 1);
                assert_eq!(acme, row.path.contains(&Part::Org) || row.query.is_some(), "{path}");
            }
        }
    }

    #[test]
    fn rows_are_looked_up_by_words_in_lower_case() {
        for profile in ["huggingface", "gitea", "generic"] {
            let hub = hub(profile);
            for word in hub.words.all() {
                assert_eq!(word, word.to_ascii_lowercase());
                assert!(word.len() <= LONGEST_NAME, "{word}");
            }
        }
    }
}
