//! Which pattern a path fits, for traces: their names must be few.

use std::borrow::Cow;

use super::Hub;
use super::table::Row;
use crate::config::HubRule;
use crate::policy::Target;

impl Hub {
    /// The pattern that a target's path fits, for traces: the operator's rule or the profile's row,
    /// the longest of those that fit.
    #[must_use]
    pub fn route(&self, target: &Target) -> Cow<'static, str> {
        let fits = |rule: &&HubRule| matches!(rule.path.read(target), Ok(Some(_)));
        if let Some(rule) = self.rules.iter().find(fits) {
            return Cow::Owned(rule.path.to_string());
        }
        let first = target.name(0).ok().flatten().map(str::to_ascii_lowercase);
        let rows = self.words.rows(first.as_deref());
        let whole = |row: &&'static Row| {
            target.len() >= row.path.len()
                && matches!(row.read(self.profile, target, 0), Ok(Some(_)))
        };
        match rows.filter(whole).max_by_key(|row| row.path.len()) {
            Some(row) => Cow::Owned(row.route(target.len() > row.path.len())),
            None => Cow::Borrowed("/**"),
        }
    }
}
