//! How often somebody may try: asked before any password is hashed, and the same whether an account exists or not.
//!
//! Three limits, so that guessing is slow and a stranger cannot keep an account's owner out: from one address; with one
//! e-mail from one address; with one e-mail from anywhere. One stranger reaches the second long before they use up the third.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use contracts::Clock;
use governor::clock::Clock as _;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderName, HeaderValue, StatusCode};
use service_kit::http::Problem;

use crate::settings::{Allowance, SenselessSetting, ThrottleSettings};

/// Keys remembered by each limit, besides those that share a place because there are too many: a few megabytes.
const MOST: u64 = 50_000;
/// Places that keys share when there are more.
const SHARED: u64 = 50_000;

/// Governor's clock, made of ours. If the machine's clock is put back, tokens come later by as much.
#[derive(Clone)]
struct Time(Arc<dyn Clock>);

impl governor::clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().unix_millis()).unwrap_or(0))
    }
}

type Limiter =
    RateLimiter<u64, DashMapStateStore<u64>, Time, governor::middleware::NoOpMiddleware<Duration>>;

struct Limit {
    name: &'static str,
    allowance: Allowance,
    limiter: Limiter,
    time: Time,
    most: u64,
}

/// Too many tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttled {
    limit: &'static str,
    allowance: Allowance,
    wait: Duration,
}

impl Limit {
    fn new(
        name: &'static str,
        allowance: Allowance,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SenselessSetting> {
        let quota = Quota::with_period(allowance.period() / allowance.burst.get())
            .ok_or_else(SenselessSetting::of_throttle)?
            .allow_burst(allowance.burst);
        let time = Time(Arc::clone(clock));
        Ok(Self {
            name,
            allowance,
            limiter: RateLimiter::new(quota, DashMapStateStore::default(), time.clone()),
            time,
            most: MOST,
        })
    }

    fn check(&self, key: u64) -> Result<(), Throttled> {
        // Strangers choose keys, so their number is bounded: beyond it they share places, which only slows down more.
        let known = u64::try_from(self.limiter.len()).unwrap_or(u64::MAX);
        let key = if known < self.most { key } else { key % SHARED };
        self.limiter.check_key(&key).map_err(|until| {
            metrics::counter!("shop_throttled_total", "limit" => self.name).increment(1);
            Throttled {
                limit: self.name,
                allowance: self.allowance,
                wait: until.wait_time_from(self.time.now()),
            }
        })
    }
}

/// All limits. Clones share them.
#[derive(Clone)]
pub struct Throttle(Arc<Limits>);

struct Limits {
    hasher: RandomState,
    by_address: Limit,
    by_email_and_address: Limit,
    by_email: Limit,
}

impl Throttle {
    /// With these allowances.
    pub fn new(
        settings: ThrottleSettings,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SenselessSetting> {
        let both = settings.by_email_and_address;
        Ok(Self(Arc::new(Limits {
            hasher: RandomState::new(),
            by_address: Limit::new("by_address", settings.by_address, clock)?,
            by_email_and_address: Limit::new("by_email_and_address", both, clock)?,
            by_email: Limit::new("by_email", settings.by_email, clock)?,
        })))
    }

    /// Takes one try from an address.
    pub fn from_address(&self, address: IpAddr) -> Result<(), Throttled> {
        let limits = &*self.0;
        let network = network(address);
        limits.by_address.check(limits.hasher.hash_one(network))
    }

    /// Takes one try with an e-mail address from an address.
    pub fn with_email(&self, email: &str, address: IpAddr) -> Result<(), Throttled> {
        let limits = &*self.0;
        let both = limits.hasher.hash_one((email, network(address)));
        limits.by_email_and_address.check(both)?;
        limits.by_email.check(limits.hasher.hash_one(email))
    }

    /// Forgets keys that have all their tries again.
    pub fn forget(&self) {
        let limits = &*self.0;
        for limit in [
            &limits.by_address,
            &limits.by_email_and_address,
            &limits.by_email,
        ] {
            limit.limiter.retain_recent();
            limit.limiter.shrink_to_fit();
        }
    }
}

/// What one household or machine has: one address of IPv4, a /64 of IPv6, whose last half it chooses itself.
fn network(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

impl From<Throttled> for Problem {
    fn from(throttled: Throttled) -> Self {
        let Throttled {
            limit,
            allowance,
            wait,
        } = throttled;
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        // draft-ietf-httpapi-ratelimit-headers-10: what is left now, and the policy.
        let left = format!("\"{limit}\";r=0;t={}", seconds.max(1));
        let policy = format!("\"{limit}\";q={};w={}", allowance.burst, allowance.per_s);
        let problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many attempts",
        )
        .detail("Wait as long as Retry-After says, then try again.")
        .retry_after(wait);
        [("ratelimit", left), ("ratelimit-policy", policy)]
            .into_iter()
            .fold(
                problem,
                |problem, (name, value)| match HeaderValue::from_str(&value) {
                    Ok(value) => problem.header(HeaderName::from_static(name), value),
                    Err(_) => problem,
                },
            )
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use contracts::{ManualClock, Timestamp};

    use super::*;

    fn allowance(burst: u32) -> Allowance {
        Allowance {
            burst: NonZeroU32::new(burst).unwrap(),
            per_s: NonZeroU32::new(60).unwrap(),
        }
    }

    fn throttle() -> (Throttle, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_millis(
            1_795_464_373_000,
        )));
        let settings = ThrottleSettings {
            by_address: allowance(6),
            by_email_and_address: allowance(2),
            by_email: allowance(4),
        };
        let shared: Arc<dyn Clock> = clock.clone();
        (Throttle::new(settings, &shared).unwrap(), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn tries_come_back_one_by_one() {
        let (throttle, clock) = throttle();
        let home = address("192.0.2.7");
        for _ in 0..6 {
            throttle.from_address(home).unwrap();
        }
        let refused = throttle.from_address(home).unwrap_err();
        assert_eq!(refused.wait, Duration::from_secs(10));
        throttle.from_address(address("192.0.2.8")).unwrap();
        clock.advance(Duration::from_secs(10));
        throttle.from_address(home).unwrap();
        throttle.from_address(home).unwrap_err();
    }

    #[test]
    fn one_stranger_does_not_keep_an_owner_out() {
        let (throttle, _) = throttle();
        let stranger = address("198.51.100.1");
        let tries = (0..100).filter(|_| throttle.with_email("ada@example.com", stranger).is_ok());
        assert_eq!(tries.count(), 2);
        throttle
            .with_email("ada@example.com", address("192.0.2.7"))
            .unwrap();
        throttle.with_email("bob@example.com", stranger).unwrap();
    }

    #[test]
    fn many_strangers_share_what_an_account_allows() {
        let (throttle, _) = throttle();
        let ok = (1..=50).filter(|n| {
            let from = address(&format!("198.51.100.{n}"));
            throttle.with_email("ada@example.com", from).is_ok()
        });
        assert_eq!(ok.count(), 4);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(
            network(address("2001:db8::1")),
            network(address("2001:db8::ffff:1"))
        );
        assert_ne!(
            network(address("2001:db8::1")),
            network(address("2001:db8:0:1::1"))
        );
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let (throttle, clock) = throttle();
        let limit = &throttle.0.by_email;
        for key in 0..200_000_u64 {
            let _ = limit.check(throttle.0.hasher.hash_one(key));
        }
        assert!(limit.limiter.len() <= usize::try_from(MOST + SHARED).unwrap());
        clock.advance(Duration::from_mins(2));
        throttle.forget();
        assert_eq!(limit.limiter.len(), 0);
    }
}
