//! Recording what tries came to. While one record is on its way to the disk more results arrive, and the next takes them all.
//!
//! A result is in hand until it is recorded: a mail that was sent and not recorded is sent twice. While the store is away, what
//! was to be recorded is tried again and again. What the store refuses for good, and may be because of one result among many, is
//! taken apart until only that one is left; it is kept, its lease is prolonged so that nobody takes it over, and it is tried again
//! until the cause is gone. If there are too many of those, no more results are taken, and so no more mails are sent.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use messaging::Poke;
use service_kit::{Present, crash_point, error_chain};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::domain::DeliveryState;
use crate::sender::lookout::Known;
use crate::store::{NotificationStore, Recorded, StoreFailure, Tried, TriedDelivery};
use crate::tasks::count_ended;

/// The most results in one record, and the most that are kept because the store refused them.
const MOST: usize = 64;
/// The pause after a record that failed, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// When what the store refused is tried again. Shorter than any lease, which is prolonged then.
pub(super) const AGAIN: Duration = Duration::from_secs(20);

pub(super) struct Recorder {
    pub(super) store: Arc<dyn NotificationStore>,
    pub(super) poke: Poke,
    pub(super) present: Present,
    /// Told when the store is away.
    pub(super) known: Known,
    /// How long what was refused is held at a time.
    pub(super) lease: Duration,
    /// How soon it is tried again.
    pub(super) again: Duration,
}

impl Recorder {
    /// Until nobody has results any more.
    pub(super) async fn run(self, mut results: mpsc::Receiver<TriedDelivery>) {
        let (mut tries, mut refused) = (Vec::new(), Vec::new());
        let mut again = Instant::now();
        loop {
            if refused.is_empty() {
                again = Instant::now() + self.again;
            }
            tokio::select! {
                count = results.recv_many(&mut tries, MOST), if refused.len() < MOST => {
                    if count == 0 {
                        break;
                    }
                    let more = self.record(std::mem::take(&mut tries)).await;
                    crash_point("notification.sender.after_record");
                    for (tried, error) in &more {
                        tracing::error!(
                            delivery_id = %tried.id,
                            error,
                            "the store refuses what a delivery came to; it is held and tried again"
                        );
                    }
                    refused.extend(self.hold(more).await);
                }
                () = tokio::time::sleep_until(again), if !refused.is_empty() => {
                    refused = self.try_again(refused).await;
                    again = Instant::now() + self.again;
                }
            }
        }
        for tried in self.try_again(refused).await {
            tracing::error!(
                delivery_id = %tried.id,
                "what a delivery came to was never recorded; it is tried again when its lease ends"
            );
        }
    }

    /// Gives back what the store refuses, and why.
    async fn record(&self, tries: Vec<TriedDelivery>) -> Vec<(TriedDelivery, String)> {
        let (mut parts, mut refused) = (vec![tries], Vec::new());
        while let Some(mut part) = parts.pop() {
            let attempt = || self.store.record(part.clone(), self.present.context());
            match until_answered(attempt, &self.known).await {
                Ok(recorded) => {
                    part.iter().zip(recorded).for_each(note);
                    self.poke.poke();
                }
                Err(error) if part.len() == 1 => {
                    let reason = error_chain(&error);
                    refused.extend(part.into_iter().map(|tried| (tried, reason.clone())));
                }
                Err(_) => {
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
            }
        }
        refused
    }

    /// Prolongs leases, so that nobody takes over what is in hand.
    async fn hold(&self, refused: Vec<(TriedDelivery, String)>) -> Vec<TriedDelivery> {
        let mut held = Vec::with_capacity(refused.len());
        for (tried, _) in refused {
            let until = self.present.now().plus(self.lease);
            if let Err(error) = self.store.hold(tried.id, tried.attempt, until).await {
                let error = error_chain(&error);
                tracing::warn!(delivery_id = %tried.id, error, "a delivery cannot be held");
            }
            held.push(tried);
        }
        held
    }

    async fn try_again(&self, refused: Vec<TriedDelivery>) -> Vec<TriedDelivery> {
        if refused.is_empty() {
            return refused;
        }
        let still = self.record(refused).await;
        self.hold(still).await
    }
}

/// Tries again for as long as the store is away, and the process lives.
pub(super) async fn until_answered<Fut>(
    record: impl FnMut() -> Fut,
    known: &Known,
) -> Result<Vec<Recorded>, StoreFailure>
where
    Fut: Future<Output = Result<Vec<Recorded>, StoreFailure>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times();
    record
        .retry(pauses)
        .when(|error: &StoreFailure| error.0.is_away())
        .notify(|error, _| {
            known.interrupted();
            let error = error_chain(error);
            tracing::warn!(
                error,
                "what was tried cannot be recorded yet; trying again shortly"
            );
        })
        .await
}

/// The state that a delivery has ended in by this try, if it has. What had been recorded before was not counted then: nobody
/// heard of it.
fn ended(tried: &TriedDelivery, recorded: Recorded) -> Option<DeliveryState> {
    match (&tried.tried, recorded) {
        (Tried::Later { .. }, _) | (_, Recorded::TakenOver) => None,
        (Tried::Sent | Tried::Failed { .. }, Recorded::Now | Recorded::Before) => {
            Some(tried.tried.state())
        }
    }
}

fn note((tried, recorded): (&TriedDelivery, Recorded)) {
    if let Some(state) = ended(tried, recorded) {
        count_ended(tried.channel, state, 1);
    }
    if recorded == Recorded::TakenOver && tried.tried == Tried::Sent {
        tracing::warn!(delivery_id = %tried.id, "a mail was sent whose delivery another sender has taken over: it is sent twice");
    }
}

#[cfg(test)]
mod tests;
