//! `[tokens]`: what programs may be given.

use std::time::Duration;

use super::section::Section;
use super::{Hub, HubProfile, Identity};

/// What programs may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Whether programs may sign in by way of a browser (RFC 8628).
    pub cli_sign_in: bool,
    /// How long an access token is good; it ends with its sign-in in any case.
    pub access_lifetime: Duration,
}

/// `hf` fetches the next token when less than a day is left, at each start: with two days, once a
/// day.
const ACCESS_LIFETIME: Duration = Duration::from_secs(2 * 24 * 60 * 60);

impl Tokens {
    /// Reads `[tokens]`.
    pub(super) fn read(section: &Section<'_>, hub: Option<&Hub>) -> Self {
        let minute = Duration::from_secs(60);
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        // Without a good hub there is a mistake already.
        let answers = hub.is_none_or(|hub| {
            hub.profile == HubProfile::Huggingface && hub.identity == Identity::Idp
        });
        let asked = section.flag("cli_sign_in");
        if asked == Some(true) && !answers {
            let what = "is for hub.profile = \"huggingface\" with hub.identity = \"idp\" only";
            section.note("cli_sign_in", what, "remove the key");
        }
        Self {
            cli_sign_in: asked.unwrap_or(true) && answers,
            access_lifetime: section
                .duration("access_lifetime", minute..=month)
                .unwrap_or(ACCESS_LIFETIME),
        }
    }
}
