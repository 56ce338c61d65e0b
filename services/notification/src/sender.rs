//! Working deliveries off, apart from taking events in: a slow mail server delays nothing else.
//!
//! A delivery is claimed with a lease, tried, and recorded. A crash between the channel's yes and the record repeats the
//! try under the same `Message-ID`; that is the only way a mail comes twice (I10, rows D1 and D2 of the fault matrix).

use std::sync::Arc;
use std::time::Duration;

use messaging::Poke;
use service_kit::{Detail, Health, Lifecycle, Present, crash_point, error_chain};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::{Channel, RetryRule};
use crate::mail::{Composer, Mailer, SendError};
use crate::store::{Claimed, NotificationStore, Tried};

/// How much longer a claim holds than a try may take.
const LEASE_MARGIN: Duration = Duration::from_mins(1);
/// How often, and how long apart, a result is recorded while the store is away: within the lease's margin.
const RECORD_TRIES: u32 = 20;
const RECORD_WAIT: Duration = Duration::from_secs(1);
/// The longest pause between looks whether a server that was away is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Works off the deliveries of one channel.
pub struct Sender {
    /// Where deliveries are.
    pub store: Arc<dyn NotificationStore>,
    /// Writes mails.
    pub composer: Composer,
    /// Takes mails.
    pub mailer: Arc<dyn Mailer>,
    /// How often each is tried.
    pub retry: RetryRule,
    /// For one try.
    pub deadline: Duration,
    /// Tries at the same time.
    pub concurrency: u32,
    /// Between looks without a hint.
    pub poll: Duration,
    /// Says that there are new deliveries.
    pub hint: Arc<Notify>,
    /// Wakes the outbox relay.
    pub poke: Poke,
    /// Tells the time.
    pub present: Present,
    /// Shows whether the channel works.
    pub health: Health,
}

/// What a try says about the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ChannelState {
    Works,
    Away(String),
    Unknown,
}

/// How the channel has been lately.
#[derive(Default)]
struct Weather {
    /// Times in a row that it was found away.
    away: u32,
    until: Option<Instant>,
}

impl Weather {
    /// What a try found; tries that began before a pause do not lengthen it.
    fn note(&mut self, state: &ChannelState, now: Instant) {
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
    fn allows(&self, busy: u32, concurrency: u32, now: Instant) -> u32 {
        match self.until {
            Some(until) if now < until => 0,
            Some(_) => 1_u32.saturating_sub(busy),
            None => concurrency.saturating_sub(busy),
        }
    }
}

/// Starts the sender as a task of the lifecycle. When draining begins it finishes what it has begun.
pub fn spawn(lifecycle: &Lifecycle, sender: Sender) {
    let draining = lifecycle.token();
    lifecycle.spawn("mail-sender", async move {
        let sender = Arc::new(sender);
        let mut working = JoinSet::new();
        let mut weather = Weather::default();
        while !draining.is_cancelled() {
            while let Some(done) = working.try_join_next() {
                weather.note(&done.unwrap_or(ChannelState::Unknown), Instant::now());
            }
            let busy = u32::try_from(working.len()).unwrap_or(u32::MAX);
            let free = weather.allows(busy, sender.concurrency, Instant::now());
            let claimed = sender.claim(free).await;
            if !claimed.is_empty() {
                for delivery in claimed {
                    let sender = Arc::clone(&sender);
                    working.spawn(async move { sender.deliver(delivery).await });
                }
                continue;
            }
            tokio::select! {
                () = draining.cancelled() => {}
                Some(done) = working.join_next(), if !working.is_empty() => {
                    weather.note(&done.unwrap_or(ChannelState::Unknown), Instant::now());
                }
                () = sender.hint.notified(), if free > 0 => {}
                () = tokio::time::sleep(sender.poll) => {}
            }
        }
        while working.join_next().await.is_some() {}
    });
}

impl Sender {
    async fn claim(&self, limit: u32) -> Vec<Claimed> {
        if limit == 0 {
            return Vec::new();
        }
        let (lease, now) = (self.deadline + LEASE_MARGIN, self.present.now());
        match self.store.claim(Channel::Email, limit, lease, now).await {
            Ok(claimed) => claimed,
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(error, "deliveries cannot be claimed; trying again shortly");
                Vec::new()
            }
        }
    }

    async fn deliver(&self, delivery: Claimed) -> ChannelState {
        let (id, attempt) = (delivery.id, delivery.attempt);
        let (tried, state) = self.attempt(&delivery).await;
        if tried == Tried::Sent {
            crash_point("notification.sender.after_send");
        }
        match &state {
            ChannelState::Works => self.health.set_detail("mail", Detail::Ok),
            ChannelState::Away(reason) => {
                let reason = reason.clone();
                self.health.set_detail("mail", Detail::Degraded { reason });
            }
            ChannelState::Unknown => {}
        }
        match &tried {
            Tried::Sent => {
                tracing::info!(delivery_id = %id, event_type = %delivery.event_type, "mail sent");
            }
            Tried::Later { reason, .. } => {
                tracing::info!(delivery_id = %id, attempt, reason, "a mail was not taken; it is tried again");
            }
            Tried::Failed { reason } => {
                tracing::warn!(delivery_id = %id, attempt, reason, "a mail was given up");
            }
        }
        self.record(&delivery, tried).await;
        crash_point("notification.sender.after_record");
        state
    }

    async fn attempt(&self, delivery: &Claimed) -> (Tried, ChannelState) {
        let mail = match self.composer.compose(delivery) {
            Ok(mail) => mail,
            Err(error) => {
                let reason = error_chain(&error);
                return (Tried::Failed { reason }, ChannelState::Unknown);
            }
        };
        let started = Instant::now();
        let sent = self.mailer.send(&mail).await;
        let outcome = match &sent {
            Ok(()) => "sent",
            Err(SendError::Permanent(_)) => "refused",
            Err(SendError::Transient(_)) => "later",
            Err(SendError::Away(_)) => "away",
        };
        metrics::histogram!("shop_mail_seconds", "mailer" => self.mailer.kind(), "outcome" => outcome)
            .record(started.elapsed().as_secs_f64());
        match sent {
            Ok(()) => (Tried::Sent, ChannelState::Works),
            Err(SendError::Permanent(reason)) => (Tried::Failed { reason }, ChannelState::Works),
            Err(SendError::Transient(reason)) => {
                (self.later(delivery.attempt, reason), ChannelState::Works)
            }
            Err(SendError::Away(reason)) => (
                self.later(delivery.attempt, reason.clone()),
                ChannelState::Away(reason),
            ),
        }
    }

    fn later(&self, attempt: u32, reason: String) -> Tried {
        match self.retry.wait_after(attempt) {
            Some(wait) => Tried::Later {
                reason,
                at: self.present.now().plus(wait),
            },
            None => Tried::Failed { reason },
        }
    }

    /// Records a result; tries again while the store is away, because a mail that was sent and not recorded is sent twice.
    async fn record(&self, delivery: &Claimed, tried: Tried) {
        let (id, attempt) = (delivery.id, delivery.attempt);
        for _ in 0..RECORD_TRIES {
            let context = self.present.context();
            match self.store.record(id, attempt, tried.clone(), context).await {
                Ok(true) => return self.poke.poke(),
                Ok(false) => {
                    tracing::warn!(delivery_id = %id, "another sender has taken over a delivery whose lease ended");
                    return;
                }
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(delivery_id = %id, error, "a delivery cannot be recorded yet");
                    tokio::time::sleep(RECORD_WAIT).await;
                }
            }
        }
    }
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
}
