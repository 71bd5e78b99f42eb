//! How often somebody else may make us ask a provider.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// A bucket of permissions that fills again, one for each period.
#[derive(Debug)]
pub(super) struct Budget {
    capacity: u32,
    period: Duration,
    state: Mutex<(u32, Option<SystemTime>)>,
}

impl Budget {
    pub(super) const fn new(capacity: u32, period: Duration) -> Self {
        Self { capacity, period, state: Mutex::new((capacity, None)) }
    }

    /// Takes one permission; when the state cannot be read, there is none.
    pub(super) fn take(&self, now: SystemTime) -> bool {
        let Ok(mut state) = self.state.lock() else { return false };
        let (left, since) = *state;
        let since = since.unwrap_or(now);
        let passed = now.duration_since(since).unwrap_or_default();
        let gained = passed.as_secs() / self.period.as_secs().max(1);
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        let left = left.saturating_add(gained).min(self.capacity);
        let since = if left == self.capacity { now } else { since + self.period * gained };
        let taken = left > 0;
        *state = (left - u32::from(taken), Some(since));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_and_fills_again() {
        let budget = Budget::new(2, Duration::from_secs(60));
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
        assert!(budget.take(at(0)));
        assert!(budget.take(at(0)));
        assert!(!budget.take(at(0)));
        assert!(!budget.take(at(59)));
        assert!(budget.take(at(60)));
        assert!(!budget.take(at(61)));
        assert!(!budget.take(at(119)));
        assert!(budget.take(at(120)));
        assert!(budget.take(at(10_000)));
        assert!(budget.take(at(10_000)));
        assert!(!budget.take(at(10_000)));
        assert!(!budget.take(at(0)));
    }
}
