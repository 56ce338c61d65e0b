//! The product store on MongoDB.

mod catalog;
mod inventory;
mod listing;
mod retell;
mod rows;
mod schema;
mod stock;

use std::sync::Arc;

use async_trait::async_trait;
use contracts::{AdjustmentId, Event, EventId, Payload, ProductId, Sku, UserId};
use messaging::Handoff;
use mongo_store::{Database, Transaction, idempotency};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, KeptReply, Limits, OpenError, StoreError, Together};
use tokio::sync::Mutex;

use self::stock::{Heard, OldHolds};
use crate::domain::product::{NewProduct, ProductPatch};
use crate::domain::stock::Rules;
use crate::store::{
    Adjustment, CategoryCount, ChangeError, CreateError, Filter, Inventory, Listed, Name, Once,
    Position, ProductStore, Retold, Retry, StockCommand, StoreFailure,
};

const PRODUCT: &str = "product";
const INVENTORY: &str = "inventory";
const ADJUSTMENT: &str = "adjustment";
const RESERVATION: &str = "reservation";

/// Messages of one transaction about stock, at most; one transaction at a time.
const TOGETHER: Limits = Limits {
    batches: 1,
    commands: 64,
};

/// The product store in one database of a replica set. Clones share the line in which stock is written.
#[derive(Clone)]
pub struct MongoStore {
    db: Database,
    rules: Rules,
    /// Whoever of this process writes stock has it.
    turn: Arc<Mutex<()>>,
    hearing: Together<Heard, ()>,
    handoff: Handoff,
}

impl MongoStore {
    /// Connects to a migrated database.
    pub async fn open(settings: &StoreSettings, rules: Rules) -> Result<Self, OpenError> {
        let db = Database::open(settings, &schema::SCHEMA).await?;
        let (turn, handoff) = (Arc::<Mutex<()>>::default(), Handoff::default());
        let (to_write, turns, told) = (db.clone(), Arc::clone(&turn), handoff.clone());
        let hearing = move |heard: Vec<Heard>| {
            let (db, turn, handoff) = (to_write.clone(), Arc::clone(&turns), told.clone());
            async move {
                let _turn = turn.lock().await;
                stock::hear_all(&db, heard, rules, &handoff).await
            }
        };
        Ok(Self {
            db,
            rules,
            turn,
            hearing: Together::new(TOGETHER, hearing),
            handoff,
        })
    }

    /// Brings a database up to the schema of this program.
    pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
        Database::migrate(settings, &schema::SCHEMA).await
    }

    /// The database: also home of the outbox and of the deferred messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// What stock's answers are handed over to the relay by.
    #[must_use]
    pub fn handoff(&self) -> &Handoff {
        &self.handoff
    }
}

#[async_trait]
impl ProductStore for MongoStore {
    async fn create(
        &self,
        new: NewProduct,
        actor: Option<UserId>,
        retry: Option<Retry>,
        context: Context,
    ) -> Result<Once<Listed>, CreateError> {
        let creation = catalog::Creation {
            new,
            actor,
            retry,
            rules: self.rules,
            context,
        };
        self.db
            .transact(&creation, |tx, creation| {
                Box::pin(catalog::create(tx, creation))
            })
            .await
    }

    async fn patch(
        &self,
        id: ProductId,
        if_match: IfMatch,
        patch: ProductPatch,
        context: Context,
    ) -> Result<Listed, ChangeError> {
        let change = catalog::Change {
            id,
            if_match,
            patch,
            rules: self.rules,
            context,
        };
        self.db
            .transact(&change, |tx, change| Box::pin(catalog::patch(tx, change)))
            .await
    }

    async fn product(&self, name: Name) -> Result<Option<Listed>, StoreFailure> {
        Ok(rows::product(&self.db, &name).await?)
    }

