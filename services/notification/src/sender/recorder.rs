//! Recording what tries came to. While one record is on its way to the disk more results arrive, and the next takes them all.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use messaging::Poke;
use service_kit::{Present, crash_point, error_chain};
use tokio::sync::mpsc;

use crate::store::{NotificationStore, Recorded, StoreFailure, Tried, TriedDelivery};
use crate::tasks::count_ended;

/// The most results in one record.
const MOST: usize = 64;
/// The pause after a record that failed, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Recorder {
    pub(super) store: Arc<dyn NotificationStore>,
    pub(super) poke: Poke,
    pub(super) present: Present,
}

impl Recorder {
    /// Until nobody has results any more.
    pub(super) async fn run(self, mut results: mpsc::Receiver<TriedDelivery>) {
        let mut tries = Vec::new();
        while results.recv_many(&mut tries, MOST).await > 0 {
            self.record(std::mem::take(&mut tries)).await;
            crash_point("notification.sender.after_record");
        }
    }

    async fn record(&self, tries: Vec<TriedDelivery>) {
        let attempt = || self.store.record(tries.clone(), self.present.context());
        let Ok(recorded) = until_recorded(attempt).await else {
            return;
        };
        for (tried, recorded) in tries.iter().zip(recorded) {
            note(tried, recorded);
        }
        self.poke.poke();
    }
}

/// Tries again for as long as the process lives: a mail that was sent and not recorded is sent twice. Every failure is one of
/// the store, because what is recorded is in the store's words.
async fn until_recorded<Fut>(record: impl FnMut() -> Fut) -> Result<Vec<Recorded>, StoreFailure>
where
    Fut: Future<Output = Result<Vec<Recorded>, StoreFailure>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times();
    record
        .retry(pauses)
        .notify(|error, _| {
            let error = error_chain(error);
            tracing::warn!(
                error,
                "what was tried cannot be recorded yet; trying again shortly"
            );
        })
        .await
}

fn note(tried: &TriedDelivery, recorded: Recorded) {
    match recorded {
        Recorded::Now if !matches!(tried.tried, Tried::Later { .. }) => {
            count_ended(tried.channel, tried.tried.state(), 1);
        }
        Recorded::Now | Recorded::Before => {}
        Recorded::TakenOver => {
            tracing::warn!(delivery_id = %tried.id, "another sender has taken over a delivery whose lease ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use store_kit::StoreError;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_result_is_recorded_however_long_the_store_was_away() {
        let began = tokio::time::Instant::now();
        let mut times = 0;
        let recorded = until_recorded(|| {
            times += 1;
            let answer = if began.elapsed() < Duration::from_hours(1) {
                Err(StoreFailure(StoreError::away("it is being moved")))
            } else {
                Ok(vec![Recorded::Now])
            };
            async move { answer }
        });
        assert_eq!(recorded.await.unwrap(), [Recorded::Now]);
        let waited = began.elapsed();
        assert!(
            waited < Duration::from_hours(1) + LONGEST_PAUSE,
            "{waited:?}"
        );
        assert!(times < 3_700, "asked {times} times");
    }
}
