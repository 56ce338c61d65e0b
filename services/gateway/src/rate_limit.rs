//! How often one caller may ask.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contracts::UserId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::{HeaderName, HeaderValue, StatusCode};
use service_kit::Lifecycle;
use service_kit::http::Problem;

use crate::routes::{RateRule, RouteTable};
use crate::settings::{InvalidSetting, RateLimitSettings};

/// How often callers that were quiet for a window are forgotten.
const UPKEEP: Duration = Duration::from_secs(1);
/// Places that newcomers share when too many callers are known.
const SHARED: u64 = 4_096;
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// An account.
    User(UserId),
    /// An address, or the /64 network of an IPv6 address: that is what one customer of a provider has.
    Address(u64),
    /// Nobody knows.
    Unknown,
    /// One of the places that newcomers share when too many callers are known.
    Shared(u64),
}

impl Key {
    /// The key of an address.
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        match address {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::Address(u64::from(address.to_bits())),
            Some(IpAddr::V6(address)) => {
                Self::Address(u64::try_from(address.to_bits() >> 64).unwrap_or_default())
            }
        }
    }
}

/// All limits: the general one and those of routes.
pub(crate) struct RateLimits {
    general: Arc<Limiter>,
    of_routes: Vec<Option<Arc<Limiter>>>,
}

struct Limiter {
    name: &'static str,
    rule: RateRule,
    burst: u32,
    callers: DefaultKeyedRateLimiter<Key>,
    crowded: AtomicBool,
    hasher: RandomState,
}

impl RateLimits {
    /// The limits of the settings and of the routes; none if they are turned off.
    pub(crate) fn new(
        settings: RateLimitSettings,
        routes: &RouteTable,
        lifecycle: &Lifecycle,
    ) -> Result<Option<Self>, InvalidSetting> {
        if !settings.enabled {
            return Ok(None);
        }
        let rule = RateRule {
            requests: settings.requests,
            window_s: settings.window_s,
            burst: Some(settings.burst),
        };
        let wrong = || InvalidSetting::new("rate_limit", "no such rate can be counted");
        let general = Arc::new(Limiter::new("general", rule).ok_or_else(wrong)?);
        let of_routes = routes
            .routes()
            .iter()
            .map(|route| match route.rate_limit {
                None => Ok(None),
                Some(rule) => Limiter::new("route", rule)
                    .map(|limiter| Some(Arc::new(limiter)))
                    .ok_or_else(|| {
                        InvalidSetting::new(route.pattern.clone(), "no such rate can be counted")
                    }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let all: Vec<_> = of_routes
            .iter()
            .flatten()
            .chain([&general])
            .cloned()
            .collect();
        lifecycle.spawn(
            "rate-limits",
            forget_quiet_callers(all, settings.max_callers, lifecycle.clone()),
        );
        Ok(Some(Self { general, of_routes }))
    }

    /// Counts a request, or refuses it: 429 `too_many_requests`.
    pub(crate) fn count(&self, route: usize, key: Key) -> Result<(), Problem> {
        let own = self.of_routes.get(route).and_then(Option::as_ref);
        own.unwrap_or(&self.general).count(key)
    }
}

impl Limiter {
    fn new(name: &'static str, rule: RateRule) -> Option<Self> {
        let burst = rule.burst.unwrap_or(rule.requests);
        let window = Duration::from_secs(u64::from(rule.window_s));
        let quota = Quota::with_period(window.checked_div(rule.requests)?)?
            .allow_burst(NonZeroU32::new(burst)?);
        Some(Self {
            name,
            rule,
            burst,
            callers: RateLimiter::keyed(quota),
            crowded: AtomicBool::new(false),
            hasher: RandomState::new(),
        })
    }

    fn count(&self, key: Key) -> Result<(), Problem> {
        let key = if self.crowded.load(Ordering::Relaxed) {
            Key::Shared(self.hasher.hash_one(key) % SHARED)
        } else {
            key
        };
        self.callers.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            self.too_many(wait)
        })
    }

    /// The headers are those of `draft-ietf-httpapi-ratelimit-headers-10`.
    fn too_many(&self, wait: Duration) -> Problem {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let (name, window) = (self.name, self.rule.window_s);
        let limit = format!("\"{name}\";r=0;t={}", seconds.max(1));
        // The quota of the policy is what a caller may use at once.
        let policy = format!(
            "\"{name}\";q={};w={window}",
            self.rule.requests.max(self.burst)
        );
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests",
        )
        .retry_after(wait);
        for (name, value) in [(LIMIT, limit), (POLICY, policy)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                problem = problem.header(name, value);
            }
        }
        problem
    }
}

/// Keeps the memory of limits bounded: by what is asked in a window, and by the number of callers that are told apart.
async fn forget_quiet_callers(
    limiters: Vec<Arc<Limiter>>,
    max_callers: usize,
    lifecycle: Lifecycle,
) {
    let draining = lifecycle.token();
    let mut ticks = tokio::time::interval(UPKEEP);
    while draining.run_until_cancelled(ticks.tick()).await.is_some() {
        for limiter in &limiters {
            limiter.callers.retain_recent();
            let crowded = limiter.callers.len() >= max_callers;
            limiter.crowded.store(crowded, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: u32, burst: Option<u32>) -> Limiter {
        let rule = RateRule {
            requests,
            window_s: 60,
            burst,
        };
        Limiter::new("route", rule).unwrap()
    }

    #[test]
    fn callers_are_counted_apart_and_a_burst_is_what_may_come_at_once() {
        let limiter = limiter(60, Some(2));
        let (one, two) = (Key::Address(1), Key::Address(2));
        assert_eq!(limiter.count(one), Ok(()));
        assert_eq!(limiter.count(one), Ok(()));
        let problem = limiter.count(one).unwrap_err();
        assert_eq!(
            (problem.status().as_u16(), problem.code()),
            (429, "too_many_requests")
        );
        assert_eq!(limiter.count(two), Ok(()));
    }

    #[test]
    fn in_a_crowd_newcomers_share_a_bounded_number_of_places() {
        let limiter = limiter(1, None);
        limiter.crowded.store(true, Ordering::Relaxed);
        for number in 0..20_000 {
            let _ = limiter.count(Key::Address(number));
        }
        assert!(limiter.callers.len() <= 4_096, "{}", limiter.callers.len());
    }

    #[test]
    fn one_ipv6_network_is_one_caller() {
        let key = |text: &str| Key::of(Some(text.parse().unwrap()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
