//! What can happen. The names are stable.

use crate::observe::labels::{Protocol, Reload};
use crate::policy::Role;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditEvent {
    /// Somebody signed in.
    SignIn {
        /// As what.
        role: Role,
        /// How.
        protocol: Protocol,
        /// Who began it.
        begun_by: BegunBy,
    },
    /// A sign-in did not come about.
    SignInRefused {
        /// How it was tried.
        protocol: Protocol,
    },
    /// A sign-in ended when it was refreshed.
    SignInEnded,
    /// Somebody signed out here.
    SignOut,
    /// An identity provider ended sign-ins.
    SignOutByProvider {
        /// How it said so.
        by: SignedOutBy,
        /// How many there were.
        sessions: u64,
    },
    /// What should have ended sign-ins was not believed.
    SignOutRefused,
    /// Sign-ins ended because their organization has another identity provider, or is gone.
    SignOutByReload {
        /// How many there were.
        sessions: u64,
    },
    /// A role changed when a sign-in was refreshed.
    RoleChange {
        /// What it was.
        was: Role,
        /// What it is.
        is: Role,
    },
    /// A sign-in was asked for.
    Challenge,
    /// A request was refused.
    Deny,
    /// The configuration was reloaded, or something of it was not.
    Reload {
        /// How.
        result: Reload,
    },
    /// An organization has other recovery codes than before.
    RecoveryCodesChanged {
        /// How many it has.
        codes: u64,
    },
    /// Somebody got in by the way for emergencies.
    BreakGlass,
    /// Somebody tried to.
    BreakGlassRefused,
    /// A person let a program act for them.
    DeviceAllowed,
    /// A person said no to a program.
    DeviceRefused,
    /// A program was given tokens.
    TokenIssued {
        /// The name of what was granted; it opens nothing.
        grant: String,
    },
    /// A program has exchanged its tokens for the next ones.
    TokenRefreshed {
        /// The name of what was granted.
        grant: String,
    },
    /// A person took back what a program was given.
    TokenRevoked {
        /// The name of what was granted.
        grant: String,
    },
    /// A refresh token or device code was used twice; what it gave has ended.
    TokenReplayed {
        /// The name of what was granted.
        grant: String,
    },
    /// A service account was used from an address for the first time in a day.
    ServiceAccountUsed,
    /// The token of a service account was refused.
    ServiceAccountRefused,
    /// A workload was let in from an address for the first time in a day.
    WorkloadUsed,
    /// A workload's token was refused.
    WorkloadRefused,
    /// An account of the hub and a person were put together.
    LinkMade {
        /// The hub's account.
        account: String,
    },
    /// They were not.
    LinkRefused {
        /// The hub's account.
        account: String,
    },
    /// The file of links was changed by somebody else, and read again.
    LinksRead {
        /// How many there are.
        links: u64,
    },
}

/// Who began a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BegunBy {
    /// The person, here.
    Us,
    /// The identity provider.
    Provider,
}

/// How an identity provider ended sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedOutBy {
    /// OIDC Back-Channel Logout.
    BackChannel,
    /// OIDC Front-Channel Logout.
    FrontChannel,
    /// SAML single logout.
    Saml,
}

