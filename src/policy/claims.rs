//! What organizations have to say about a target.

use super::{Need, Organization};

/// One organization's stake in a target.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'c> {
    /// Whose content it is.
    pub organization: &'c Organization,
    /// What the target needs of its caller.
    pub need: Need,
    /// Whether the organization lets everyone read it.
    pub public: bool,
}

/// The claims on a target, one for each organization. There is nearly always one at most, which needs
/// no room on the heap.
#[derive(Clone, Debug, Default)]
pub struct Claims<'c> {
    first: Option<Claim<'c>>,
    others: Vec<Claim<'c>>,
}

impl<'c> Claims<'c> {
    /// Adds a claim; two of one organization become the stricter one. Only reading is public.
    pub fn add(&mut self, mut claim: Claim<'c>) {
        claim.public &= claim.need == Need::Read;
        let same = |old: &&mut Claim<'_>| old.organization.id == claim.organization.id;
        if let Some(old) = self.first.iter_mut().chain(&mut self.others).find(same) {
            old.need = old.need.max(claim.need);
            old.public &= claim.public;
        } else if self.first.is_none() {
            self.first = Some(claim);
        } else {
            self.others.push(claim);
        }
    }

    /// Every claim, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Claim<'c>> {
        self.first.iter().chain(&self.others)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<'c> From<Claim<'c>> for Claims<'c> {
    fn from(claim: Claim<'c>) -> Self {
        let mut claims = Self::default();
        claims.add(claim);
        claims
    }
}
