//! The exchange, the queues and their bindings: made, and made again when somebody deletes them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use contracts::EventType;
use contracts::topology::Binding;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use tokio::sync::Mutex;

use super::explain::{self, is_missing};
use super::line::{Fault, Line};
use crate::broker::{BrokerError, DELIVERY_LIMIT, dead_letters_of};

/// The topic exchange that every event goes to, under its type.
pub const EXCHANGE: &str = "shop.events";

/// For queues of dead letters. RabbitMQ 4 gives a queue without a limit one of 20 and then drops; it takes -1 for none,
/// which 3.10 refuses. A billion suits both, also for a queue that outlives an upgrade.
const NO_LIMIT: i64 = 1_000_000_000;

/// What one service has on the broker.
pub(super) struct Topology {
    line: Arc<Line>,
    service: &'static str,
    state: Mutex<State>,
}

struct State {
    bindings: Vec<Binding>,
    /// What was there once; if it is gone, somebody deleted it.
    seen: HashSet<String>,
    /// What the broker has agreed to be made as this version makes it.
    declared: HashSet<String>,
    /// What somebody deleted, until all is there again and people have been told.
    lost: BTreeSet<String>,
}

/// A queue or an exchange.
#[derive(Clone, Copy)]
enum Thing {
    Queue,
    Exchange,
}

impl Topology {
    pub(super) fn new(line: Arc<Line>, service: &'static str, bindings: Vec<Binding>) -> Self {
        let state = State {
            bindings,
            seen: HashSet::new(),
            declared: HashSet::new(),
            lost: BTreeSet::new(),
        };
        Self {
            line,
            service,
            state: Mutex::new(state),
        }
    }

    /// Adds bindings, and makes them.
    pub(super) async fn declare(&self, bindings: &[Binding]) -> Result<(), BrokerError> {
        {
            let known = &mut self.state.lock().await.bindings;
            let new: Vec<_> = bindings.iter().filter(|new| !known.contains(new)).collect();
            known.extend(new);
        }
        self.ensure().await
    }

    /// Makes what is missing. Says so if it was there before: events that were told meanwhile may be missing too.
    ///
    /// A declaration does not tell whether it made anything. So what this process has declared before is declared again only
    /// after a look has missed it: else a queue that is deleted between the look and that would be made again without a word.
    /// Bindings are always made, and refused if what they bind is gone. The price: that somebody has made a queue of another
    /// kind in place of one that was declared is told only by the next process. A process that has just begun knows of no
    /// loss: what it makes first may have been deleted a moment before.
    pub(super) async fn ensure(&self) -> Result<(), BrokerError> {
        let state = &mut *self.state.lock().await;
        let things = things(&state.bindings);
        let mut missing = Vec::new();
        let mut channel = self.line.channel().await?;
        for (thing, name) in &things {
            if !self.is_there(&channel, *thing, name).await? {
                missing.push(name.as_str());
                channel = self.line.channel().await?;
            }
        }
        // Kept: this look may fail below, and the next one finds what an administrator has made again meanwhile.
        let lost = missing.iter().filter(|name| state.seen.contains(**name));
        state.lost.extend(lost.map(|name| (*name).to_owned()));
        let there = things.iter().map(|(_, name)| name);
        let there = there.filter(|name| !missing.contains(&name.as_str()));
        state.seen.extend(there.cloned());
        // The exchange of all events is nobody's own: only an administrator may make it, and a service's user is refused.
        if missing.contains(&EXCHANGE) {
            let made = make_exchange(&channel, EXCHANGE, ExchangeKind::Topic);
            self.line
                .ask(made)
                .await
                .map_err(|fault| self.line.explain(fault))?;
        }
        // What this process has not declared yet is declared in any case: that tells a queue of another kind by its name.
        let is_sure = |name: &str| state.declared.contains(name) && !missing.contains(&name);
        let made = make(&channel, &state.bindings, is_sure);
        if let Err(fault) = self.line.ask(made).await {
            // Gone since the look. Somebody may have made it again before the next one.
            if let Fault::Said(error) = &fault
                && let Some(name) = explain::missing(error)
                && state.seen.contains(name)
            {
                state.lost.insert(name.to_owned());
            }
            return Err(self.line.explain(fault));
        }
        let lost = std::mem::take(&mut state.lost);
        if !lost.is_empty() {
            self.report(lost);
        }
        let names = things.into_iter().map(|(_, name)| name);
        state.declared.extend(names.clone());
        state.seen.extend(names);
        Ok(())
    }

