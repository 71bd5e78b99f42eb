//! The people of the demo: who they are at their organization's identity provider, and at the hub.

/// Somebody whom an identity provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The short name that is clicked or typed: `alice`.
    pub id: String,
    /// The identity provider's stable name for the person.
    pub subject: String,
    /// The display name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider says that it has verified the address.
    pub email_verified: bool,
    /// The groups that the role mapping sees.
    pub groups: Vec<String>,
    /// What the sign-in page says about the person.
    pub remark: String,
    /// Whether the account is open; a closed one can neither sign in nor refresh.
    pub active: bool,
}

impl Person {
    /// A person with an open account and a verified address; the id is the part before the `@`.
    #[must_use]
    pub fn new(name: &str, email: &str, groups: &[&str], remark: &str) -> Person {
        let (id, domain) = email.split_once('@').unwrap_or((email, ""));
        Person {
            id: id.to_owned(),
            subject: format!("00u-{}-{id}", domain.split('.').next().unwrap_or_default()),
            name: name.to_owned(),
            email: email.to_owned(),
            email_verified: true,
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            remark: remark.to_owned(),
            active: true,
        }
    }
}

/// The people of ACME: one for each role, one with no role's group, and one with a foreign address.
#[must_use]
pub fn acme() -> Vec<Person> {
    vec![
        Person::new("Alice Archer", "alice@acme.com", &["everyone", "hub-admins"], "admin"),
        Person::new("Bob Baker", "bob@acme.com", &["everyone", "ml"], "write"),
        Person::new("Carol Cook", "carol@acme.com", &["everyone"], "read"),
        Person::new("Dave Dyer", "dave@acme.com", &[], "in no group: the default role"),
        Person::new("Eve Elsewhere", "eve@elsewhere.example", &["hub-admins"], "a foreign address"),
    ]
}

/// The people of Globex, with a different Alice among them.
#[must_use]
pub fn globex() -> Vec<Person> {
    vec![
        Person::new("Gina Gray", "gina@globex.com", &["all-staff", "platform"], "admin"),
        Person::new("Hank Hill", "hank@globex.com", &["all-staff", "research"], "write"),
        Person::new("Alice Archer", "alice@globex.com", &["all-staff"], "read; ACME's Alice, lent"),
    ]
}

/// An account at a hub that has accounts of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The hub's stable id.
    pub id: String,
    /// The user name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the hub has verified the address.
    pub email_verified: bool,
    /// The access token, which is the value of the hub's session cookie too.
    pub token: String,
    /// The organizations, each with the role in it: `("acme", "write")`.
    pub organizations: Vec<(String, String)>,
}

impl Account {
    /// An account with a verified address, whose token is `hf_` and the name.
    #[must_use]
    pub fn new(name: &str, email: &str, organizations: &[(&str, &str)]) -> Account {
        let owned = |&(organization, role): &(&str, &str)| (organization.into(), role.into());
        Account {
            id: format!("5f0c{name}"),
            name: name.to_owned(),
            email: email.to_owned(),
            email_verified: true,
            token: format!("hf_{name}"),
            organizations: organizations.iter().map(owned).collect(),
        }
    }
}

/// The accounts of a hub that has accounts: members, an outside collaborator, a stranger.
#[must_use]
pub fn accounts() -> Vec<Account> {
    vec![
        Account::new("alice", "alice@acme.com", &[("acme", "admin"), ("globex", "read")]),
        Account::new("bob", "bob@acme.com", &[("acme", "write")]),
        Account::new("carol", "carol@acme.com", &[("acme", "read")]),
        Account::new("gina", "gina@globex.com", &[("globex", "admin")]),
        Account::new("kim", "kim@partner.example", &[("acme", "write")]),
        Account::new("moe", "moe@elsewhere.example", &[]),
    ]
}
