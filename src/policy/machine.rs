//! Callers that are no people of an identity provider.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{NameError, OrganizationId, Role, SignIn, Subject};

/// The name of a service account or a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineName(Arc<str>);

/// What kind of caller it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// With a token of the configuration.
    ServiceAccount,
    /// With somebody else's signed word.
    Workload,
    /// A person with a recovery code, while the provider is down.
    Recovery,
}

/// 9999-12-31T23:59:59Z: an account without an end.
const NEVER: Duration = Duration::from_secs(253_402_300_799);

impl MachineName {
    /// Parses a name: 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > 64 {
            return Err(NameError::TooLong(64));
        }
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if !text.bytes().all(good) {
            return Err(NameError::Characters("a-z, 0-9, '-', '_' and '.'"));
        }
        Ok(Self(text.into()))
    }

    /// A name for what has none: the beginning of its hash, which opens nothing.
    #[must_use]
    pub fn of_hash(hash: &[u8; 32]) -> Self {
        let digits: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self(digits.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Machine {
    const ALL: [Self; 3] = [Self::ServiceAccount, Self::Workload, Self::Recovery];

    /// What its subjects begin with: no provider's subject can.
    const fn prefix(self) -> &'static str {
        match self {
            Self::ServiceAccount => "service-account:",
            Self::Workload => "workload:",
            Self::Recovery => "recovery:",
        }
    }

    /// What kind of caller has this subject; `None` for people.
    #[must_use]
    pub fn of(subject: &Subject) -> Option<Self> {
        Self::ALL.into_iter().find(|machine| subject.as_str().starts_with(machine.prefix()))
    }

    /// Whether a provider's subject could be taken for one of these.
    pub(super) fn is_like(subject: &str) -> bool {
        Self::ALL.iter().any(|machine| {
            let start = subject.get(..machine.prefix().len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(machine.prefix()))
        })
    }

    /// Whether a sign-in is one of these: no provider's subject begins so.
    #[must_use]
    pub fn made(self, sign_in: &SignIn) -> bool {
        sign_in.subject.as_str().starts_with(self.prefix())
    }

    /// The sign-in as which such a caller counts.
    #[must_use]
    pub fn sign_in(
        self,
        organization: &OrganizationId,
        name: &MachineName,
        role: Role,
        from: SystemTime,
        until: Option<SystemTime>,
    ) -> SignIn {
        let issuer = match self {
            Self::ServiceAccount => "urn:hubgate:service-account",
            Self::Workload => "urn:hubgate:workload",
            Self::Recovery => "urn:hubgate:recovery",
        };
        SignIn {
            organization: organization.clone(),
            issuer: issuer.into(),
            subject: Subject::made(format!("{}{name}", self.prefix())),
            email: None,
            name: Some(name.as_str().into()),
            groups: [].into(),
            role,
            idp_session: None,
            idp_name: None,
            signed_in_at: from,
            expires_at: until.unwrap_or(SystemTime::UNIX_EPOCH + NEVER),
            ended: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_provider_can_name_a_person_like_a_machine() {
        for bad in ["service-account:ci", "Workload:x", "recovery:", "RECOVERY:1"] {
            assert!(Subject::parse(bad).is_err(), "{bad}");
        }
        for good in ["service-account", "workloads:x", "00u:workload:x"] {
            assert!(Subject::parse(good).is_ok(), "{good}");
        }
    }
}
