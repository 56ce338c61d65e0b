//! Working deliveries off, apart from taking events in: a slow mail server delays nothing else.
//!
//! A delivery is claimed with a lease, tried, and recorded. What was tried and not recorded is tried again under the same
//! `Message-ID`; that is the only way a mail comes twice (I10, rows D1 and D2 of the fault matrix): after a crash between the
//! channel's yes and the record, and when a sender that lives was cut off from its store, or stood still, for longer than its
//! lease while others were not. Neither happens because the store was away for everybody: a record is tried until it is made
//! ([`recorder`]), and leases that have ended are left alone until their owners have had the time for that ([`takeover`]).

mod lookout;
mod patience;
mod recorder;
mod takeover;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use messaging::Poke;
use service_kit::{Detail, Health, Lifecycle, Present, crash_point, error_chain};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{Channel, RetryRule, one_line};
use crate::mail::{Composer, Mailer, SendError};
use crate::store::{Claimed, NotificationStore, Tried, TriedDelivery};

use self::lookout::{Known, Lookout};
use self::patience::{ChannelState, Weather, are_worth_a_claim};
use self::recorder::Recorder;
pub(crate) use self::takeover::Terms;

/// How long new deliveries are waited for while others are being tried, so that one claim takes several.
const GATHER: Duration = Duration::from_millis(5);

/// How long places may stay free so that there is more to fill with one claim.
const FILL: Duration = Duration::from_millis(50);
/// A claim that took longer is not begun once the service drains: its tries would not end within the grace period.
const TOO_LATE: Duration = Duration::from_secs(2);
/// How often connections to the mail server are looked at that are not used any more.
const TIDY: Duration = Duration::from_secs(30);

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
    /// How long claims hold, and when they may be taken over.
    pub(crate) terms: Terms,
    /// Tries at the same time.
    pub concurrency: u16,
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

/// Starts the sender as tasks of the lifecycle. When draining begins it finishes what it has begun.
pub fn spawn(lifecycle: &Lifecycle, sender: Sender) {
    let draining = lifecycle.token();
    // Results wait in it while the store is away; then nothing is claimed either.
    let (results, received) = mpsc::channel(usize::from(sender.concurrency).max(1));
    let known = Known::nothing_yet(&sender.terms);
    let recorder = Recorder {
        store: Arc::clone(&sender.store),
        poke: sender.poke.clone(),
        present: sender.present.clone(),
        known: known.clone(),
        lease: sender.terms.lease,
        again: recorder::AGAIN,
    };
    let lookout = Lookout {
        store: Arc::clone(&sender.store),
        terms: sender.terms,
        poll: sender.poll,
        present: sender.present.clone(),
        known: known.clone(),
    };
    let mailer = Arc::clone(&sender.mailer);
    lifecycle.spawn("mail-recorder", recorder.run(received));
    lifecycle.spawn("mail-lookout", lookout.watch(draining.clone()));
    lifecycle.repeat("mail-tidy", TIDY, move || {
        let mailer = Arc::clone(&mailer);
        async move { mailer.tidy().await }
    });
    lifecycle.spawn("mail-sender", async move {
        let mailer = Arc::clone(&sender.mailer);
        Arc::new(sender).work(&results, &known, &draining).await;
        // The recorder ends with the last result, and need not wait for the mail server.
        drop(results);
        mailer.close().await;
    });
}

impl Sender {
    async fn work(
        self: Arc<Self>,
        results: &mpsc::Sender<TriedDelivery>,
        known: &Known,
        draining: &CancellationToken,
    ) {
        let mut working = JoinSet::new();
        let mut weather = Weather::default();
        let mut more = true;
        let mut waited = false;
        // A mail whose result nobody would record must not be sent.
        while !draining.is_cancelled() && !results.is_closed() {
            while let Some(done) = working.try_join_next() {
                weather.note(&done.unwrap_or(ChannelState::Unknown), Instant::now());
            }
            let busy = u16::try_from(working.len()).unwrap_or(u16::MAX);
            let free = weather.allows(busy, self.concurrency, Instant::now());
            if more && are_worth_a_claim(free, busy, self.concurrency, waited) {
                if busy > 0 {
                    tokio::time::sleep(GATHER).await;
                }
                waited = false;
                let begun = Instant::now();
                let claimed = self.claim(free, known).await;
                let took = begun.elapsed();
                if draining.is_cancelled() && took > TOO_LATE {
                    break;
                }
                if took > self.terms.claim && !claimed.is_empty() {
                    tracing::warn!(
                        ?took,
                        "a claim took too long; what it took waits for the end of its lease"
                    );
                    continue;
                }
                more = claimed.len() == usize::from(free);
                for delivery in claimed {
                    let (sender, results) = (Arc::clone(&self), results.clone());
                    working.spawn(async move { sender.deliver(delivery, &results).await });
                }
                continue;
            }
            tokio::select! {
                () = draining.cancelled() => {}
                Some(done) = working.join_next(), if !working.is_empty() => {
                    weather.note(&done.unwrap_or(ChannelState::Unknown), Instant::now());
                }
                () = self.hint.notified(), if !more => more = true,
                () = tokio::time::sleep(FILL), if more && free > 0 => waited = true,
                () = tokio::time::sleep(self.poll) => more = true,
            }
        }
        while working.join_next().await.is_some() {}
    }

    async fn claim(&self, limit: u16, known: &Known) -> Vec<Claimed> {
        let (limit, lease) = (u32::from(limit), self.terms.lease);
        let (over, now) = (known.over(), self.present.now());
        let claiming = self.store.claim(Channel::Email, limit, lease, over, now);
        match claiming.await {
            Ok(claimed) => claimed,
            Err(error) => {
                known.interrupted();
                let error = error_chain(&error);
                tracing::warn!(error, "deliveries cannot be claimed; trying again shortly");
                Vec::new()
            }
        }
    }

    async fn deliver(
        &self,
        delivery: Claimed,
        results: &mpsc::Sender<TriedDelivery>,
    ) -> ChannelState {
        let (id, attempt) = (delivery.id, delivery.attempt);
        // A try without a result would be repeated whenever its lease ends, for ever.
        let trying = AssertUnwindSafe(self.attempt(&delivery)).catch_unwind();
        let (tried, state) = trying.await.unwrap_or_else(|_| {
            let reason = "the program panicked over it; see the log".to_owned();
            (self.later(attempt, reason), ChannelState::Unknown)
        });
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
        // Nobody takes it only if the process is given up, grace period and all.
        let _ = results.send(delivery.came_to(tried)).await;
        state
    }

    async fn attempt(&self, delivery: &Claimed) -> (Tried, ChannelState) {
        let mail = match self.composer.compose(delivery) {
            Ok(mail) => mail,
            Err(error) => {
                let reason = one_line(&error_chain(&error));
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
            Err(SendError::Permanent(reason)) => {
                let reason = one_line(&reason);
                (Tried::Failed { reason }, ChannelState::Works)
            }
            Err(SendError::Transient(reason)) => {
                let reason = one_line(&reason);
                (self.later(delivery.attempt, reason), ChannelState::Works)
            }
            Err(SendError::Away(reason)) => {
                let reason = one_line(&reason);
                (
                    self.later(delivery.attempt, reason.clone()),
                    ChannelState::Away(reason),
                )
            }
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
}

#[cfg(test)]
mod tests;
