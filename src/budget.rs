//! How often somebody else may make us do something: ask a provider, try a code.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use moka::sync::Cache;

/// A bucket of permissions that fills again, one for each period.
#[derive(Debug)]
pub struct Budget {
    capacity: u32,
    period: Duration,
    state: Mutex<(u32, Option<SystemTime>)>,
}

impl Budget {
    /// A full bucket of `capacity`, which gains one permission each `period`.
    #[must_use]
    pub const fn new(capacity: u32, period: Duration) -> Self {
        Self { capacity, period, state: Mutex::new((capacity, None)) }
    }

    /// Takes one permission; when the state cannot be read, there is none.
    pub fn take(&self, now: SystemTime) -> bool {
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

/// A budget for each of many: browsers, networks.
#[derive(Debug)]
pub struct Budgets<K: Hash + Eq + Send + Sync + 'static> {
    capacity: u32,
    period: Duration,
    each: Cache<K, Arc<Budget>>,
}

/// More than try at the same time; who is forgotten has a full budget again.
const MOST: u64 = 100_000;

impl<K: Hash + Eq + Send + Sync + 'static> Budgets<K> {
    /// Budgets of `capacity`, which gain one permission each `period`.
    #[must_use]
    pub fn new(capacity: u32, period: Duration) -> Self {
        let full_again = period.saturating_mul(capacity.saturating_add(1));
        let each = Cache::builder().max_capacity(MOST).time_to_idle(full_again).build();
        Self { capacity, period, each }
    }

    /// Takes one permission of `key`.
    pub fn take(&self, key: K, now: SystemTime) -> bool {
        self.each.get_with(key, || Arc::new(Budget::new(self.capacity, self.period))).take(now)
    }
}

/// Who counts as one client: an address, or an IPv6 network of the size that one customer gets.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
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
    #[test]
    fn each_network_has_a_budget_of_its_own() {
        let budgets = Budgets::new(1, Duration::from_secs(60));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let take = |text: &str| budgets.take(network(text.parse().unwrap()), now);
        assert!(take("192.0.2.1"));
        assert!(take("192.0.2.2"));
        assert!(!take("::ffff:192.0.2.1"));
        assert!(take("2001:db8::1"));
        assert!(!take("2001:db8::2"));
        assert!(take("2001:db8:0:1::1"));
    }
}
