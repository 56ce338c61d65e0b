//! The product service's data: a trait whose methods are whole commands, each one transaction with its events.

pub mod mongo;
mod open;
pub mod sqlite;

use std::collections::BTreeMap;

use async_trait::async_trait;
use contracts::events::order::OrderSummary;
use contracts::events::product::ProductStatus;
use contracts::events::stock::{StockAdjusted, StockLine};
use contracts::{AdjustmentId, OrderId, ProductId, Sku, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use utoipa::ToSchema;

use crate::domain::product::{NewProduct, Product, ProductPatch};

pub use self::open::{attach, migrate, open, open_file};

/// The store did not do what it was asked; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("the product store failed")]
pub struct StoreFailure(#[from] pub store_kit::StoreError);

/// A client's retry key, and what tells its request from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Whose key it is.
    pub caller: UserId,
    /// The key.
    pub key: String,
    /// A digest of the request.
    pub fingerprint: String,
}

/// What a command under a retry key came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Once<T> {
    /// It was done now.
    Done(T),
    /// It had been done; this is the object as it is today.
    Replayed(T),
    /// The key was used for another request; nothing was done.
    KeyReused,
}

/// Why a product was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another product has the sku.
    #[error("the sku is taken")]
    SkuTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Why something was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It does not exist.
    #[error("there is no such thing")]
    NotFound,
    /// It has changed since the caller saw it.
    #[error("it has changed")]
    Stale,
    /// More pieces would be taken away than are available.
    #[error("fewer pieces are available")]
    WouldGoNegative,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// The stock of one sku: `received = available + reserved + sold`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Inventory {
    /// Of what.
    pub sku: Sku,
    /// Pieces that came in, less those written off.
    pub received: u64,
    /// Pieces that can be ordered.
    pub available: u64,
    /// Pieces held for orders that are not confirmed.
    pub reserved: u64,
    /// Pieces of confirmed orders.
    pub sold: u64,
    /// Counts the changes from 1.
    pub version: u64,
}

/// A change of stock by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Adjustment {
    /// Names it.
    pub id: AdjustmentId,
    /// Of what.
    pub sku: Sku,
    /// Pieces added, or removed if negative.
    pub quantity: i64,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

impl Adjustment {
    /// A new one, of now.
    fn new(
        sku: &Sku,
        quantity: i64,
        reason: &str,
        actor: Option<UserId>,
        context: &Context,
    ) -> Self {
        Self {
            id: AdjustmentId::at(context.now),
            sku: sku.clone(),
            quantity,
            reason: reason.to_owned(),
            actor,
            created_at: context.now,
        }
    }

    /// The event that tells it, with what can be ordered after it.
    fn told(&self, available: u64) -> StockAdjusted {
        StockAdjusted {
            adjustment_id: self.id,
            sku: self.sku.clone(),
            quantity: self.quantity,
            reason: self.reason.clone(),
            available,
        }
    }
}

/// How a list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sort {
    /// Newest first.
    #[default]
    #[serde(rename = "newest")]
    Newest,
    /// Cheapest first.
    #[serde(rename = "price")]
    Price,
    /// Dearest first.
    #[serde(rename = "-price")]
    PriceDescending,
}

/// Which products.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// With this status; any if none.
    pub status: Option<ProductStatus>,
    /// On this shelf.
    pub category: Option<String>,
    /// At least this dear, in minor units.
    pub price_min: Option<i64>,
    /// At most this dear, in minor units.
    pub price_max: Option<i64>,
    /// Only what is in stock, or only what is not.
    pub in_stock: Option<bool>,
    /// Each of these words is the beginning of one of its words.
    pub words: Vec<String>,
    /// Each of these attributes has this value, as text; one that is a list holds it.
    pub attributes: BTreeMap<String, String>,
    /// In this order.
    pub sort: Sort,
}

