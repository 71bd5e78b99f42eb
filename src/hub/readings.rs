//! What the readings of one path add up to.

use super::body::Names;
use super::table::Asks;
use crate::policy::{Ambiguity, Claim, Claims, Need, Organization};

/// What the readings of one path have said so far.
#[derive(Default)]
pub(super) struct Readings<'h> {
    pub(super) claims: Claims<'h>,
    /// Whether some reading names a namespace, whosesoever.
    pub(super) named: bool,
    /// The claim on a batch whose body says what it needs.
    pub(super) batch: Option<Claim<'h>>,
    /// What the body names.
    pub(super) names: Option<&'static Names>,
}

impl<'h> Readings<'h> {
    /// Adds what one reading asks of an organization's members.
    ///
    /// # Errors
    /// When two readings take the body for different things.
    pub(super) fn add(
        &mut self,
        organization: &'h Organization,
        public: bool,
        asked: Asks,
    ) -> Result<(), Ambiguity> {
        let mut claim = Claim { organization, need: Need::Read, public };
        match asked {
            Asks::Needs(need) => claim.need = need,
            Asks::Names(names) => {
                claim.need = names.path;
                self.read_names(names)?;
            }
            Asks::Batch if self.batch.is_none() => {
                self.batch = Some(claim);
                return Ok(());
            }
            Asks::Batch => claim.need = Need::Write,
        }
        self.claims.add(claim);
        Ok(())
    }

    /// The body names namespaces.
    ///
    /// # Errors
    /// When another reading takes it for something else.
    pub(super) fn read_names(&mut self, names: &'static Names) -> Result<(), Ambiguity> {
        match self.names.replace(names) {
            Some(other) if other != names => Err(Ambiguity::TwoNeeds),
            Some(_) | None => Ok(()),
        }
    }
}
