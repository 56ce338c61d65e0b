//! Where notifications live: every method is one whole command, one transaction that includes its outbox rows and, for
//! what was heard, its inbox row. No query leaks out of `store/`.

mod open;
mod outcome;
pub mod postgres;
mod readable;
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use contracts::{DeliveryId, EventId, EventType, NotificationId, Timestamp, UserId};
use serde_json::Value;
use service_kit::Context;

use crate::domain::{Channel, Contact, DeliveryState, Intake};

pub use self::open::{attach, migrate, open, open_file};

/// The store did not do what it was asked; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("the notification store failed")]
pub struct StoreFailure(#[from] pub store_kit::StoreError);

/// An event to take in.
#[derive(Clone, Debug, PartialEq)]
pub struct TakeIn {
    /// The message that brought it.
    pub message_id: String,
    /// The event.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Its payload as JSON, from which mails are written.
    pub payload: String,
    /// What it does here.
    pub intake: Intake,
    /// For each channel whether it is set up; the deliveries of others are skipped.
    pub channels: Vec<(Channel, bool)>,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenIn {
    /// It is committed; so many accounts were told.
    Done {
        /// How many.
        told: usize,
    },
    /// It had been, by an earlier delivery of the same message.
    Repeated,
}

/// Why an event was not taken in; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum TakeInError {
    /// Nobody knows yet where that account is reached.
    #[error("the contact of {0} is not known yet")]
    UnknownRecipient(UserId),
    /// It is for those who keep the catalog, and nobody knows yet who that is.
    #[error("no contact that keeps the catalog is known yet")]
    NobodyKeepsCatalog,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// A notification as its reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Its name.
    pub id: NotificationId,
    /// Its place among its reader's.
    pub stream_seq: i64,
    /// The type of the event it tells about.
    pub event_type: EventType,
    /// One line.
    pub title: String,
    /// A sentence or two.
    pub body: String,
    /// What it is about, for programs.
    pub data: Value,
    /// When it was taken in.
    pub created_at: Timestamp,
    /// When it was read.
    pub read_at: Option<Timestamp>,
}

/// A delivery that was claimed for one try.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The delivery.
    pub id: DeliveryId,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// The event it tells about.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Its payload as JSON.
    pub payload: String,
    /// The subject.
    pub title: String,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes.
    pub contact: Contact,
    /// When the notification was taken in.
    pub created_at: Timestamp,
}

impl Claimed {
    /// The try, to be recorded.
    #[must_use]
    pub fn came_to(&self, tried: Tried) -> TriedDelivery {
        TriedDelivery {
            id: self.id,
            attempt: self.attempt,
            event_id: self.event_id,
            user_id: self.contact.user_id,
            channel: self.channel,
            tried,
        }
    }
}

/// What one try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The channel took it.
    Sent,
    /// Not now.
    Later {
        /// What the channel said.
        reason: String,
        /// When the next try may begin.
        at: Timestamp,
    },
    /// Never.
    Failed {
        /// What the channel said.
        reason: String,
    },
}

impl Tried {
    /// Where it leaves the delivery.
    #[must_use]
    pub fn state(&self) -> DeliveryState {
        match self {
            Self::Sent => DeliveryState::Sent,
            Self::Later { .. } => DeliveryState::Queued,
            Self::Failed { .. } => DeliveryState::Failed,
        }
    }
}

/// A try that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The event it tells about.
    pub event_id: EventId,
    /// To whom.
    pub user_id: UserId,
    /// How.
    pub channel: Channel,
    /// What it came to.
    pub tried: Tried,
}

/// What recording a try did. Of a try that ended its delivery this is exact: nothing follows such a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is committed, together with the event that tells it, if there is something to tell.
    Now,
    /// It had been, and the delivery stands as it left it: only the reply was lost. Nothing was told again.
    Before,
    /// Nothing: another try has begun, because this one's lease had ended, or the delivery is gone. A try that only put its
    /// delivery off may have been recorded before as well, if the reply was lost and the next try's time has come since.
    TakenOver,
}

