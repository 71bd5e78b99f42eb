//! Why a request was not simply allowed: stable words for logs, metrics and clients.

use std::fmt;

/// Declares the closed set of reasons with their stable names and what a person is told.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $sentence:literal;)*) => {
        /// A stable, kebab-case cause of an answer that is not the upstream's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name in the access log, the metrics, `explain` and the response.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence for the person in front of it.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// Nobody signed in for this organization in this browser.
    SignInRequired = "sign-in-required", "This organization requires single sign-on.";
    /// The sign-in for this organization has ended by age.
    SessionExpired = "session-expired", "Your sign-in for this organization has expired.";
    /// The sign-in for this organization was ended by the identity provider or an administrator.
    SessionRevoked = "session-revoked", "Your sign-in for this organization was ended.";
    /// A token with our prefix that was never given out here, or long ago.
    TokenUnknown = "token-unknown", "This access token is not known here.";
    /// An access token whose time is over.
    TokenExpired = "token-expired", "This access token has expired.";
    /// A token that was revoked, or whose sign-in was ended.
    TokenRevoked = "token-revoked", "This access token was revoked, or its sign-in has ended.";
    /// The token of a service account whose time is over.
    ServiceAccountExpired = "service-account-expired", "This service account has expired; an administrator can make a new token.";
    /// The token of a service account, used from elsewhere.
    NetworkNotAllowed = "network-not-allowed", "This token may not be used from your network.";
    /// A machine's signed token that does not verify, or that no rule fits.
    WorkloadRefused = "workload-refused", "This workload's token is not accepted here.";
    /// Two credentials in one request.
    MixedCredentials = "mixed-credentials", "The request shows two credentials; send one of them.";
    /// Signed in, but the role does not suffice.
    RoleTooLow = "role-too-low", "Your role in this organization does not allow this.";
    /// The e-mail address is outside the organization's domains, or not verified.
    EmailDomain = "email-domain", "Your account has no verified e-mail address in this organization's domains.";
    /// The provider knows the person, the organization does not.
    NotAMember = "not-a-member", "Your account is not a member of this organization.";
    /// The attribute that decides the role is missing from the profile: the person may have none,
    /// or the provider may not be set up to send it.
    RoleAttributeMissing = "role-attribute-missing", "Your identity provider sent nothing that decides your role: your account may be in no group there, or the provider is not set up to send groups.";
    /// A credential of which the hub does not say whose it is.
    CredentialUnidentified = "credential-unidentified", "The hub does not say whose credential this is; use one that may read its owner's account.";
    /// The hub's account or the provider's subject is linked to somebody else.
    AccountLinked = "account-linked", "Your account at the hub and your account at the identity provider are linked to others; an administrator can allow the change.";
    /// Nothing shows that the hub's account and the provider's subject are one person.
    AccountUnmatched = "account-unmatched", "The account that you use at the hub does not have the verified e-mail address that your identity provider vouches for.";
    /// The path has two readings.
    AmbiguousPath = "ambiguous-path", "This address can be read in two ways.";
    /// The request body that names the organization cannot be read in one way.
    AmbiguousBody = "ambiguous-body", "The request body could not be read in one way.";
    /// The request body that names the organization is larger than is read.
    BodyTooLarge = "body-too-large", "The request body is too large.";
    /// The request body that names the organization was not sent along with the question.
    BodyUnread = "body-unread", "Whose content this is stands in a body that the proxy does not send along.";
    /// Headers that contradict each other.
    AmbiguousHeaders = "ambiguous-headers", "The request's headers contradict each other.";
    /// A namespace that no organization claims, where only claimed ones are served.
    UnclaimedNamespace = "unclaimed-namespace", "This namespace belongs to no organization that is served here.";
    /// A rule of the operator's closes this to everybody.
    DeniedByRule = "denied-by-rule", "A rule of this site closes this address to everybody.";
    /// No such page of ours.
    NoSuchPage = "no-such-page", "There is no such page.";
    /// Our page, but not with this method.
    MethodNotAllowed = "method-not-allowed", "This page cannot be used in that way.";
    /// No such organization, or it has no such protocol.
    UnknownOrganization = "unknown-organization", "No organization of that name signs in here.";
    /// A form that was not sent from our own page.
    CrossSite = "cross-site", "This form was sent from another site.";
    /// A parameter is missing, doubled or malformed.
    BadParameters = "bad-parameters", "The request's parameters are missing, doubled or malformed.";
    /// The sign-in is not one that this browser began, or it took too long.
    StateUnknown = "state-unknown", "This sign-in was not begun in this browser, or it took too long.";
    /// The identity provider said no.
    IdpRefused = "idp-refused", "The identity provider did not sign you in.";
    /// What the identity provider sent does not verify.
    IdpInvalid = "idp-invalid", "The identity provider's answer could not be verified.";
    /// The identity provider cannot be reached.
    IdpUnreachable = "idp-unreachable", "The identity provider cannot be reached.";
    /// Sign-ins fail again and again in this browser.
    TooManyAttempts = "too-many-attempts", "Too many sign-ins failed in a row.";
    /// The hub refused the connection.
    UpstreamUnreachable = "upstream-unreachable", "The hub cannot be reached.";
    /// The hub did not answer in time.
    UpstreamTimeout = "upstream-timeout", "The hub did not answer in time.";
    /// The hub broke off or sent what is no HTTP.
    UpstreamInvalid = "upstream-invalid", "The hub's answer could not be understood.";
    /// The hub's word on a credential could not be had.
    WhoamiUnavailable = "whoami-unavailable", "The hub could not say whose credential this is.";
    /// More sign-ins at once than can be verified.
    Busy = "busy", "Too many people are signing in at this moment; try again.";
    /// The session store cannot be reached.
    StoreUnavailable = "store-unavailable", "The session store cannot be reached.";
    /// Forward-auth fields from someone who is no trusted proxy.
    UntrustedProxy = "untrusted-proxy", "Only trusted proxies may ask this.";
    /// A trusted proxy's question in which a field is missing, doubled or malformed.
    ForwardAuthFields = "forward-auth-fields", "The proxy's question is incomplete: a field is missing, doubled or malformed.";
    /// A question about a host that is not `public_url`'s.
    ForeignHost = "foreign-host", "This host is not the one that is served here.";
    /// A request for the hub, at a gate that only answers the questions of proxies.
    ForwardAuthOnly = "forward-auth-only", "Only sign-in pages are served here; the hub has its own address.";
    /// A request that this side of the gate does not serve.
    UnsupportedRequest = "unsupported-request", "This kind of request is not served here.";
    /// Our fault.
    Internal = "internal", "Something went wrong in the gate.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_kebab_case_name_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for reason in Reason::ALL {
            let name = reason.as_str();
            assert!(seen.insert(name), "{name} is used twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
        }
    }
}