impl AuditEvent {
    /// The stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "sign-in",
            Self::SignInRefused { .. } => "sign-in-refused",
            Self::SignInEnded => "sign-in-ended",
            Self::SignOut => "sign-out",
            Self::SignOutByProvider { .. } => "sign-out-by-provider",
            Self::SignOutRefused => "sign-out-refused",
            Self::SignOutByReload { .. } => "sign-out-by-reload",
            Self::RoleChange { .. } => "role-change",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
            Self::Reload { .. } => "reload",
            Self::RecoveryCodesChanged { .. } => "recovery-codes-changed",
            Self::BreakGlass => "break-glass",
            Self::BreakGlassRefused => "break-glass-refused",
            Self::DeviceAllowed => "device-allowed",
            Self::DeviceRefused => "device-refused",
            Self::TokenIssued { .. } => "token-issued",
            Self::TokenRefreshed { .. } => "token-refreshed",
            Self::TokenRevoked { .. } => "token-revoked",
            Self::TokenReplayed { .. } => "token-replayed",
            Self::ServiceAccountUsed => "service-account-used",
            Self::ServiceAccountRefused => "service-account-refused",
            Self::WorkloadUsed => "workload-used",
            Self::WorkloadRefused => "workload-refused",
            Self::LinkMade { .. } => "link-made",
            Self::LinkRefused { .. } => "link-refused",
            Self::LinksRead { .. } => "links-read",
        }
    }

    /// Whether a request was refused and nothing else.
    #[must_use]
    pub const fn is_request_refusal(&self) -> bool {
        matches!(self, Self::Challenge | Self::Deny)
    }

    /// Whether something was refused: strangers can cause as many of these as they like.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Challenge
                | Self::Deny
                | Self::SignInRefused { .. }
                | Self::SignOutRefused
                | Self::BreakGlassRefused
                | Self::ServiceAccountRefused
                | Self::WorkloadRefused
        )
    }

    /// What it says beyond its name.
    pub(super) fn details(&self, field: &mut impl FnMut(&str, &str)) {
        match self {
            Self::SignIn { role, protocol, begun_by } => {
                field("role", role.as_str());
                field("protocol", protocol.as_str());
                field("begun_by", begun_by.as_str());
            }
            Self::SignInRefused { protocol } => field("protocol", protocol.as_str()),
            Self::SignOutByProvider { by, .. } => field("by", by.as_str()),
            Self::RoleChange { was, is } => {
                field("role", is.as_str());
                field("role.before", was.as_str());
            }
            Self::Reload { result } => field("result", result.as_str()),
            Self::TokenIssued { grant }
            | Self::TokenRefreshed { grant }
            | Self::TokenRevoked { grant }
            | Self::TokenReplayed { grant } => field("grant", grant),
            Self::LinkMade { account } | Self::LinkRefused { account } => field("account", account),
            Self::SignInEnded
            | Self::SignOut
            | Self::SignOutRefused
            | Self::SignOutByReload { .. }
            | Self::Challenge
            | Self::Deny
            | Self::RecoveryCodesChanged { .. }
            | Self::BreakGlass
            | Self::BreakGlassRefused
            | Self::DeviceAllowed
            | Self::DeviceRefused
            | Self::ServiceAccountUsed
            | Self::ServiceAccountRefused
            | Self::WorkloadUsed
            | Self::WorkloadRefused
            | Self::LinksRead { .. } => {}
        }
    }

    /// What it counts.
    pub(super) const fn count(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::SignOutByProvider { sessions, .. } | Self::SignOutByReload { sessions } => {
                Some(("sessions", *sessions))
            }
            Self::RecoveryCodesChanged { codes } => Some(("codes", *codes)),
            Self::LinksRead { links } => Some(("links", *links)),
            Self::SignIn { .. }
            | Self::SignInRefused { .. }
            | Self::SignInEnded
            | Self::SignOut
            | Self::SignOutRefused
            | Self::RoleChange { .. }
            | Self::Challenge
            | Self::Deny
            | Self::Reload { .. }
            | Self::BreakGlass
            | Self::BreakGlassRefused
            | Self::DeviceAllowed
            | Self::DeviceRefused
            | Self::TokenIssued { .. }
            | Self::TokenRefreshed { .. }
            | Self::TokenRevoked { .. }
            | Self::TokenReplayed { .. }
            | Self::ServiceAccountUsed
            | Self::ServiceAccountRefused
            | Self::WorkloadUsed
            | Self::WorkloadRefused
            | Self::LinkMade { .. }
            | Self::LinkRefused { .. } => None,
        }
    }
}

impl BegunBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "person",
            Self::Provider => "provider",
        }
    }
}

impl SignedOutBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BackChannel => "back-channel",
            Self::FrontChannel => "front-channel",
            Self::Saml => "saml",
        }
    }
}
