//! `vectors/decide`: one question and its answer on each line.
//!
//! A file begins with what is asked about: a `hub`, its `rule`s, and an `organization` on each line.
//!
//! ```text
//! hub profile=huggingface unclaimed=pass
//! rule /{org}/files/** methods=GET needs=read access=public
//! organization acme namespaces=acme,acme-labs enforcement=enforced public=demo,datasets/open-*
//! ```
//!
//! Then come the questions: who, the sign-ins in that browser, a method, a target, perhaps a body.
//!
//! ```text
//! anonymous GET /acme/bert => challenge acme sign-in-required
//! alice acme:write,globex:read!expired POST /api/repos/create {"organization":"acme"} => allow as acme:write
//! ```
//!
//! At a hub with accounts the head names them, and a question says which credential of whose it
//! shows: the hub's cookie, a token, or both. What the hub does not know is `nobody`. The sign-ins
//! of a token are those of its owner's browser. A person's address is `{role}@people.example` at
//! every provider, so an account with that address is linked to the person of that role.
//!
//! ```text
//! account wanda email=write@people.example orgs=acme
//! alice acme:write @wanda:cookie GET /acme/bert => allow as acme:write
//! anonymous @wanda:token GET /acme/bert => challenge acme sign-in-required
//! ```
//!
//! A sign-in may be `!expired` or `!revoked`; `large` in front of a body stands for more of it than
//! is read.
//! Answers: `allow` (as nobody), `offer acme` (allowed, and a sign-in offered should the hub refuse), `allow as acme:write`, `notice acme reason` (allowed, and told),
//! `challenge acme reason`, `deny reason acme`, `deny reason`, and a status with its reason.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use hubgate::config::{self, Config};
use hubgate::demo::people;
use hubgate::links::Links;
use hubgate::policy::{
    Account, AccountId, EmailAddress, Ended, Namespace, OrganizationId, Principal, Role, Showing,
    SignIn, Subject,
};

/// One file.
#[derive(Debug)]
pub(crate) struct Vectors {
    pub(crate) name: String,
    pub(crate) world: World,
    pub(crate) cases: Vec<Case>,
}

/// What is asked about.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// Keys of `[hub]`.
    hub: Vec<(String, String)>,
    /// Paths and keys of each `[[hub.rule]]`.
    rules: Vec<(String, Vec<(String, String)>)>,
    /// Ids and keys of each `[[organization]]`.
    organizations: Vec<(String, Vec<(String, String)>)>,
    /// The hub's accounts.
    pub(crate) accounts: Vec<people::Account>,
}

/// One question and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Where it stands.
    pub(crate) line: usize,
    pub(crate) who: String,
    pub(crate) sign_ins: Vec<SignInLine>,
    /// What is shown to the hub: whose cookie or token.
    pub(crate) shown: Vec<(String, Carrier)>,
    pub(crate) method: Method,
    /// Path and query, as they are sent.
    pub(crate) target: String,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) expected: Outcome,
}

/// One sign-in of a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignInLine {
    pub(crate) organization: String,
    pub(crate) role: Role,
    pub(crate) standing: Age,
}

/// What carries a credential of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Cookie,
    Token,
}

/// How old a sign-in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Live,
    Expired,
    Revoked,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Allowed; as whom.
    Allow(Option<(String, Role)>),
    /// Allowed, and offered a sign-in should the hub refuse.
    Offer(String),
    /// Allowed, and told to sign in.
    Notice {
        organization: String,
        reason: String,
    },
    Challenge {
        organization: String,
        reason: String,
    },
    Deny {
        reason: String,
        organization: Option<String>,
    },
    /// Refused before it was decided.
    Refused {
        status: u16,
        reason: String,
    },
}

impl Vectors {
    /// Every file of the folder, by name.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(folder).expect("the vectors");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
            .iter()
            .map(|file| {
                let name = file.file_name().expect("a name").to_string_lossy().into_owned();
                Self::parse(&name, &std::fs::read_to_string(file).expect("a text"))
            })
            .collect()
    }

    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let mut vectors =
            Self { name: name.to_owned(), world: World::default(), cases: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            let wrong = || -> ! { panic!("{name}:{line_number}: {line}") };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !vectors.world.take(line) {
                let case = Case::parse(line_number, line).unwrap_or_else(|| wrong());
                vectors.cases.push(case);
            }
        }
        vectors
    }
}