/// Where a page starts: the sort key and the id of the last product of the page before.
pub type Position = (i64, ProductId);

/// A product and whether it can be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The product.
    pub product: Product,
    /// Whether at least one piece is available.
    pub in_stock: bool,
}

impl Listed {
    /// Where a page that ends with this product leaves off.
    #[must_use]
    pub fn position(&self, sort: Sort) -> Position {
        let key = match sort {
            Sort::Newest => self.product.created_at.unix_millis(),
            Sort::Price | Sort::PriceDescending => self.product.price.money().amount,
        };
        (key, self.product.id)
    }
}

/// A shelf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoryCount {
    /// Its name.
    pub name: String,
    /// Active products on it.
    pub products: u64,
}

/// How a product is named in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By id.
    Id(ProductId),
    /// By slug.
    Slug(String),
}

/// What an order tells its stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StockCommand {
    /// Hold these lines, all or none.
    Hold(OrderSummary),
    /// What is held is sold.
    Commit(OrderId),
    /// Give everything back.
    Release(OrderId),
    /// These pieces came back and can be sold again.
    Restock(OrderId, Vec<StockLine>),
}

/// A batch of products that were told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retold {
    /// The last of them: where the next batch goes on.
    pub last: ProductId,
    /// How many there were.
    pub count: usize,
}

impl Retold {
    /// None if there was nothing left to tell.
    fn of(batch: &[Listed]) -> Option<Self> {
        let last = batch.last()?.product.id;
        let count = batch.len();
        Some(Self { last, count })
    }
}

/// All commands and queries of the product service.
#[async_trait]
pub trait ProductStore: Send + Sync + 'static {
    /// Creates a product and its stock; tells `product.created`.
    async fn create(
        &self,
        new: NewProduct,
        actor: Option<UserId>,
        retry: Option<Retry>,
        context: Context,
    ) -> Result<Once<Listed>, CreateError>;

    /// Changes a product; tells `product.updated` or `product.archived`.
    async fn patch(
        &self,
        id: ProductId,
        if_match: IfMatch,
        patch: ProductPatch,
        context: Context,
    ) -> Result<Listed, ChangeError>;

    /// One product, archived or not.
    async fn product(&self, name: Name) -> Result<Option<Listed>, StoreFailure>;

    /// A page of products.
    async fn list(
        &self,
        filter: Filter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreFailure>;

    /// The shelves that hold active products.
    async fn categories(&self) -> Result<Vec<CategoryCount>, StoreFailure>;

    /// The stock of a sku.
    async fn inventory(&self, sku: Sku) -> Result<Option<Inventory>, StoreFailure>;

    /// Adds or removes pieces; tells `stock.adjusted`, and `stock.low` if it comes to that.
    async fn adjust(
        &self,
        sku: Sku,
        quantity: i64,
        reason: String,
        retry: Retry,
        context: Context,
    ) -> Result<Once<(Adjustment, Inventory)>, ChangeError>;

    /// The adjustments of a sku, newest first.
    async fn adjustments(
        &self,
        sku: Sku,
        after: Option<AdjustmentId>,
        limit: u32,
    ) -> Result<Vec<Adjustment>, StoreFailure>;

    /// Does what an order asks for, once per message; tells the answer.
    async fn stock(
        &self,
        message_id: String,
        command: StockCommand,
        context: Context,
    ) -> Result<(), StoreFailure>;

    /// Asks the orders of old holds what became of them; returns how many.
    async fn ask_about_old_holds(&self, limit: u32, context: Context) -> Result<u32, StoreFailure>;

    /// Tells again how the products after this one are, in the order of their ids, at most `limit` of them: each as
    /// `product.updated` or `product.archived` with the version it has. Nothing changes but the outbox. None if no product
    /// is left.
    async fn retell(
        &self,
        after: Option<ProductId>,
        limit: u32,
        context: Context,
    ) -> Result<Option<Retold>, StoreFailure>;
}
