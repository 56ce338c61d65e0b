//! Where orders live: every method is one whole command, one transaction that includes its outbox rows and, for
//! what a consumer heard, its inbox row. No query leaks out of `store/`.

mod open;
pub mod postgres;
pub mod sqlite;

use std::error::Error;

use async_trait::async_trait;
use contracts::events::order::OrderStatus;
use contracts::{OrderId, Timestamp, UserId};
use service_kit::Context;

use crate::domain::{
    CatalogEntry, Draft, Entry, Input, Item, Order, OrderNumber, PricingError, Refusal,
};

pub use self::open::{attach, migrate, open, open_file};

/// Why the store did not do what it was asked. Nothing of the command happened, unless the connection broke after
/// the commit; the idempotency key and the inbox tell on the next try.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is full or is shutting down.
    #[error("the order store does not answer")]
    Away(#[source] Box<dyn Error + Send + Sync>),
    /// It holds a row that this program cannot read, or refuses one that this program writes: trying again changes
    /// nothing.
    #[error("the order store and this program do not fit together")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// What makes a repeated request recognisable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Who sends it: keys of different callers never meet.
    pub caller: UserId,
    /// Its `Idempotency-Key`.
    pub key: String,
    /// A digest of what it asks for.
    pub fingerprint: String,
}

/// A request to place an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The order to be.
    pub draft: Draft,
    /// What it is to consist of; no sku twice.
    pub items: Vec<Item>,
    /// The request it belongs to.
    pub request: RequestKey,
    /// When and on whose behalf.
    pub context: Context,
}

/// An order that was placed now or by an earlier request with the same key.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The order as it is now.
    pub order: Order,
    /// Whether an earlier request placed it.
    pub replayed: bool,
}

/// Why an order was not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The caller used the key for another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// The items cannot be ordered.
    #[error("the items cannot be ordered")]
    Pricing(#[source] PricingError),
    /// The store did not do it.
    #[error("the order could not be stored")]
    Store(#[from] StoreError),
}

/// A person's wish to change an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TellOrder {
    /// The order.
    pub order_id: OrderId,
    /// Whose order it has to be, if that matters.
    pub owner: Option<UserId>,
    /// What it is told.
    pub input: Input,
    /// The version the person has seen, if they have to have seen the latest.
    pub seen_version: Option<u64>,
    /// The request it belongs to, if it has a key.
    pub request: Option<RequestKey>,
    /// When and on whose behalf.
    pub context: Context,
}

/// What became of a person's wish.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The order as it is now.
    pub order: Order,
    /// The order or the parcel that the request is about, as text.
    pub object_id: String,
    /// Whether an earlier request with the same key did it.
    pub replayed: bool,
}

/// Why a person's wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// There is no such order, or it is somebody else's.
    #[error("there is no such order")]
    NotFound,
    /// The person has not seen the latest version.
    #[error("the order has changed")]
    VersionMismatch,
    /// The caller used the key for another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// The order refuses.
    #[error("the order refuses")]
    Refused {
        /// Why.
        #[source]
        refusal: Refusal,
        /// What people may do with it instead.
        allowed: &'static [&'static str],
    },
    /// The store did not do it.
    #[error("the change could not be stored")]
    Store(#[from] StoreError),
}

/// What an order did about something it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It changed.
    Changed(OrderStatus),
    /// It said something once more.
    Repeated,
    /// Nothing: a duplicate, or older than what it knows.
    Nothing,
}

/// Which orders a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only this customer's.
    pub customer_id: Option<UserId>,
    /// Only those in this state.
    pub status: Option<OrderStatus>,
}

/// The store of orders and of the catalog they are priced with.
#[async_trait]
pub trait OrderStore: Send + Sync + 'static {
    /// Places an order: idempotency row, order and `order.placed.v1` in one transaction.
    async fn place(&self, command: PlaceOrder) -> Result<Placement, PlaceError>;

    /// The order an earlier request with this key placed, if one did.
    async fn placed_before(&self, request: RequestKey) -> Result<Option<Order>, PlaceError>;

    /// Does what a person wants of an order, or says why not.
    async fn tell(&self, command: TellOrder) -> Result<Told, TellError>;

    /// Does what an answer of stock means for an order; the inbox row makes a repeated message do nothing.
    async fn hear_stock(
        &self,
        message_id: String,
        order_id: OrderId,
        input: Input,
        context: Context,
    ) -> Result<Heard, StoreError>;

    /// Keeps what a product event says, unless a newer one was heard. False if nothing changed.
    async fn hear_product(
        &self,
        message_id: String,
        entry: CatalogEntry,
        context: Context,
    ) -> Result<bool, StoreError>;

    /// Gives up an order whose deadline has passed, or reminds stock of it.
    async fn deadline_passed(
        &self,
        order_id: OrderId,
        context: Context,
    ) -> Result<Heard, StoreError>;

    /// Orders whose deadline has passed, the longest overdue first.
    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError>;

    /// One order; with an owner, only if it is theirs.
    async fn order(
        &self,
        order_id: OrderId,
        owner: Option<UserId>,
    ) -> Result<Option<Order>, StoreError>;

    /// Orders, the newest first, after a place in the list.
    async fn orders(
        &self,
        filter: OrderFilter,
        after: Option<OrderNumber>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError>;

    /// What happened to an order, the oldest first; with an owner, only if it is theirs.
    async fn timeline(
        &self,
        order_id: OrderId,
        owner: Option<UserId>,
    ) -> Result<Option<Vec<Entry>>, StoreError>;

    /// How many orders are in each state that is [in progress](crate::domain::in_progress); states without orders are left out.
    /// There are few of them, however many orders the shop ever had.
    async fn count_by_status(&self) -> Result<Vec<(OrderStatus, u64)>, StoreError>;
}
