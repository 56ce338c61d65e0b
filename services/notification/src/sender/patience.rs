//! When to wait: for a channel that is away, and for places to fill with one claim.

use std::time::Duration;

use tokio::time::Instant;

/// The longest pause between looks whether a server that was away is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a try says about the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChannelState {
    Works,
    Away(String),
    Unknown,
}

/// How the channel has been lately.
#[derive(Default)]
pub(super) struct Weather {
    /// Times in a row that it was found away.
    away: u32,
    until: Option<Instant>,
}

impl Weather {
    /// What a try found; tries that began before a pause do not lengthen it.
    pub(super) fn note(&mut self, state: &ChannelState, now: Instant) {
        match state {
            ChannelState::Works => *self = Self::default(),
            ChannelState::Away(_) if self.until.is_none_or(|until| until <= now) => {
                self.away = self.away.saturating_add(1);
                let wait = Duration::from_millis(250) * 2_u32.saturating_pow(self.away.min(20) - 1);
                self.until = Some(now + wait.min(LONGEST_PAUSE));
            }
            ChannelState::Away(_) | ChannelState::Unknown => {}
        }
    }

    /// How many more tries may begin: one to see whether the channel is back, all if it works.
    pub(super) fn allows(&self, busy: u16, concurrency: u16, now: Instant) -> u16 {
        match self.until {
            Some(until) if now < until => 0,
            Some(_) => 1_u16.saturating_sub(busy),
            None => concurrency.saturating_sub(busy),
        }
    }
}

/// Whether free places are worth a claim, which is a statement and a commit whether it takes one or many: while others are
/// being tried only if they are half of all, or if it was waited in vain for so many.
pub(super) fn are_worth_a_claim(free: u16, busy: u16, concurrency: u16, waited: bool) -> bool {
    free > 0 && (busy == 0 || waited || free >= concurrency.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_that_is_away_is_asked_by_one_try_at_a_time_and_ever_less_often() {
        let mut weather = Weather::default();
        let now = Instant::now();
        let after = |millis| now + Duration::from_millis(millis);
        assert_eq!(weather.allows(3, 8, now), 5);
        let away = ChannelState::Away("no route".to_owned());
        weather.note(&away, now);
        weather.note(&away, after(10));
        assert_eq!(weather.allows(0, 8, after(249)), 0);
        assert_eq!(weather.allows(0, 8, after(250)), 1);
        assert_eq!(weather.allows(1, 8, after(250)), 0);
        weather.note(&away, after(250));
        assert_eq!(weather.allows(0, 8, after(749)), 0);
        assert_eq!(weather.allows(0, 8, after(750)), 1);
        for _ in 0..100 {
            let end = weather.until.unwrap_or(now);
            weather.note(&away, end);
            assert!(weather.until.unwrap_or(end) <= end + LONGEST_PAUSE);
        }
        weather.note(&ChannelState::Works, now);
        assert_eq!(weather.allows(0, 8, now), 8);
    }

    #[test]
    fn one_free_place_is_claimed_for_if_nothing_is_being_tried_else_half_of_them_or_what_stays_free()
     {
        let at_first: Vec<_> = (0..=8)
            .filter(|free| are_worth_a_claim(*free, 0, 8, false))
            .collect();
        assert_eq!(at_first, [1, 2, 3, 4, 5, 6, 7, 8]);
        let later: Vec<_> = (0..=8)
            .filter(|free| are_worth_a_claim(*free, 8 - free, 8, false))
            .collect();
        assert_eq!(later, [4, 5, 6, 7, 8]);
        assert!(are_worth_a_claim(1, 0, 1, false));
        assert!(
            are_worth_a_claim(1, 7, 8, true),
            "slow mails hold up others"
        );
        assert!(!are_worth_a_claim(0, 1, 1, true));
    }
}