    async fn list(
        &self,
        filter: Filter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreFailure> {
        Ok(listing::list(&self.db, &filter, after, limit).await?)
    }

    async fn categories(&self) -> Result<Vec<CategoryCount>, StoreFailure> {
        Ok(listing::categories(&self.db).await?)
    }

    async fn inventory(&self, sku: Sku) -> Result<Option<Inventory>, StoreFailure> {
        Ok(inventory::inventory(&self.db, &sku).await?)
    }

    async fn adjust(
        &self,
        sku: Sku,
        quantity: i64,
        reason: String,
        retry: Retry,
        context: Context,
    ) -> Result<Once<(Adjustment, Inventory)>, ChangeError> {
        let change = inventory::Change {
            sku,
            quantity,
            reason,
            retry,
            rules: self.rules,
            context,
        };
        let _turn = self.turn.lock().await;
        self.db
            .transact(&change, |tx, change| {
                Box::pin(inventory::adjust(tx, change))
            })
            .await
    }

    async fn adjustments(
        &self,
        sku: Sku,
        after: Option<AdjustmentId>,
        limit: u32,
    ) -> Result<Vec<Adjustment>, StoreFailure> {
        Ok(inventory::adjustments(&self.db, &sku, after, limit).await?)
    }

    async fn stock(
        &self,
        message_id: String,
        command: StockCommand,
        context: Context,
    ) -> Result<(), StoreFailure> {
        let heard = Heard {
            message_id,
            command,
            context,
        };
        Ok(self.hearing.have_done(heard).await?)
    }

    async fn ask_about_old_holds(&self, limit: u32, context: Context) -> Result<u32, StoreFailure> {
        let old = OldHolds { limit, context };
        let _turn = self.turn.lock().await;
        let asked = self.db.transact(&old, |tx, old| {
            Box::pin(stock::ask_about_old_holds(tx, old))
        });
        Ok(asked.await?)
    }

    async fn retell(
        &self,
        after: Option<ProductId>,
        limit: u32,
        context: Context,
    ) -> Result<Option<Retold>, StoreFailure> {
        let batch = retell::Batch {
            after,
            limit,
            context,
        };
        let told = self
            .db
            .transact(&batch, |tx, batch| Box::pin(retell::retell(tx, batch)));
        Ok(told.await?)
    }
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// An event of a transaction, in the trace of the work it came from.
struct Told {
    event: Event,
    traceparent: Option<String>,
}

impl Told {
    fn in_its_trace(&self) -> (&Event, Option<&str>) {
        (&self.event, self.traceparent.as_deref())
    }
}

fn event(
    correlation_id: String,
    aggregate_version: u64,
    payload: impl Into<Payload>,
    context: &Context,
) -> Told {
    Told {
        event: Event {
            id: EventId::at(context.now),
            occurred_at: context.now,
            aggregate_version,
            correlation_id,
            payload: payload.into(),
        },
        traceparent: context.traceparent.clone(),
    }
}

/// Puts events into the outbox of the running transaction.
async fn tell(tx: &mut Transaction, told: &[Told]) -> Result<(), StoreError> {
    messaging::mongo::append_all_to_outbox(tx, told.iter().map(Told::in_its_trace)).await
}

/// What was stored under a retry key: the id of its object if it was the same request.
async fn replay(
    tx: &mut Transaction,
    retry: &Retry,
) -> Result<Option<Result<String, ()>>, StoreError> {
    let kept = idempotency::find(tx, &retry.caller.to_string(), &retry.key).await?;
    Ok(kept.map(|kept| {
        if kept.fingerprint == retry.fingerprint {
            Ok(kept.object_id)
        } else {
            Err(())
        }
    }))
}

async fn remember(
    tx: &mut Transaction,
    retry: &Retry,
    object_id: String,
    context: &Context,
) -> Result<(), StoreError> {
    let reply = KeptReply {
        fingerprint: retry.fingerprint.clone(),
        status: 201,
        object_id,
        location: None,
    };
    let caller = retry.caller.to_string();
    idempotency::record(tx, &caller, &retry.key, &reply, context.now).await
}

#[cfg(test)]
mod tests;
