//! Why a token is refused.

/// The check that a token did not pass; never what stood in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Larger than any honest token.
    #[error("is too large")]
    TooLarge,
    /// Not three base64url parts (RFC 7515 §3.1); an encrypted token has five.
    #[error("is not a signed compact JWT")]
    Form,
    /// Header or payload is no JSON object, or a member stands in it twice (RFC 7515 §4).
    #[error("holds JSON that is no object or has a member twice")]
    Json,
    /// `crit`, `zip`, `enc`, `cty`: nothing that we understand, so nothing that we may pass over.
    #[error("has a header member `{0}` that is not accepted")]
    Header(&'static str),
    /// `typ` of another kind of token (RFC 8725 §3.11).
    #[error("is of another type")]
    Type,
    /// `alg` is not one that is pinned for this provider.
    #[error("is signed with an algorithm that is not configured")]
    Algorithm,
    /// No key of the issuer fits `kid`, `alg` and issuer.
    #[error("is signed with a key that the issuer does not publish")]
    UnknownKey,
    /// More keys fit than will be tried.
    #[error("names no key, and the issuer publishes too many")]
    TooManyKeys,
    /// The signature does not verify.
    #[error("has a wrong signature")]
    Signature,
    /// A claim that must be there is not.
    #[error("lacks the claim `{0}`")]
    Missing(&'static str),
    /// A claim of the wrong JSON type, or out of range.
    #[error("has a claim `{0}` of the wrong type")]
    Malformed(&'static str),
    /// Another issuer, or a tenant that is not configured.
    #[error("is from another issuer")]
    Issuer,
    /// Not for us, or not for us alone.
    #[error("is for another audience")]
    Audience,
    /// `azp` is another client (OIDC Core §3.1.3.7, step 5).
    #[error("was issued to another client")]
    AuthorizedParty,
    /// `exp` has passed.
    #[error("has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("is not valid yet")]
    NotYet,
    /// `iat` has not come.
    #[error("was issued in the future")]
    Future,
    /// `iat` is too long ago for a token without a usable `exp`.
    #[error("was issued too long ago")]
    TooOld,
    /// From `iat` to `exp` it is longer than is accepted.
    #[error("is good for longer than is accepted")]
    TooLong,
    /// Not the nonce of this sign-in; or a nonce where none may be.
    #[error("has a wrong nonce")]
    Nonce,
    /// `at_hash` is not of the access token beside it (OIDC Core §3.1.3.8).
    #[error("does not belong to the access token")]
    AccessTokenHash,
    /// `c_hash` is not of the code (OIDC Core §3.3.2.11).
    #[error("does not belong to the code")]
    CodeHash,
    /// `events` where it must not be, or without the one that it must hold.
    #[error("is of another kind: its `events` are wrong")]
    Events,
    /// The subject is not the one that was expected.
    #[error("is about another person")]
    Subject,
    /// Authentication was not as it was asked for: `acr`.
    #[error("does not say that the person was authenticated as asked")]
    AuthenticationContext,
    /// Authentication is longer ago than was asked for: `auth_time`.
    #[error("says that the person was authenticated too long ago")]
    AuthenticationTime,
    /// A claim that the configuration requires is missing or has another value.
    #[error("lacks what the configuration requires of it")]
    RequiredClaim,
    /// The same token came before.
    #[error("was used before")]
    Replayed,
}
