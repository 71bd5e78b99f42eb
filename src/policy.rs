//! The pure core: what is asked for, who asks, and whether the answer is yes.
//!
//! Nothing in here is `async`, reads a clock, writes a log or can fail at run time.
//! Every mode of hubgate calls [`decide`] with the same arguments.

mod account;
mod claims;
mod decide;
mod email;
mod machine;
mod name;
mod organization;
mod path_pattern;
mod principal;
mod profile;
mod reason;
mod return_to;
mod role;
mod role_mapping;
mod target;
mod verdict;

pub use account::{Account, AccountId, AccountList, Accounts, HubTokens, LinkBy, Past, Showing};
pub use claims::{Claim, Claims};
pub use decide::{Challenge, Claimed, Decision, Notice, Permit, decide};
pub use email::{EmailAddress, EmailDomains};
pub use machine::{Machine, MachineName};
pub use name::{NameError, Namespace, OrganizationId, Subject};
pub use organization::{Enforcement, Organization, PublicPattern};
pub use path_pattern::{PathMatch, PathPattern, PathPatternError};
pub use principal::{Ended, Principal, SignIn, Standing};
pub use profile::{Membership, Profile};
pub use reason::Reason;
pub use return_to::ReturnTo;
pub use role::{Need, Role};
pub use role_mapping::{Attribute, AttributeError, Missing, RoleMapping, Selected};
pub use target::{Ambiguity, Target, fully_decoded};
pub use verdict::lacking;
