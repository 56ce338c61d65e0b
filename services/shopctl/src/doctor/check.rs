//! What was found.

use std::time::Duration;

use contracts::{Clock as _, SystemClock, Timestamp};
use serde::Serialize;
use service_kit::error_chain;

use super::CLOCKS_DIFFER;
use crate::settings::Tenant;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but somebody should look.
    Warn,
    /// Does not work, or is not safe.
    Fail,
}

impl Verdict {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it came out.
    pub verdict: Verdict,
    /// Where: a server, or a service's store.
    pub place: String,
    /// What was looked at.
    pub subject: String,
    /// What was found; unless all is well, what to do.
    pub finding: String,
}

/// Everything that was looked at.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Check>);

impl Findings {
    /// All checks, in the order in which they were made.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.0
    }

    /// How many came out so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.0
            .iter()
            .filter(|check| check.verdict == verdict)
            .count()
    }

    pub(super) fn add(
        &mut self,
        verdict: Verdict,
        place: &str,
        subject: impl Into<String>,
        finding: impl Into<String>,
    ) {
        self.0.push(Check {
            verdict,
            place: place.to_owned(),
            subject: subject.into(),
            finding: finding.into(),
        });
    }

    pub(super) fn ok(&mut self, place: &str, subject: impl Into<String>, found: impl Into<String>) {
        self.add(Verdict::Ok, place, subject, found);
    }

    pub(super) fn warn(
        &mut self,
        place: &str,
        subject: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.add(Verdict::Warn, place, subject, found);
    }

    pub(super) fn fail(
        &mut self,
        place: &str,
        subject: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.add(Verdict::Fail, place, subject, found);
    }

    /// Hands on what was found; a failure to look is a finding.
    pub(super) fn looked<T, E: std::error::Error + 'static>(
        &mut self,
        place: &str,
        subject: impl Into<String>,
        found: Result<T, E>,
    ) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(error) => {
                self.fail(place, subject, error_chain(&error));
                None
            }
        }
    }

    /// Whether a service's user can be tried at all; its password is not in the settings of every administrator.
    pub(super) fn can_log_in(&mut self, place: &str, subject: &str, tenant: &Tenant) -> bool {
        if !tenant.user.password.is_empty() {
            return true;
        }
        let found = format!(
            "its password is not in the settings, so nothing was tried; set {}.password",
            tenant.setting()
        );
        self.warn(place, subject, found);
        false
    }

    /// Compares a server's clock, which was read after `before` was, with this machine's.
    pub(super) fn clock(
        &mut self,
        place: &str,
        before: Timestamp,
        server: Timestamp,
        precision: Duration,
    ) {
        let after = SystemClock.now();
        // It was read at some time between the two.
        let ahead = server.since(after);
        let behind = before.since(server.plus(precision));
        let (difference, word) = if ahead > behind {
            (ahead, "ahead of")
        } else {
            (behind, "behind")
        };
        if difference > CLOCKS_DIFFER {
            let found = format!(
                "{:.1} s {word} this machine's; set both by NTP (chrony, systemd-timesyncd)",
                difference.as_secs_f64()
            );
            self.warn(place, "clock", found);
        } else {
            self.ok(place, "clock", "the same as this machine's");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_differs_by_more_than_two_seconds_is_told() {
        let verdict = |difference: i64| {
            let now = SystemClock.now();
            let server = Timestamp::from_unix_millis(now.unix_millis() + difference);
            let mut findings = Findings::default();
            findings.clock("db", now, server, Duration::ZERO);
            findings.0.pop().unwrap()
        };
        assert_eq!(verdict(0).verdict, Verdict::Ok);
        let late = verdict(-10_000);
        assert_eq!(late.verdict, Verdict::Warn);
        assert!(late.finding.contains("behind this machine's"), "{late:?}");
        let early = verdict(60_000);
        assert_eq!(early.verdict, Verdict::Warn);
        assert!(early.finding.contains("ahead of"), "{early:?}");
    }
}
