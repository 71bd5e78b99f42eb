//! Who asks, as it is written after `--as`.

use std::time::{Duration, SystemTime};

use crate::policy::{EmailAddress, Ended, Organization, OrganizationId, Role, SignIn, Subject};

/// `[ORG/]SUBJECT:ROLE[:expired|:revoked]`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Whose provider vouched; the target's organization where nothing is said.
    pub(super) organization: Option<String>,
    /// The provider's name for the person, or an e-mail address.
    pub(super) subject: String,
    role: Role,
    pub(super) state: State,
}

/// How the sign-in stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Live,
    Expired,
    Revoked,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "signed in",
            Self::Expired => "was signed in (expired)",
            Self::Revoked => "was signed in (revoked)",
        }
    }
}

impl Caller {
    /// Parses the text. What stands before the first slash is an organization, if it could be one:
    /// a subject that holds slashes is written behind its organization.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (rest, state) = if let Some(rest) = text.strip_suffix(":expired") {
            (rest, State::Expired)
        } else if let Some(rest) = text.strip_suffix(":revoked") {
            (rest, State::Revoked)
        } else {
            (text, State::Live)
        };
        let wanted = "write SUBJECT:ROLE or ORG/SUBJECT:ROLE, such as alice@acme.com:write";
        let Some((who, role)) = rest.rsplit_once(':') else {
            return Err(format!("{text:?} names no role: {wanted}"));
        };
        let Some(role) = Role::named(role) else {
            let roles = Role::ALL.map(Role::as_str).join(", ");
            return Err(format!("{role:?} is none of {roles}: {wanted}"));
        };
        let (organization, subject) = match who.split_once('/') {
            Some((organization, subject)) if OrganizationId::parse(organization).is_ok() => {
                (Some(organization.to_owned()), subject)
            }
            Some(_) | None => (None, who),
        };
        if let Err(error) = Subject::parse(subject) {
            return Err(format!("the subject of {text:?} {error}: {wanted}"));
        }
        Ok(Self { organization, subject: subject.to_owned(), role, state })
    }

    /// The sign-in that this is at an organization, or why there would be none.
    pub(super) fn sign_in(
        &self,
        organization: &Organization,
        now: SystemTime,
    ) -> Result<SignIn, String> {
        let email = EmailAddress::parse(&self.subject);
        let outside =
            email.as_ref().is_some_and(|email| !organization.email_domains.contains(email));
        if outside && !organization.email_domains.is_empty() {
            let domains: Vec<&str> = organization.email_domains.iter().collect();
            return Err(format!(
                "cannot sign in for {} (email-domain): the address is not in {}",
                organization.id,
                domains.join(", ")
            ));
        }
        let subject = Subject::parse(&self.subject).map_err(|error| error.to_string())?;
        Ok(sign_in(&organization.id, subject, email, self.role, self.state, now, organization))
    }
}

fn sign_in(
    id: &OrganizationId,
    subject: Subject,
    email: Option<EmailAddress>,
    role: Role,
    state: State,
    now: SystemTime,
    organization: &Organization,
) -> SignIn {
    let moment = Duration::from_secs(1);
    SignIn {
        organization: id.clone(),
        issuer: "".into(),
        subject,
        email: email.map(|email| email.as_str().into()),
        name: None,
        groups: Vec::new().into(),
        role,
        idp_session: None,
        idp_name: None,
        signed_in_at: now,
        expires_at: match state {
            State::Live | State::Revoked => now + organization.session_timeout,
            State::Expired => now.checked_sub(moment).unwrap_or(now),
        },
        ended: match state {
            State::Live | State::Expired => None,
            State::Revoked => Some(Ended::Revoked),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(Option<&str>, &str, Role, State)>) {
        let parsed = Caller::parse(text).ok();
        let expected = expected.map(|(organization, subject, role, state)| Caller {
            organization: organization.map(ToOwned::to_owned),
            subject: subject.to_owned(),
            role,
            state,
        });
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn a_caller_is_a_subject_and_a_role() {
        check("alice@acme.com:write", Some((None, "alice@acme.com", Role::Write, State::Live)));
        check("acme/00u1:admin", Some((Some("acme"), "00u1", Role::Admin, State::Live)));
        check("other/00u1:admin", Some((Some("other"), "00u1", Role::Admin, State::Live)));
        check("Other/00u1:admin", Some((None, "Other/00u1", Role::Admin, State::Live)));
        check("a:b:read:expired", Some((None, "a:b", Role::Read, State::Expired)));
        check("acme/a/b:read:revoked", Some((Some("acme"), "a/b", Role::Read, State::Revoked)));
        for bad in ["", "alice", "alice:", "alice:owner", ":read", "acme/:read", "alice:expired"] {
            check(bad, None);
        }
    }
}
