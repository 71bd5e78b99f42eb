//! Roles in an organization, and what a target needs of them.

use std::fmt;

/// What a member may do in an organization, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May read.
    Read,
    /// May read; the hub may let it write what it created itself.
    Contributor,
    /// May read and write.
    Write,
    /// May do everything, settings included.
    Admin,
}

impl Role {
    /// Every role, from least to most.
    pub const ALL: [Self; 4] = [Self::Read, Self::Contributor, Self::Write, Self::Admin];

    /// The name in configuration, headers and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Contributor => "contributor",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The role of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether this role may do what `need` asks.
    #[must_use]
    pub const fn suffices(self, need: Need) -> bool {
        match need {
            Need::Read => true,
            Need::Write => matches!(self, Self::Write | Self::Admin),
            Need::Admin => matches!(self, Self::Admin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a target needs of its caller, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Looking.
    Read,
    /// Changing content.
    Write,
    /// Changing settings.
    Admin,
}

impl Need {
    /// The name in configuration and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_tried_against_every_need() {
        let table = Role::ALL
            .map(|role| [Need::Read, Need::Write, Need::Admin].map(|need| role.suffices(need)));
        assert_eq!(
            table,
            [[true, false, false], [true, false, false], [true, true, false], [true, true, true]]
        );
    }

    #[test]
    fn a_role_is_found_by_its_own_name_only() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.as_str()), Some(role));
        }
        assert_eq!(Role::named("Admin"), None);
    }
}