impl World {
    /// Takes a line of the file's head; `false` if it is a question.
    pub(crate) fn take(&mut self, line: &str) -> bool {
        let mut words = line.split(' ');
        let (first, rest) = (words.next().unwrap_or_default(), words);
        let keys = |words: std::str::Split<'_, char>| {
            words
                .map(|word| word.split_once('=').unwrap_or_else(|| panic!("no key: {line}")))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<Vec<_>>()
        };
        let mut named = rest.clone();
        let name = named.next().unwrap_or_default().to_owned();
        match first {
            "hub" => self.hub = keys(rest),
            "rule" => self.rules.push((name, keys(named))),
            "organization" => self.organizations.push((name, keys(named))),
            "account" => {
                let keys = keys(named);
                let key = |name: &str| keys.iter().find(|(key, _)| key == name);
                let email = key("email").or_else(|| key("unverified"));
                let orgs = key("orgs").map_or("", |(_, orgs)| orgs);
                let orgs: Vec<_> = orgs.split(',').filter(|org| !org.is_empty()).collect();
                let orgs: Vec<_> = orgs.into_iter().map(|org| (org, "write")).collect();
                let mut account = people::Account::new(&name, &email.unwrap().1, &orgs);
                account.email_verified = key("email").is_some();
                self.accounts.push(account);
            }
            _ => return false,
        }
        true
    }

    /// As a configuration file, in front of that upstream.
    ///
    /// Each organization's provider is `https://{id}.example`, its secret in the variable `SECRET`,
    /// and its roles are groups of the same names.
    pub(crate) fn toml(&self, upstream: &str) -> String {
        let list = |text: &str| {
            let items: Vec<String> = text.split(',').map(|item| format!("{item:?}")).collect();
            format!("[{}]", items.join(", "))
        };
        let lines = |keys: &[(String, String)]| -> String {
            keys.iter()
                .map(|(key, value)| match key.as_str() {
                    "namespaces"
                    | "public"
                    | "methods"
                    | "email_domains"
                    | "external_collaborators" => format!("{key} = {}\n", list(value)),
                    _ => format!("{key} = {value:?}\n"),
                })
                .collect()
        };
        let mut text = format!(
            "public_url = \"https://hub.example.com\"\n[hub]\nupstream = {upstream:?}\n{}",
            lines(&self.hub)
        );
        for (path, keys) in &self.rules {
            text += &format!("[[hub.rule]]\npath = {path:?}\n{}", lines(keys));
        }
        for (id, keys) in &self.organizations {
            text += &format!(
                "[[organization]]\nid = {id:?}\n{}\
                 [organization.role_mapping]\nattribute = \"groups\"\nroles = {{ admin = \
                 [\"admin\"], write = [\"write\"], contributor = [\"contributor\"], read = \
                 [\"read\"] }}\n\
                 [organization.oidc]\nissuer = \"https://{id}.example\"\nclient_id = \"hubgate\"\n\
                 client_secret = {{ env = \"SECRET\" }}\n",
                lines(keys)
            );
        }
        text
    }

    /// As a configuration.
    pub(crate) fn config(&self) -> Config {
        let text = self.toml("http://127.0.0.1:3000");
        let environment = [("SECRET".to_owned(), "hunter2".to_owned())];
        config::parse(&text, Path::new("vectors.toml"), environment)
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
    }
}

impl Case {
    fn parse(line_number: usize, line: &str) -> Option<Self> {
        let (question, answer) = line.rsplit_once(" => ")?;
        let (who, rest) = question.split_once(' ')?;
        let (sign_ins, rest) = match who {
            "anonymous" => (Vec::new(), rest),
            _ => {
                let (text, rest) = rest.split_once(' ')?;
                (text.split(',').map(SignInLine::parse).collect::<Option<_>>()?, rest)
            }
        };
        let (shown, rest) = match rest.strip_prefix('@') {
            None => (Vec::new(), rest),
            Some(rest) => {
                let (text, rest) = rest.split_once(' ')?;
                (text.split('+').map(read_shown).collect::<Option<_>>()?, rest)
            }
        };
        let (method, rest) = rest.split_once(' ')?;
        let (target, body) = match rest.split_once(' ') {
            Some((target, body)) => (target, Some(body)),
            None => (rest, None),
        };
        Some(Self {
            line: line_number,
            who: who.to_owned(),
            sign_ins,
            shown,
            method: method.parse().ok()?,
            target: target.to_owned(),
            body: body.map(read_body),
            expected: Outcome::parse(answer)?,
        })
    }

