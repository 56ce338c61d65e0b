//! `shopctl resync`: tells consumers everything there is once more, through the outbox.

use std::time::Duration;

use clap::{Args, Subcommand};
use contracts::{Clock as _, IdError, ProductId, SystemClock, UserId};
use messaging::MessageStore;
use serde::Serialize;
use service_kit::Context;

use crate::error::Error;
use crate::output::{Output, Show, Table, progress};
use crate::settings::{Service, Settings};
use crate::stores::{StoreArgs, Stores};

/// Unpublished events beyond which a resync waits: they are told by and by, and others' come in between.
const MOST_WAITING: u64 = 10_000;
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What to tell.
#[derive(Debug, Subcommand)]
pub(crate) enum Resync {
    /// All products, to the services that price orders
    Catalog(Batches<ProductId>),
    /// All accounts, to the services that write to people; nobody is welcomed again
    Contacts(Batches<UserId>),
}

/// How it is told.
#[derive(Debug, Args)]
pub(crate) struct Batches<Id>
where
    Id: Clone + Send + Sync + std::str::FromStr<Err = IdError> + 'static,
{
    /// Go on after this one: what an interrupted resync said last
    #[arg(long, value_name = "ID")]
    after: Option<Id>,
    /// So many in one transaction
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    batch: u32,
}

#[derive(Debug, Default, Serialize)]
struct Told {
    told: usize,
    last: Option<String>,
}

impl Show for Told {
    fn table(&self) -> Table {
        Table {
            footer: Some(format!("{} told again", self.told)),
            ..Table::default()
        }
    }
}

/// Does what was asked for.
pub(crate) async fn run(
    command: Resync,
    settings: Settings,
    args: &StoreArgs,
    output: Output,
) -> Result<(), Error> {
    let stores = Stores::new(settings, args);
    let told = match command {
        Resync::Catalog(batches) => catalog(&stores, batches).await?,
        Resync::Contacts(batches) => contacts(&stores, batches).await?,
    };
    output.show(&told)
}

async fn catalog(stores: &Stores, batches: Batches<ProductId>) -> Result<Told, Error> {
    let (service, opened) = (Service::Product, stores.products().await?);
    let (mut told, mut after) = (Told::default(), batches.after);
    let failed = |cause| Error::Store { service, cause };
    loop {
        until_told(service, &*opened.messages).await?;
        let retold = opened.store.retell(after, batches.batch, context()).await;
        let Some(retold) = retold.map_err(|error| failed(error.0))? else {
            break;
        };
        after = Some(retold.last);
        told.add(retold.count, retold.last.to_string(), "catalog");
    }
    opened.handle.close().await;
    Ok(told)
}

async fn contacts(stores: &Stores, batches: Batches<UserId>) -> Result<Told, Error> {
    let (service, opened) = (Service::User, stores.users().await?);
    let (mut told, mut after) = (Told::default(), batches.after);
    let failed = |cause| Error::Store { service, cause };
    loop {
        until_told(service, &*opened.messages).await?;
        let retold = opened.store.retell(after, batches.batch, context()).await;
        let Some(retold) = retold.map_err(|error| failed(error.0))? else {
            break;
        };
        after = Some(retold.last);
        told.add(retold.count, retold.last.to_string(), "contacts");
    }
    opened.handle.close().await;
    Ok(told)
}

impl Told {
    fn add(&mut self, count: usize, last: String, what: &str) {
        self.told += count;
        progress(&format!(
            "{} told; if this is interrupted, go on with `shopctl resync {what} --after {last}`",
            self.told
        ));
        self.last = Some(last);
    }
}

/// Waits while the outbox is long: the broker may be away.
async fn until_told(service: Service, messages: &dyn MessageStore) -> Result<(), Error> {
    let mut said = false;
    loop {
        let stats = messages.outbox_stats().await;
        let stats = stats.map_err(|cause| Error::Store { service, cause })?;
        if stats.pending <= MOST_WAITING {
            return Ok(());
        }
        if !said {
            progress(&format!(
                "waiting: {} events of {service} are not published yet; is it running, and the broker?",
                stats.pending
            ));
            said = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn context() -> Context {
    Context {
        now: SystemClock.now(),
        traceparent: None,
    }
}
