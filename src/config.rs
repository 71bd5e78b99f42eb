//! The configuration's meaning: what the rest of hubgate reads, and how it is read from a file.

mod audit;
mod difference;
mod disjoint;
mod files;
mod headers;
mod hub;
mod keys;
mod load;
mod loader;
mod machines;
mod oidc;
mod organization;
mod overrides;
mod problem;
mod public_url;
mod read_hub;
mod read_oidc;
mod read_saml;
mod saml;
mod secret;
mod section;
mod server;
mod session;
mod stamp;
mod telemetry;
mod tokens;
mod warnings;
mod whoami;

use std::path::PathBuf;
use std::sync::Arc;

pub use audit::{Audit, AuditTo};
pub use difference::{Difference, difference};
pub use headers::Headers;
pub use hub::{Access, BodyUnknown, Hub, HubProfile, HubRule, Identity, Unclaimed, Upstream};
pub use keys::known_keys;
pub use load::{admin_address, load, parse};
pub use loader::{Changes, Loader, Reading};
pub use machines::{ServiceAccount, Workload, hash_text, parse_hash, parse_moment};
pub use oidc::{
    ClientAssertionAudience, ClientAuth, EmailTrust, GroupOverage, Issuer, IssuerError, Oidc,
    OidcDefaults, OidcProvider, ResponseMode, SigningAlgorithm, UserinfoUse,
};
pub use organization::{OrganizationConfig, Provider};
pub use problem::{Problem, Problems};
pub use public_url::{PublicUrl, is_loopback};
pub use saml::{Saml, SamlSource, acs_path, consume_path, metadata_path, slo_path};
pub use secret::Secret;
pub use section::Attempt;
pub(crate) use section::in_words;
pub use server::{DEFAULT_ADMIN, Server, TlsFiles};
pub use session::{Cookie, LONGEST as LONGEST_SESSION, SameSite, Session, Store};
pub use telemetry::{Telemetry, Traces};
pub use tokens::Tokens;
pub use warnings::Warning;
pub use whoami::{Basic, Forbidden, Whoami};

/// Everything that one gate is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The origin that people see.
    pub public_url: PublicUrl,
    /// Sockets and limits.
    pub server: Server,
    /// The service behind the gate.
    pub hub: Hub,
    /// How long and where sign-ins are remembered.
    pub session: Session,
    /// What programs may be given.
    pub tokens: Tokens,
    /// The folder that remembers which recovery codes were used.
    pub recovery_state: Option<PathBuf>,
    /// What the upstream's headers are called.
    pub headers: Headers,
    /// Where the audit log goes.
    pub audit: Audit,
    /// Where traces go.
    pub telemetry: Telemetry,
    /// Who has an identity provider.
    pub organizations: Arc<[Arc<OrganizationConfig>]>,
}
