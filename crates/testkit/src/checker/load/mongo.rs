//! A database of MongoDB.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use mongodb::bson::doc;
use mongodb::{Client, ClientSession, Database};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::checker::snapshot::{
    Contact, Kept, Lines, Messages, Offer, Reservation, Shelf, Stock, Told, Users,
};

/// A service's database.
#[derive(Clone)]
pub(in crate::checker) struct Mongo {
    client: Client,
    database: Database,
}

/// All collections as they were at one moment.
struct Moment {
    database: Database,
    session: ClientSession,
}

#[derive(Deserialize)]
struct ToldRow {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    correlation_id: String,
    published_at: Option<i64>,
    body: String,
}

#[derive(Deserialize)]
struct HeardRow {
    #[serde(rename = "_id")]
    id: HeardId,
    received_at: i64,
}

#[derive(Deserialize)]
struct HeardId {
    consumer: String,
    message_id: String,
}

#[derive(Deserialize)]
struct KeptRow {
    #[serde(rename = "message_id")]
    id: String,
    queue: String,
    #[serde(rename = "type")]
    event_type: String,
    reason: String,
    parked_at: Option<i64>,
}

#[derive(Deserialize)]
struct Identified<T> {
    #[serde(rename = "_id")]
    id: String,
    #[serde(flatten)]
    row: T,
}

#[derive(Deserialize)]
struct ProductRow {
    sku: String,
    price: Price,
    status: String,
    version: i64,
}

#[derive(Deserialize)]
struct Price {
    amount: i64,
    currency: String,
}

#[derive(Deserialize)]
struct ReservationRow {
    state: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    sku: String,
    quantity: i64,
}

impl Mongo {
    pub(in crate::checker) async fn new(url: &str) -> Result<Self> {
        let client = Client::with_uri_str(url).await?;
        let database = client
            .default_database()
            .context("the MongoDB URL names no database")?;
        Ok(Self { client, database })
    }

    /// The user service's store; none if it was not migrated yet.
    pub(in crate::checker) async fn users(&self) -> Result<Option<Users>> {
        let Some(mut moment) = self.moment().await? else {
            return Ok(None);
        };
        let accounts = moment.keyed::<Contact>("account").await?;
        let messages = moment.messages().await?;
        Ok(Some(Users { messages, accounts }))
    }

    /// The product service's store; none if it was not migrated yet.
    pub(in crate::checker) async fn stock(&self) -> Result<Option<Stock>> {
        let Some(mut moment) = self.moment().await? else {
            return Ok(None);
        };
        let products = moment.keyed::<ProductRow>("product").await?;
        let reservations = moment.keyed::<ReservationRow>("reservation").await?;
        Ok(Some(Stock {
            products: map(products, offer),
            shelves: moment.keyed::<Shelf>("inventory").await?,
            reservations: map(reservations, reservation),
            messages: moment.messages().await?,
        }))
    }

    async fn moment(&self) -> Result<Option<Moment>> {
        let collections = self.database.list_collection_names().await?;
        if !collections.iter().any(|name| name == "outbox") {
            return Ok(None);
        }
        Ok(Some(Moment {
            database: self.database.clone(),
            session: self.client.start_session().snapshot(true).await?,
        }))
    }
}

impl Moment {
    async fn rows<T: DeserializeOwned + Unpin + Send + Sync>(
        &mut self,
        collection: &str,
    ) -> Result<Vec<T>> {
        let rows = self.database.collection::<T>(collection);
        let found = rows.find(doc! {}).session(&mut self.session);
        let mut found = found.await?;
        let mut all = Vec::new();
        while let Some(row) = found.next(&mut self.session).await {
            all.push(row.with_context(|| format!("cannot read {collection}"))?);
        }
        Ok(all)
    }

    /// The documents of a collection by their id.
    async fn keyed<T: DeserializeOwned + Unpin + Send + Sync>(
        &mut self,
        collection: &str,
    ) -> Result<BTreeMap<String, T>> {
        let rows = self.rows::<Identified<T>>(collection).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.row)).collect())
    }

    async fn messages(&mut self) -> Result<Messages> {
        let mut messages = Messages::default();
        for row in self.rows::<ToldRow>("outbox").await? {
            let published = row.published_at.is_some();
            let told = Told::new(row.event_type, row.correlation_id, published, &row.body)?;
            messages.outbox.insert(row.id, told);
        }
        for row in self.rows::<HeardRow>("inbox").await? {
            let HeardId {
                consumer,
                message_id,
            } = row.id;
            messages
                .inbox
                .insert((consumer, message_id), row.received_at);
        }
        for row in self.rows::<KeptRow>("deferred").await? {
            let message = (row.queue, row.id);
            let kept = Kept {
                event_type: row.event_type,
                reason: row.reason,
                parked: row.parked_at.is_some(),
            };
            messages.kept.insert(message, kept);
        }
        Ok(messages)
    }
}

fn map<A, B>(rows: BTreeMap<String, A>, with: fn(A) -> B) -> BTreeMap<String, B> {
    rows.into_iter().map(|(id, row)| (id, with(row))).collect()
}

fn offer(row: ProductRow) -> Offer {
    Offer {
        version: row.version,
        sku: row.sku,
        amount: row.price.amount,
        currency: row.price.currency,
        status: row.status,
    }
}

fn reservation(row: ReservationRow) -> Reservation {
    let mut lines = Lines::new();
    for line in row.lines.into_iter().filter(|line| line.quantity > 0) {
        *lines.entry(line.sku).or_default() += line.quantity;
    }
    Reservation {
        state: row.state,
        lines,
    }
}
