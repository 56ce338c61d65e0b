//! Taking messages from a queue, and those under suspicion one at a time.
//!
//! A message that kills the process comes back together with everything that was in hand with it, and all of it counts as
//! handed out once more. RabbitMQ hands out first what came back. So a source begins with one message at a time, and takes
//! in as many as it may with the first that is above suspicion. When a suspect comes later, as another process died, it gives
//! back what nobody has begun, waits until what is in hand is done, and lends the suspect alone.

mod intake;
mod receipt;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use service_kit::Lifecycle;
use tokio_util::task::TaskTracker;

use self::intake::{Intake, Taken};
use self::receipt::RabbitReceipt;
use super::line::Line;
use super::wire;
use crate::broker::{BrokerError, Delivery, SUSPECT, Source, is_of_dead_letters};

/// So many messages above suspicion in a row, and a source that met a suspect is as trusting as before. At the first it
/// might meet those again that another source has just given back, and each time back counts.
const ENOUGH: u32 = 32;

/// A change of what a source takes in. It is driven by whoever waits for the next delivery; giving up waiting does not
/// end it.
type Change = BoxFuture<'static, Result<Option<Intake>, BrokerError>>;

/// A consumer of one queue.
pub(super) struct RabbitSource {
    line: Arc<Line>,
    lifecycle: Lifecycle,
    queue: Arc<str>,
    /// It is a queue of dead letters.
    dead_letters: bool,
    prefetch: u16,
    /// None while it changes, and while a suspect from it is lent.
    intake: Option<Intake>,
    change: Option<Change>,
    /// Taken in, and not lent yet.
    taken: Option<Taken>,
    /// Counts what is lent.
    lent: TaskTracker,
    /// Messages above suspicion since the last that was not.
    innocent: u32,
}

impl RabbitSource {
    pub(super) async fn new(
        line: Arc<Line>,
        lifecycle: Lifecycle,
        queue: &str,
        prefetch: u16,
    ) -> Result<Self, BrokerError> {
        let lent = TaskTracker::new();
        lent.close();
        let mut source = Self {
            line,
            lifecycle,
            queue: queue.into(),
            dead_letters: is_of_dead_letters(queue),
            prefetch,
            intake: None,
            change: None,
            taken: None,
            lent,
            innocent: ENOUGH,
        };
        source.change = Some(source.open());
        source.finish_change().await?;
        Ok(source)
    }

    fn open(&self) -> Change {
        let (line, lifecycle) = (Arc::clone(&self.line), self.lifecycle.clone());
        let queue = Arc::clone(&self.queue);
        Box::pin(async move { Ok(Some(Intake::open(line, lifecycle, queue).await?)) })
    }

    async fn finish_change(&mut self) -> Result<(), BrokerError> {
        if let Some(change) = &mut self.change {
            let changed = change.await;
            self.change = None;
            self.intake = changed?;
        }
        Ok(())
    }

    async fn take(&mut self) -> Result<(), BrokerError> {
        let Some(intake) = &mut self.intake else {
            // A suspect is in hand: nothing is taken in beside it.
            self.lent.wait().await;
            self.change = Some(self.open());
            return Ok(());
        };
        let taken = intake.next().await?;
        self.innocent = if attempt(&taken) >= SUSPECT && !self.dead_letters {
            0
        } else {
            self.innocent.saturating_add(1)
        };
        self.taken = Some(taken);
        Ok(())
    }

    /// Takes in one at a time, or many; after what was taken.
    fn adjust(&mut self) {
        let rest = self.prefetch.saturating_sub(1);
        let many = self.innocent >= ENOUGH && rest > 0;
        match self.intake.take() {
            Some(intake) if many && !intake.is_wide() => {
                self.change = Some(Box::pin(intake.widen(rest)));
            }
            Some(intake) if intake.is_wide() && !many => {
                self.change = Some(Box::pin(async move {
                    intake.hand_back().await;
                    Ok(None)
                }));
            }
            unchanged => self.intake = unchanged,
        }
    }

    fn lend(&self, taken: Taken) -> Delivery {
        let attempt = attempt(&taken);
        let Taken { channel, delivery } = taken;
        let message = wire::message(&delivery);
        let queue = wire::first_queue(&delivery.properties);
        let queue = queue.unwrap_or_else(|| self.queue.to_string());
        let dead_letter = self
            .dead_letters
            .then(|| wire::dead_letter(&delivery.properties));
        let receipt = RabbitReceipt {
            acker: delivery.acker,
            line: Arc::clone(&self.line),
            dead_letters: self.dead_letters,
            _channel: channel,
            _lent: self.lent.token(),
        };
        Delivery::new(message, queue, attempt, dead_letter, receipt)
    }
}

fn attempt(taken: &Taken) -> u32 {
    wire::earlier_deliveries(&taken.delivery.properties).saturating_add(1)
}

#[async_trait]
impl Source for RabbitSource {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        loop {
            self.finish_change().await?;
            if self.taken.is_none() {
                self.take().await?;
                continue;
            }
            self.adjust();
            if self.change.is_some() {
                continue;
            }
            if !self.intake.as_ref().is_some_and(Intake::is_wide) {
                self.lent.wait().await;
            }
            if let Some(taken) = self.taken.take() {
                return Ok(self.lend(taken));
            }
        }
    }
}

impl Drop for RabbitSource {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            taken.give_back();
        }
        if let Some(change) = self.change.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            // To its end, or what a consumer holds would come back only with the last receipt.
            self.lifecycle.spawn("hand-back", async move {
                drop(change.await);
            });
        }
    }
}
