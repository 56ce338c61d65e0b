//! The live streams that are open in this process, and the one task that tails the table for all of them.
//!
//! The task only finds out *which* accounts have something new, and wakes their streams; each stream reads its own rows
//! after the last number it has sent. So a wake too many costs a query, and no wake decides what a client gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contracts::UserId;
use service_kit::{Lifecycle, error_chain};
use tokio::sync::Notify;

use crate::store::{NotificationStore, StoreFailure};

/// Rows looked through in one query.
const BATCH: u32 = 1_000;

/// The open streams. Clones share them.
#[derive(Clone, Debug)]
pub struct Streams(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: Mutex<HashMap<UserId, Vec<Arc<Notify>>>>,
    hint: Notify,
    per_account: usize,
}

/// One open stream's interest in an account; it ends when this is dropped.
#[derive(Debug)]
pub struct Interest {
    streams: Streams,
    account: UserId,
    notify: Arc<Notify>,
}

/// The account has as many streams open as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account has too many streams open")]
pub struct TooManyStreams;

impl Streams {
    /// None yet; at most `per_account` of one account at a time.
    #[must_use]
    pub fn new(per_account: usize) -> Self {
        Self(Arc::new(Inner {
            open: Mutex::default(),
            hint: Notify::new(),
            per_account,
        }))
    }

    /// Registers interest. Do it before reading the account's rows, or what is committed in between is missed.
    pub fn register(&self, account: UserId) -> Result<Interest, TooManyStreams> {
        let mut open = self.open();
        let streams = open.entry(account).or_default();
        if streams.len() >= self.0.per_account {
            return Err(TooManyStreams);
        }
        let notify = Arc::new(Notify::new());
        streams.push(Arc::clone(&notify));
        drop(open);
        metrics::gauge!("shop_live_streams").increment(1.0);
        Ok(Interest {
            streams: self.clone(),
            account,
            notify,
        })
    }

    /// Makes the tailing task look at once: something was committed in this process.
    pub fn hint(&self) {
        self.0.hint.notify_one();
    }

    fn open(&self) -> MutexGuard<'_, HashMap<UserId, Vec<Arc<Notify>>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.open().is_empty()
    }

    fn wake(&self, accounts: &[UserId]) {
        let open = self.open();
        for notify in accounts
            .iter()
            .filter_map(|account| open.get(account))
            .flatten()
        {
            notify.notify_one();
        }
    }

    fn wake_all(&self) {
        self.open()
            .values()
            .flatten()
            .for_each(|notify| notify.notify_one());
    }
}

impl Interest {
    /// Returns when the account may have something new; at once, if that was so since the last call.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        if let Some(streams) = open.get_mut(&self.account) {
            streams.retain(|notify| !Arc::ptr_eq(notify, &self.notify));
            if streams.is_empty() {
                open.remove(&self.account);
            }
        }
        metrics::gauge!("shop_live_streams").decrement(1.0);
    }
}

/// Starts the task that tails the table, as a task of the lifecycle.
pub fn spawn_tail(
    lifecycle: &Lifecycle,
    streams: Streams,
    store: Arc<dyn NotificationStore>,
    poll: Duration,
) {
    let draining = lifecycle.token();
    lifecycle.spawn("stream-tail", async move {
        let mut position = None;
        loop {
            tokio::select! {
                () = draining.cancelled() => return,
                () = streams.0.hint.notified() => {}
                () = tokio::time::sleep(poll) => {}
            }
            if let Err(error) = look(&streams, &*store, &mut position).await {
                let error = error_chain(&error);
                tracing::warn!(error, "notifications cannot be read; live streams wait");
                tokio::time::sleep(poll).await;
            }
        }
    });
}

/// Wakes whoever has something new after `position`, and moves it on. While no stream is open nothing is read; the first
/// look afterwards wakes everybody, because something may have come between a stream's first read and this look.
async fn look(
    streams: &Streams,
    store: &dyn NotificationStore,
    position: &mut Option<i64>,
) -> Result<(), StoreFailure> {
    if streams.is_empty() {
        *position = None;
        return Ok(());
    }
    let Some(mut seen) = *position else {
        *position = Some(store.last_position().await?);
        streams.wake_all();
        return Ok(());
    };
    loop {
        let news = store.news_after(seen, BATCH).await?;
        streams.wake(&news.accounts);
        // A store may name accounts again while something before them is not committed yet.
        let looked_at_all = news.accounts.is_empty() || news.position == seen;
        seen = news.position;
        *position = Some(seen);
        if looked_at_all {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::Timestamp;

    use super::*;

    #[tokio::test]
    async fn an_account_has_a_bounded_number_of_streams_and_none_is_kept_after_its_end() {
        let streams = Streams::new(2);
        let account = UserId::at(Timestamp::from_unix_millis(0));
        let first = streams.register(account).unwrap();
        let second = streams.register(account).unwrap();
        assert_eq!(streams.register(account).err(), Some(TooManyStreams));
        drop(first);
        assert!(streams.register(account).is_ok());
        drop(second);
        assert!(streams.is_empty());
    }

    #[tokio::test]
    async fn a_wake_between_two_waits_is_not_lost_and_reaches_every_stream_of_the_account() {
        let streams = Streams::new(2);
        let account = UserId::at(Timestamp::from_unix_millis(0));
        let other = streams.register(UserId::at(Timestamp::from_unix_millis(1)));
        let interests = [
            streams.register(account).unwrap(),
            streams.register(account).unwrap(),
        ];
        streams.wake(&[account]);
        for interest in &interests {
            interest.woken().await;
        }
        let untouched = other.unwrap();
        let woken = futures_util::FutureExt::now_or_never(untouched.woken());
        assert_eq!(woken, None);
    }

    #[tokio::test]
    async fn the_first_look_wakes_everybody_and_later_ones_only_those_with_something_new() {
        use crate::store::sqlite::SqliteNotifications;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notification.db");
        let store = SqliteNotifications::open(&path).await.unwrap();
        let (streams, mut position) = (Streams::new(1), Some(7));
        look(&streams, &store, &mut position).await.unwrap();
        assert_eq!(position, None, "nobody listens");
        let account = UserId::at(Timestamp::from_unix_millis(0));
        let interest = streams.register(account).unwrap();
        let woken = || futures_util::FutureExt::now_or_never(interest.woken());
        look(&streams, &store, &mut position).await.unwrap();
        assert_eq!((position, woken()), (Some(0), Some(())));
        look(&streams, &store, &mut position).await.unwrap();
        assert_eq!((position, woken()), (Some(0), None));
    }
}
