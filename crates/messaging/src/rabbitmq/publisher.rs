//! Publishing with confirms.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::{pending, try_join_all};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Event};
use tokio::sync::Mutex;

use super::explain::is_missing;
use super::line::{Fault, Line, Open};
use super::topology::{EXCHANGE, Topology, audience};
use super::wire;
use crate::broker::{BrokerError, Confirms};
use crate::message::Message;

/// Publishes over a connection of its own: a broker that is short of memory or disk stops reading from those that
/// publish, and acknowledgements must go on.
pub(super) struct Publisher {
    line: Line,
    topology: Arc<Topology>,
    service: &'static str,
    /// One batch at a time: only when all confirms of a channel are in is it known which of its messages were returned.
    session: Mutex<Option<Session>>,
}

/// A connection, and a channel on it that waits for no confirm.
struct Session {
    open: Arc<Open>,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    /// Why the broker takes nothing at present.
    blocked: Option<String>,
    channel: Option<Channel>,
}

/// Ends the connection if a publish is given up half-way: what was not sent yet must not be sent later, and confirms that
/// are under way belong to nobody.
struct Unfinished(Option<Arc<Open>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            open.cut();
        }
    }
}

impl Publisher {
    pub(super) fn new(line: Line, topology: Arc<Topology>, service: &'static str) -> Self {
        Self {
            line,
            topology,
            service,
            session: Mutex::default(),
        }
    }

    /// Publishes a batch; returns what became of it.
    pub(super) async fn publish(&self, batch: Vec<Message>) -> Result<Confirms, BrokerError> {
        let mut place = self.session.lock().await;
        let mut session = match place.take() {
            Some(session) if session.is_usable() => session,
            _ => self.session().await?,
        };
        let mut unfinished = Unfinished(Some(Arc::clone(&session.open)));
        let result = self.publish_in(&mut session, &batch).await;
        unfinished.0 = None;
        self.gauge(session.blocked.is_some());
        if result.is_ok() || session.blocked.is_some() {
            *place = Some(session);
        }
        result
    }

    pub(super) async fn close(&self) {
        self.line.close().await;
    }

    async fn session(&self) -> Result<Session, BrokerError> {
        let open = self.line.open().await?;
        let events = Box::pin(open.connection.events_listener());
        // It may have been said while nobody listened.
        let blocked = open.connection.status().blocked();
        Ok(Session {
            events,
            open,
            blocked: blocked.then(|| "short of memory or disk".to_owned()),
            channel: None,
        })
    }

    async fn publish_in(
        &self,
        session: &mut Session,
        batch: &[Message],
    ) -> Result<Confirms, BrokerError> {
        session.hear();
        if let Some(reason) = &session.blocked {
            return Err(BrokerError::Blocked(reason.clone()));
        }
        let channel = match session.channel.take() {
            Some(channel) => channel,
            None => self.channel().await?,
        };
        let sent = tokio::select! {
            sent = send(&channel, batch) => sent,
            reason = session.until_blocked() => return Err(BrokerError::Blocked(reason)),
        };
        match sent {
            Ok(confirms) => {
                session.channel = Some(channel);
                Ok(confirms)
            }
            Err(error) => {
                if is_missing(&error) {
                    // The exchange is gone; the next look would find out, this is sooner.
                    self.topology.ensure().await?;
                }
                Err(self.line.explain(Fault::Said(error)))
            }
        }
    }

    /// A channel with confirms, if all who should hear this service have their queues: what is told before is confirmed,
    /// and lost for them.
    async fn channel(&self) -> Result<Channel, BrokerError> {
        let audience = audience(self.service, contracts::topology::BINDINGS);
        if let Some(queue) = self.topology.first_missing(&audience).await? {
            return Err(BrokerError::Refused(format!(
                "the queue `{queue}`, which hears events of this service, does not exist: run `shopctl provision`, or \
                 start the service it belongs to"
            )));
        }
        let channel = self.line.channel().await?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        let confirmed = self.line.ask(confirm).await;
        confirmed.map_err(|fault| self.line.explain(fault))?;
        Ok(channel)
    }

    fn gauge(&self, blocked: bool) {
        metrics::gauge!("shop_broker_blocked", "service" => self.service).set(if blocked {
            1.0
        } else {
            0.0
        });
    }
}

impl Session {
    fn is_usable(&self) -> bool {
        self.open.connection.status().connected()
    }

    /// Takes note of what the broker said since.
    fn hear(&mut self) {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            self.note(event);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::ConnectionBlocked(reason) => self.blocked = Some(reason),
            Event::ConnectionUnblocked => self.blocked = None,
            _ => {}
        }
    }

    /// Waits until the broker takes nothing more.
    async fn until_blocked(&mut self) -> String {
        while let Some(event) = self.events.next().await {
            self.note(event);
            if let Some(reason) = &self.blocked {
                return reason.clone();
            }
        }
        pending().await
    }
}

/// Sends a batch and waits for all confirms.
///
/// lapin hands a returned message out with whichever confirm comes next, so a confirm says nothing about its own message:
/// what was returned is read from the returned messages themselves. All have come once all confirms have.
async fn send(channel: &Channel, batch: &[Message]) -> lapin::Result<Confirms> {
    let sent = batch.iter().map(|message| send_one(channel, message));
    let mut confirms = Confirms::default();
    let mut returned = HashSet::new();
    for (id, confirmation) in try_join_all(sent).await?.into_iter().flatten() {
        let said = if confirmation.is_ack() {
            &mut confirms.reached
        } else {
            &mut confirms.refused
        };
        said.insert(id.to_owned());
        if let Some(message) = confirmation.take_message()
            && let Some(id) = message.properties.message_id()
        {
            returned.insert(id.to_string());
        }
    }
    confirms.reached.retain(|id| !returned.contains(id));
    Ok(confirms)
}

async fn send_one<'a>(
    channel: &Channel,
    message: &'a Message,
) -> lapin::Result<Option<(&'a str, Confirmation)>> {
    let (Some(properties), Some(key)) =
        (wire::properties(message), wire::short(&message.event_type))
    else {
        tracing::error!(
            id = message.id,
            "an event has attributes too long to be told"
        );
        return Ok(None);
    };
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let confirm = channel
        .basic_publish(
            EXCHANGE.into(),
            key,
            options,
            message.body.as_bytes(),
            properties,
        )
        .await?;
    Ok(Some((&message.id, confirm.await?)))
}
