//! The one account that all credentials of a request belong to.

use std::sync::Arc;

use super::known::{Known, Whose};
use crate::hub::{Carrier, Contradiction, Shown};
use crate::policy::Account;

/// The one account that all credentials of a request belong to.
#[derive(Debug)]
pub(super) enum Guest {
    Nobody,
    Unidentified,
    Browser(Arc<Account>, Arc<Known>),
    Token(Arc<Account>, Arc<Known>),
}

impl Guest {
    /// Puts the credentials of a request together.
    ///
    /// A page's script may send a token beside the browser's cookie, and which of them a hub goes
    /// by is the hub's secret: so both must be one person's. What the hub refuses is no
    /// credential, and does not count.
    ///
    /// # Errors
    /// When they belong to different accounts.
    pub(super) fn of(all: &[(Shown, Arc<Known>)]) -> Result<Self, Contradiction> {
        let mut guest = Self::Nobody;
        for (shown, known) in all {
            let account = match &known.whose {
                Whose::Nobody => continue,
                Whose::Unidentified => return Ok(Self::Unidentified),
                Whose::Account(account) => account,
            };
            if let Self::Browser(other, _) | Self::Token(other, _) = &guest
                && other.id != account.id
            {
                return Err(Contradiction("the credentials belong to different accounts"));
            }
            let (account, known) = (Arc::clone(account), Arc::clone(known));
            guest = match shown.carrier {
                Carrier::Cookie => Self::Browser(account, known),
                Carrier::Header(_) => Self::Token(account, known),
            };
        }
        Ok(guest)
    }
}
