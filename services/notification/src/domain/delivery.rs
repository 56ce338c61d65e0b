//! One notification on its way to one recipient over one channel.

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use contracts::{EventId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::domain::{Channel, UnknownWord};

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its first or its next try.
    Queued,
    /// It is being tried.
    Sending,
    /// The channel took it.
    Sent,
    /// It was given up.
    Failed,
    /// The channel was not set up when it was made.
    Skipped,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Failed,
        Self::Skipped,
    ];

    /// Those of deliveries that have not ended.
    pub const ON_THEIR_WAY: [Self; 2] = [Self::Queued, Self::Sending];

    /// Its text, as stores, metrics and clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// How often a delivery is tried, and how long in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryRule {
    /// Before the second try; doubled with every further one.
    pub first: Duration,
    /// The most that doubling leads to.
    pub max: Duration,
    /// Tries in all.
    pub attempts: u32,
}

impl RetryRule {
    /// How long to wait after the `attempt`th try failed; none if it was the last.
    #[must_use]
    pub fn wait_after(&self, attempt: u32) -> Option<Duration> {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        (attempt < self.attempts).then(|| self.first.saturating_mul(doubled).min(self.max))
    }
}

/// The `Message-ID` of a mail, without its angle brackets: the same for every try, so that a mail that arrives twice after
/// a crash is seen to be one (I10). The recipient is in it as a digest only.
#[must_use]
pub fn message_id(event_id: EventId, recipient: UserId, channel: Channel, domain: &str) -> String {
    let digest = Sha256::digest(recipient.to_string().as_bytes());
    let mut hash = String::with_capacity(16);
    for byte in digest.iter().take(8) {
        let _ = write!(hash, "{byte:02x}");
    }
    format!("{event_id}.{hash}.{}@{domain}", channel.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_the_last_try() {
        let rule = RetryRule {
            first: Duration::from_secs(5),
            max: Duration::from_secs(30),
            attempts: 5,
        };
        let waits: Vec<_> = (1..=5).map(|attempt| rule.wait_after(attempt)).collect();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            waits,
            [seconds(5), seconds(10), seconds(20), seconds(30), None]
        );
        let patient = RetryRule {
            attempts: u32::MAX,
            ..rule
        };
        assert_eq!(patient.wait_after(u32::MAX - 1), seconds(30));
    }

    #[test]
    fn a_message_id_is_made_of_the_event_the_recipient_and_the_channel() {
        let event_id = "evt_019abcde000070008000000000000009".parse().unwrap();
        let recipient = "usr_019abcde000070008000000000000001".parse().unwrap();
        assert_eq!(
            message_id(event_id, recipient, Channel::Email, "shop.example"),
            "evt_019abcde000070008000000000000009.46d1d0feda4f9f90.email@shop.example"
        );
    }
}
