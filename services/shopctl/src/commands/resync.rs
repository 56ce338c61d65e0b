//! `shopctl resync`: tells consumers everything there is once more, through the outbox.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use contracts::{Clock as _, IdError, ProductId, SystemClock, UserId};
use messaging::MessageStore;
use serde::Serialize;
use service_kit::Context;
use store_kit::StoreError;

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
    let opened = stores.products().await?;
    let all = All {
        what: "catalog",
        service: Service::Product,
        messages: opened.messages,
    };
    let told = all
        .tell(batches.after, async |after| {
            let retold = opened.store.retell(after, batches.batch, context()).await;
            let retold = retold.map_err(|error| error.0)?;
            Ok(retold.map(|retold| (retold.last, retold.count)))
        })
        .await;
    opened.handle.close().await;
    told
}

async fn contacts(stores: &Stores, batches: Batches<UserId>) -> Result<Told, Error> {
    let opened = stores.users().await?;
    let all = All {
        what: "contacts",
        service: Service::User,
        messages: opened.messages,
    };
    let told = all
        .tell(batches.after, async |after| {
            let retold = opened.store.retell(after, batches.batch, context()).await;
            let retold = retold.map_err(|error| error.0)?;
            Ok(retold.map(|retold| (retold.last, retold.count)))
        })
        .await;
    opened.handle.close().await;
    told
}

/// All that a service tells again.
struct All {
    what: &'static str,
    service: Service,
    messages: Arc<dyn MessageStore>,
}

impl All {
    /// Tells one batch after the other; `batch` gives the last of those after an id, and how many they were.
    async fn tell<Id: Copy + Display>(
        &self,
        mut after: Option<Id>,
        mut batch: impl AsyncFnMut(Option<Id>) -> Result<Option<(Id, usize)>, StoreError>,
    ) -> Result<Told, Error> {
        let mut told = Told::default();
        loop {
            self.until_published().await?;
            let batch = batch(after).await.map_err(|error| self.failed(error))?;
            let Some((last, count)) = batch else {
                return Ok(told);
            };
            told.told += count;
            told.last = Some(last.to_string());
            after = Some(last);
            progress(&format!(
                "{} told; if this is interrupted, go on with `shopctl resync {} --after {last}`",
                told.told, self.what
            ));
        }
    }

    /// Waits while the outbox is long: the broker may be away.
    async fn until_published(&self) -> Result<(), Error> {
        let mut said = false;
        loop {
            let stats = self.messages.outbox_stats().await;
            let pending = stats.map_err(|error| self.failed(error))?.pending;
            if pending <= MOST_WAITING {
                return Ok(());
            }
            if !said {
                let service = self.service;
                progress(&format!(
                    "waiting: {pending} events of {service} are not published yet; is it running, and the broker?"
                ));
                said = true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn failed(&self, cause: StoreError) -> Error {
        let service = self.service;
        Error::Store { service, cause }
    }
}

fn context() -> Context {
    Context {
        now: SystemClock.now(),
        traceparent: None,
    }
}
