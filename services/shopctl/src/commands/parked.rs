//! `shopctl parked`: messages that wait for a person.

use clap::{Args, Subcommand};
use contracts::{Clock as _, SystemClock};
use messaging::{NoParkedQueue, ParkedPosition, WaitingMessage, parked_queue};
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
        /// The queue that has it parked; needed if several have
        #[arg(long)]
        queue: Option<String>,
        /// Whose message it is
        #[arg(long)]
        service: Service,
    },
    /// Try them again now: once their cause is gone
    Replay {
        #[command(flatten)]
        which: Which,
        /// Those of this queue; needed for an event that several queues have parked
        #[arg(long)]
        queue: Option<String>,
        /// Whose messages they are
        #[arg(long)]
        service: Service,
    },
    /// Forget them: what they tell will never be done
    Discard {
        #[command(flatten)]
        which: Which,
        /// Those of this queue; needed for an event that several queues have parked
        #[arg(long)]
        queue: Option<String>,
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

/// A message by its address.
#[derive(Debug, Serialize)]
struct Addressed {
    id: String,
    queue: String,
}

/// A message that several queues have.
#[derive(Debug, Serialize)]
struct InSeveral {
    id: String,
    queues: Vec<String>,
}

/// What became of messages.
#[derive(Debug, Serialize)]
struct Settled {
    service: Service,
    #[serde(skip)]
    verb: &'static str,
    done: Vec<Addressed>,
    not_parked: Vec<String>,
    /// Left alone: it was not said which one is meant.
    queue_required: Vec<InSeveral>,
}

impl Settled {
    /// What was not done, and what to do about it.
    fn left(&self) -> Option<String> {
        let several = |message: &InSeveral| {
            format!(
                "{} is parked in {}: say which with --queue",
                message.id,
                message.queues.join(" and ")
            )
        };
        let missing = (!self.not_parked.is_empty()).then(|| {
            format!(
                "{} of the messages are not parked; `shopctl parked list` shows those that are",
                self.not_parked.len()
            )
        });
        let left: Vec<_> = missing
            .into_iter()
            .chain(self.queue_required.iter().map(several))
            .collect();
        (!left.is_empty()).then(|| left.join("; "))
    }
}

impl Show for Settled {
    fn table(&self) -> Table {
        let row = |id: &str, queue: &str, what: &str| {
            vec![id.to_owned(), queue.to_owned(), what.to_owned()]
        };
        let done = self.done.iter();
        let done = done.map(|done| row(&done.id, &done.queue, self.verb));
        let missing = self.not_parked.iter();
        let missing = missing.map(|id| row(id, "", "not parked"));
        let several = self.queue_required.iter();
        let several = several.map(|message| {
            let queues = message.queues.join(", ");
            row(&message.id, &queues, "say which with --queue")
        });
        let rows: Vec<_> = done.chain(missing).chain(several).collect();
        Table {
            head: vec!["ID", "QUEUE", "RESULT"],
            footer: rows.is_empty().then(|| "no message is parked".to_owned()),
            rows,
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
        Parked::Show { id, queue, service } => {
            let messages = stores.messages(service).await?;
            let found = one(&messages, &id, queue.as_deref()).await;
            messages.close().await;
            let message = found?;
            output.show(&Listed { service, message })
        }
        Parked::Replay {
            which,
            queue,
            service,
        } => {
            let queue = queue.as_deref();
            each(&stores, service, which, queue, Verb::Replay, output).await
        }
        Parked::Discard {
            which,
            queue,
            service,
        } => {
            let queue = queue.as_deref();
            each(&stores, service, which, queue, Verb::Discard, output).await
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
    queue: Option<&str>,
    verb: Verb,
    output: Output,
) -> Result<(), Error> {
    let messages = stores.messages(service).await?;
    let result = settle(&messages, which, queue, verb).await;
    messages.close().await;
    let done = result?;
    output.show(&done)?;
    done.left().map_or(Ok(()), |left| Err(Error::Partly(left)))
}

/// One parked message.
async fn one(messages: &Messages, id: &str, queue: Option<&str>) -> Result<WaitingMessage, Error> {
    let service = messages.service;
    let none = || {
        Error::Partly(format!(
            "{service} has no parked message {id}; `shopctl parked list` shows those it has"
        ))
    };
    let queue = parked_queue(&*messages.store, id, queue).await;
    let queue = queue.map_err(|error| match error {
        NoParkedQueue::NotParked => none(),
        NoParkedQueue::Several(queues) => Error::Partly(format!(
            "{service} has {id} parked in {}: say which with --queue",
            queues.join(" and ")
        )),
        NoParkedQueue::Store(error) => messages.failed(error),
    })?;
    let found = messages.store.parked_message(&queue, id).await;
    let found = found.map_err(|error| messages.failed(error))?;
    found.map(WaitingMessage::from).ok_or_else(none)
}

async fn settle(
    messages: &Messages,
    which: Which,
    queue: Option<&str>,
    verb: Verb,
) -> Result<Settled, Error> {
    let mut settled = Settled {
        service: messages.service,
        verb: match verb {
            Verb::Replay => "tried again within a second",
            Verb::Discard => "discarded",
        },
        done: Vec::new(),
        not_parked: Vec::new(),
        queue_required: Vec::new(),
    };
    for Addressed { id, queue } in addresses(messages, which, queue, &mut settled).await? {
        let done = match verb {
            Verb::Replay => messages.store.replay(&queue, &id, SystemClock.now()).await,
            Verb::Discard => messages.store.discard(&queue, &id).await,
        };
        if done.map_err(|error| messages.failed(error))? {
            settled.done.push(Addressed { id, queue });
        } else {
            settled.not_parked.push(id);
        }
    }
    Ok(settled)
}

/// The messages that are meant. Those of which it cannot be told are settled already, with that.
async fn addresses(
    messages: &Messages,
    which: Which,
    queue: Option<&str>,
    settled: &mut Settled,
) -> Result<Vec<Addressed>, Error> {
    if which.all {
        let parked = all(messages, u32::MAX).await?;
        let parked = parked.into_iter().map(|message| Addressed {
            id: message.id,
            queue: message.queue,
        });
        let is_meant = |parked: &Addressed| queue.is_none_or(|queue| parked.queue == queue);
        return Ok(parked.filter(is_meant).collect());
    }
    let mut addresses = Vec::new();
    for id in which.ids {
        match parked_queue(&*messages.store, &id, queue).await {
            Ok(queue) => addresses.push(Addressed { id, queue }),
            Err(NoParkedQueue::NotParked) => settled.not_parked.push(id),
            Err(NoParkedQueue::Several(queues)) => {
                settled.queue_required.push(InSeveral { id, queues });
            }
            Err(NoParkedQueue::Store(error)) => return Err(messages.failed(error)),
        }
    }
    Ok(addresses)
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