    /// Whether all these queues are there; needs no permissions.
    pub(super) async fn first_missing<'a>(
        &self,
        queues: &[&'a str],
    ) -> Result<Option<&'a str>, BrokerError> {
        let channel = self.line.channel().await?;
        for queue in queues {
            if !self.is_there(&channel, Thing::Queue, queue).await? {
                return Ok(Some(queue));
            }
        }
        Ok(None)
    }

    /// A "no" ends the channel.
    async fn is_there(
        &self,
        channel: &Channel,
        thing: Thing,
        name: &str,
    ) -> Result<bool, BrokerError> {
        match self.line.ask(look(channel, thing, name)).await {
            Ok(()) => Ok(true),
            Err(Fault::Said(error)) if is_missing(&error) => Ok(false),
            Err(fault) => Err(self.line.explain(fault)),
        }
    }

    fn report(&self, lost: BTreeSet<String>) {
        tracing::error!(
            service = self.service,
            missing = Vec::from_iter(lost).join(", "),
            "deleted from the broker and made again; events told meanwhile may not have reached their consumers: run \
             `shopctl outbox replay --since …` for each service that tells events, with a time before the deletion"
        );
        metrics::counter!("shop_broker_topology_rebuilt_total", "service" => self.service)
            .increment(1);
    }
}

/// The queues that hear what a service tells.
pub(super) fn audience(service: &str, bindings: &[Binding]) -> Vec<&'static str> {
    let tells = |event_type: &EventType| event_type.producer().as_str() == service;
    bindings
        .iter()
        .filter(|binding| binding.types.iter().any(tells))
        .map(|binding| binding.queue)
        .collect()
}

/// The bindings of the queues that a service owns.
pub(super) fn owned(service: &str, bindings: &[Binding]) -> Vec<Binding> {
    let is_owned = |queue: &str| queue.split('.').next() == Some(service);
    bindings
        .iter()
        .filter(|binding| is_owned(binding.queue))
        .copied()
        .collect()
}

fn all_dead_letters(bindings: &[Binding]) -> BTreeSet<String> {
    let queues = bindings.iter().map(|binding| binding.queue);
    queues.map(dead_letters_of).collect()
}

fn things(bindings: &[Binding]) -> Vec<(Thing, String)> {
    let mut things = vec![(Thing::Exchange, EXCHANGE.to_owned())];
    for dead_letters in all_dead_letters(bindings) {
        things.push((Thing::Exchange, dead_letters.clone()));
        things.push((Thing::Queue, dead_letters));
    }
    let queues = bindings.iter().map(|binding| binding.queue.to_owned());
    things.extend(queues.map(|queue| (Thing::Queue, queue)));
    things
}

async fn look(channel: &Channel, thing: Thing, name: &str) -> lapin::Result<()> {
    match thing {
        Thing::Queue => {
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let looked = channel.queue_declare(name.into(), options, FieldTable::default());
            looked.await.map(|_| ())
        }
        Thing::Exchange => {
            let options = ExchangeDeclareOptions {
                passive: true,
                ..ExchangeDeclareOptions::default()
            };
            let (kind, none) = (ExchangeKind::Topic, FieldTable::default());
            channel
                .exchange_declare(name.into(), kind, options, none)
                .await
        }
    }
}

/// Declares the service's own but what is surely there, and binds it all: bindings go with an exchange that somebody else
/// has made anew since.
async fn make(
    channel: &Channel,
    bindings: &[Binding],
    is_sure: impl Fn(&str) -> bool,
) -> lapin::Result<()> {
    for name in all_dead_letters(bindings) {
        if !is_sure(&name) {
            // An exchange of the service's own: to go through the default exchange it would need the permission to write
            // to everybody's queues.
            make_exchange(channel, &name, ExchangeKind::Fanout).await?;
            let mut arguments = quorum();
            limit(&mut arguments, NO_LIMIT);
            make_queue(channel, &name, arguments).await?;
        }
        bind(channel, &name, &name, "").await?;
    }
    for binding in bindings {
        let queue = binding.queue;
        if !is_sure(queue) {
            make_queue(channel, queue, work_queue(queue)).await?;
        }
        for event_type in binding.types {
            bind(channel, queue, EXCHANGE, event_type.as_str()).await?;
        }
    }
    Ok(())
}

fn work_queue(queue: &str) -> FieldTable {
    let mut arguments = quorum();
    // The limit counts the times a message came back, so the first delivery is not in it.
    limit(&mut arguments, i64::from(DELIVERY_LIMIT) - 1);
    let mut text = |name: &'static str, value: &str| {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    text("x-dead-letter-exchange", &dead_letters_of(queue));
    // At most once would lose a dead letter whose queue is away. It needs this overflow; without a limit of length
    // nothing is ever refused by it.
    text("x-dead-letter-strategy", "at-least-once");
    text("x-overflow", "reject-publish");
    arguments
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments
}

fn limit(arguments: &mut FieldTable, limit: i64) {
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(limit));
}

async fn make_exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name.into(), kind, options, FieldTable::default())
        .await
}

async fn make_queue(channel: &Channel, name: &str, arguments: FieldTable) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let made = channel.queue_declare(name.into(), options, arguments);
    made.await.map(|_| ())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel
        .queue_bind(queue.into(), exchange.into(), key.into(), options, none)
        .await
}
