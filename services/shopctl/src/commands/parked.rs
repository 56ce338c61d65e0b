//! `shopctl parked`: messages that wait for a person.

use std::collections::HashSet;

use clap::{Args, Subcommand};
use contracts::{Clock as _, SystemClock};
use messaging::{ParkedPosition, WaitingMessage};
use serde::Serialize;

use crate::error::Error;
use crate::output::{Output, Show, Table};
use crate::settings::{Service, Settings};
use crate::stores::{Messages, StoreArgs, Stores};

/// Messages that are read from a store at a time.
const PAGE: u32 = 100;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Parked {
    /// List them, the oldest first
    List {
        /// Of this service only
        #[arg(long)]
        service: Option<Service>,
        /// At most so many of each service
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one of them with its body
    Show {
        /// The event's id
        id: String,
        /// Whose message it is
        #[arg(long)]
        service: Service,
    },
    /// Try them again now: once their cause is gone
    Replay {
        #[command(flatten)]
        which: Which,
        /// Whose messages they are
        #[arg(long)]
        service: Service,
    },
    /// Forget them: what they tell will never be done
    Discard {
        #[command(flatten)]
        which: Which,
        /// Whose messages they are
        #[arg(long)]
        service: Service,
    },
}

/// Some of a service's parked messages.
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false, args = ["ids", "all"])]
pub(crate) struct Which {
    /// The events' ids
    ids: Vec<String>,
    /// All that are parked now
    #[arg(long)]
    all: bool,
}

/// A parked message and whose it is.
#[derive(Debug, Serialize)]
struct Listed {
    service: Service,
    #[serde(flatten)]
    message: WaitingMessage,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List(Vec<Listed>);

impl Show for List {
    fn table(&self) -> Table {
        let row = |listed: &Listed| {
            let message = &listed.message;
            vec![
                listed.service.to_string(),
                message.id.clone(),
                message.queue.clone(),
                message.event_type.clone(),
                message.attempts.to_string(),
                message.parked_at.to_string(),
                message.reason.clone(),
            ]
        };
        Table {
            head: vec![
                "SERVICE",
                "ID",
                "QUEUE",
                "TYPE",
                "ATTEMPTS",
                "PARKED AT",
                "REASON",
            ],
            rows: self.0.iter().map(row).collect(),
            footer: self.0.is_empty().then(|| "no message is parked".to_owned()),
        }
    }
}

impl Show for Listed {
    fn table(&self) -> Table {
        let message = &self.message;
        let rows = [
            ("service", self.service.to_string()),
            ("id", message.id.clone()),
            ("queue", message.queue.clone()),
            ("type", message.event_type.clone()),
            ("attempts", message.attempts.to_string()),
            ("parked at", message.parked_at.to_string()),
            ("reason", message.reason.clone()),
            ("body", message.body.clone()),
        ];
        Table {
            rows: rows
                .map(|(name, value)| vec![name.to_owned(), value])
                .into(),
            ..Table::default()
        }
    }
}

/// What became of messages.
#[derive(Debug, Serialize)]
struct Settled {
    service: Service,
    #[serde(skip)]
    verb: &'static str,
    done: Vec<String>,
    not_parked: Vec<String>,
}

impl Show for Settled {
    fn table(&self) -> Table {
        let row = |id: &String, what: &str| vec![id.clone(), what.to_owned()];
        let done = self.done.iter().map(|id| row(id, self.verb));
        let missing = self.not_parked.iter().map(|id| row(id, "not parked"));
        Table {
            head: vec!["ID", "RESULT"],
            rows: done.chain(missing).collect(),
            footer: (self.done.is_empty() && self.not_parked.is_empty())
                .then(|| "no message is parked".to_owned()),
        }
    }
}

/// Does what was asked for.
pub(crate) async fn run(
    command: Parked,
    settings: Settings,
    args: &StoreArgs,
    output: Output,
) -> Result<(), Error> {
    let stores = Stores::new(settings, args);
    match command {
        Parked::List { service, limit } => {
            let mut list = Vec::new();
            for service in stores.services(service)? {
                let messages = stores.messages(service).await?;
                let found = all(&messages, limit).await;
                messages.close().await;
                let listed = |message| Listed { service, message };
                list.extend(found?.into_iter().map(listed));
            }
            output.show(&List(list))
        }
        Parked::Show { id, service } => {
            let messages = stores.messages(service).await?;
            let found = messages.store.parked_message(&id).await;
            let found = found.map_err(|error| messages.failed(error));
            messages.close().await;
            let message = found?.ok_or_else(|| {
                Error::Partly(format!(
                    "{service} has no parked message {id}; `shopctl parked list` shows those it has"
                ))
            })?;
            let message = message.into();
            output.show(&Listed { service, message })
        }
        Parked::Replay { which, service } => {
            each(&stores, service, which, Verb::Replay, output).await
        }
        Parked::Discard { which, service } => {
            each(&stores, service, which, Verb::Discard, output).await
        }
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Replay,
    Discard,
}

async fn each(
    stores: &Stores,
    service: Service,
    which: Which,
    verb: Verb,
    output: Output,
) -> Result<(), Error> {
    let messages = stores.messages(service).await?;
    let result = settle(&messages, which, verb).await;
    messages.close().await;
    let done = result?;
    output.show(&done)?;
    if done.not_parked.is_empty() {
        return Ok(());
    }
    Err(Error::Partly(format!(
        "{} of the messages are not parked; `shopctl parked list` shows those that are",
        done.not_parked.len()
    )))
}

async fn settle(messages: &Messages, which: Which, verb: Verb) -> Result<Settled, Error> {
    let ids = if which.all {
        let parked = all(messages, u32::MAX).await?;
        let mut ids: Vec<_> = parked.into_iter().map(|message| message.id).collect();
        // A message that two queues have is settled in both at once.
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        ids
    } else {
        which.ids
    };
    let mut done = Settled {
        service: messages.service,
        verb: match verb {
            Verb::Replay => "tried again within a second",
            Verb::Discard => "discarded",
        },
        done: Vec::new(),
        not_parked: Vec::new(),
    };
    for id in ids {
        let settled = match verb {
            Verb::Replay => messages.store.replay(&id, SystemClock.now()).await,
            Verb::Discard => messages.store.discard(&id).await,
        };
        if settled.map_err(|error| messages.failed(error))? {
            done.done.push(id);
        } else {
            done.not_parked.push(id);
        }
    }
    Ok(done)
}

/// The parked messages of a service, `most` at most.
async fn all(messages: &Messages, most: u32) -> Result<Vec<WaitingMessage>, Error> {
    let mut found: Vec<WaitingMessage> = Vec::new();
    let mut after = None;
    loop {
        let left = most.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let limit = left.min(PAGE);
        let page = messages.store.parked(after, limit).await;
        let page = page.map_err(|error| messages.failed(error))?;
        let is_last = page.len() < usize::try_from(limit).unwrap_or(usize::MAX) || limit == left;
        after = page.last().map(ParkedPosition::of);
        found.extend(page.into_iter().map(WaitingMessage::from));
        if is_last {
            return Ok(found);
        }
    }
}