/// A line of the delivery log.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its place in the log.
    pub sequence: i64,
    /// The delivery.
    pub id: DeliveryId,
    /// What is on its way.
    pub notification_id: NotificationId,
    /// The event it tells about.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// To whom.
    pub user_id: UserId,
    /// How.
    pub channel: Channel,
    /// Where to.
    pub address: String,
    /// How far it is.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: u32,
    /// When the next try may begin, or this one's lease ends.
    pub due_at: Option<Timestamp>,
    /// What the channel said last.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last, or was touched last ([`NotificationStore::touch_late`]).
    pub updated_at: Timestamp,
}

/// Which deliveries a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those over this channel.
    pub channel: Option<Channel>,
    /// Only those to this account.
    pub user_id: Option<UserId>,
}

/// Accounts with notifications after a position of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The accounts, each once.
    pub accounts: Vec<UserId>,
    /// How far was looked.
    pub position: i64,
}

/// The store of contacts, notifications and deliveries.
#[async_trait]
pub trait NotificationStore: Send + Sync + 'static {
    /// Takes an event in: inbox row, contact, notifications with the next numbers of their readers' streams, and a delivery
    /// for each recipient and channel, in one transaction.
    async fn take_in(&self, event: TakeIn, context: Context) -> Result<TakenIn, TakeInError>;

    /// Takes the deliveries of a channel whose time has come, each for one try, for as long as `lease`. With `abandoned` also
    /// those whose last try was not recorded, and whose lease ended at that time or before. One that cannot be read is logged and
    /// left out: it is nobody's until its lease ends, and holds up no other.
    async fn claim(
        &self,
        channel: Channel,
        limit: u32,
        lease: Duration,
        abandoned: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreFailure>;

    /// Whether any delivery of a channel is being tried under a lease that has ended at `late`. If so, one of them is written to,
    /// as whoever records writes to it, though nothing but its `updated_at` changes: so this succeeds only while the store takes
    /// records. While all is well nothing is late, and nothing is written.
    async fn touch_late(
        &self,
        channel: Channel,
        late: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreFailure>;

    /// Moves the end of a try's lease, if the try has neither been recorded nor taken over.
    async fn hold(
        &self,
        id: DeliveryId,
        attempt: u32,
        until: Timestamp,
    ) -> Result<(), StoreFailure>;

    /// Records what tries came to, with the events that tell it, all in one transaction. Says for each, in their order, what
    /// that did; may be repeated when nobody knows.
    async fn record(
        &self,
        tries: Vec<TriedDelivery>,
        context: Context,
    ) -> Result<Vec<Recorded>, StoreFailure>;

    /// An account's notifications, the newest first, before a place in its stream.
    async fn notifications(
        &self,
        reader: UserId,
        unread_only: bool,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure>;

    /// How many of an account's notifications are unread.
    async fn count_unread(&self, reader: UserId) -> Result<u64, StoreFailure>;

    /// Marks one of an account's notifications as read; false if it has no such notification.
    async fn mark_read(
        &self,
        reader: UserId,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<bool, StoreFailure>;

    /// Marks all of an account's notifications as read.
    async fn mark_all_read(&self, reader: UserId, now: Timestamp) -> Result<(), StoreFailure>;

    /// The last number of an account's stream; 0 if nothing was ever told.
    async fn stream_end(&self, reader: UserId) -> Result<i64, StoreFailure>;

    /// An account's notifications after a number of its stream, the oldest first.
    async fn stream_after(
        &self,
        reader: UserId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure>;

    /// The last position of the table, for a reader that begins now.
    async fn last_position(&self) -> Result<i64, StoreFailure>;

    /// Which accounts have notifications after a position.
    async fn news_after(&self, position: i64, limit: u32) -> Result<News, StoreFailure>;

    /// The delivery log, the newest first, before a place in it.
    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreFailure>;

    /// How many deliveries are on their way, by state; states without any are left out. It looks at no others: those that have
    /// ended are ever more.
    async fn count_on_their_way(&self) -> Result<Vec<(Channel, DeliveryState, u64)>, StoreFailure>;

    /// Removes a batch of deliveries that ended, and of notifications that were made, before these times. Returns how many
    /// rows.
    async fn sweep(
        &self,
        deliveries_before: Timestamp,
        notifications_before: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreFailure>;
}