    /// The browser that asks, at `now`.
    pub(crate) fn principal(&self, config: &Config, world: &World, now: SystemTime) -> Principal {
        let all = self.sign_ins.iter().map(|line| line.sign_in(&self.who, now));
        if config.hub.identity == config::Identity::Idp {
            return all.fold(Principal::anonymous(), Principal::with);
        }
        let known = |name: &str| world.accounts.iter().find(|own| own.name == name);
        let Some((name, carrier)) = self.shown.iter().rev().find(|(name, _)| known(name).is_some())
        else {
            let nobody = all.fold(Principal::anonymous(), Principal::with);
            return nobody.at_hub(Showing::Nothing, Vec::new());
        };
        let account = Arc::new(account(known(name).unwrap()));
        let links = Links::open(None).unwrap();
        let mut principal = Principal::anonymous();
        for sign_in in all {
            let mut organizations = config.organizations.iter().map(|own| &own.policy);
            let policy = organizations.find(|own| own.id == sign_in.organization).unwrap();
            let joined = links.join(policy, &account, &sign_in, now).is_ok();
            if joined && (*carrier == Carrier::Cookie || sign_in.is_live(now)) {
                principal = principal.with(sign_in);
            }
        }
        let past = links.past(&account.id);
        let showing = match carrier {
            Carrier::Cookie => Showing::Browser(account),
            Carrier::Token => Showing::Token(account),
        };
        principal.at_hub(showing, past)
    }
}

/// The hub's account, as `whoami` says.
fn account(own: &people::Account) -> Account {
    let email = EmailAddress::parse(&own.email).filter(|_| own.email_verified);
    Account {
        id: AccountId::parse(&own.id).unwrap(),
        name: own.name.as_str().into(),
        email,
        organizations: own
            .organizations
            .iter()
            .map(|(name, _)| Namespace::parse(name).unwrap())
            .collect(),
    }
}

/// `wanda:cookie`
fn read_shown(text: &str) -> Option<(String, Carrier)> {
    let (name, carrier) = text.split_once(':')?;
    let carrier = match carrier {
        "cookie" => Carrier::Cookie,
        "token" => Carrier::Token,
        _ => return None,
    };
    Some((name.to_owned(), carrier))
}

/// The body as it is sent: more than 64 KiB of it behind `large`.
fn read_body(text: &str) -> Vec<u8> {
    match text.strip_prefix("large") {
        Some(text) => {
            let mut body = text.as_bytes().to_vec();
            body.resize(70_000, b' ');
            body
        }
        None => text.as_bytes().to_vec(),
    }
}

impl SignInLine {
    /// `acme:write!expired`
    fn parse(text: &str) -> Option<Self> {
        let (text, standing) = match text.split_once('!') {
            None => (text, Age::Live),
            Some((text, "expired")) => (text, Age::Expired),
            Some((text, "revoked")) => (text, Age::Revoked),
            Some(_) => return None,
        };
        let (organization, role) = text.split_once(':')?;
        Some(Self { organization: organization.to_owned(), role: Role::named(role)?, standing })
    }

    fn sign_in(&self, who: &str, now: SystemTime) -> SignIn {
        let hour = Duration::from_secs(60 * 60);
        SignIn {
            organization: OrganizationId::parse(&self.organization).expect("an organization"),
            issuer: format!("https://{}.example", self.organization).into(),
            subject: Subject::parse(who).expect("a subject"),
            email: Some(format!("{}@people.example", self.role).into()),
            name: None,
            groups: [].into(),
            role: self.role,
            idp_session: None,
            signed_in_at: now - 2 * hour,
            expires_at: if self.standing == Age::Expired { now } else { now + hour },
            idp_name: None,
            ended: (self.standing == Age::Revoked).then_some(Ended::Revoked),
        }
    }
}

impl Outcome {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let owned = |text: &str| text.to_owned();
        Some(match words.as_slice() {
            ["allow"] => Self::Allow(None),
            ["offer", organization] => Self::Offer(owned(organization)),
            ["allow", "as", who] => {
                let (organization, role) = who.split_once(':')?;
                Self::Allow(Some((owned(organization), Role::named(role)?)))
            }
            ["notice", organization, reason] => {
                Self::Notice { organization: owned(organization), reason: owned(reason) }
            }
            ["challenge", organization, reason] => {
                Self::Challenge { organization: owned(organization), reason: owned(reason) }
            }
            ["deny", reason] => Self::Deny { reason: owned(reason), organization: None },
            ["deny", reason, organization] => {
                Self::Deny { reason: owned(reason), organization: Some(owned(organization)) }
            }
            [status, reason] => {
                Self::Refused { status: status.parse().ok()?, reason: owned(reason) }
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(None) => write!(f, "allow"),
            Self::Offer(organization) => write!(f, "offer {organization}"),
            Self::Allow(Some((organization, role))) => write!(f, "allow as {organization}:{role}"),
            Self::Notice { organization, reason } => write!(f, "notice {organization} {reason}"),
            Self::Challenge { organization, reason } => {
                write!(f, "challenge {organization} {reason}")
            }
            Self::Deny { reason, organization: None } => write!(f, "deny {reason}"),
            Self::Deny { reason, organization: Some(organization) } => {
                write!(f, "deny {reason} {organization}")
            }
            Self::Refused { status, reason } => write!(f, "{status} {reason}"),
        }
    }
}
