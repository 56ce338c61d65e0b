//! Those who take from a queue of the embedded broker.

use std::sync::Arc;

use async_trait::async_trait;
use sqlite_store::{Database, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::queue::Queue;
use super::rows::{self, Stored};
use crate::broker::{BrokerError, DELIVERY_LIMIT, DeadLetter, Delivery, Receipt, Source};

/// Takes from a queue.
pub(super) struct EmbeddedSource {
    db: Database,
    queue: Arc<Queue>,
    dead_letters: Arc<Queue>,
    places: Arc<Semaphore>,
}

impl EmbeddedSource {
    pub(super) fn new(
        db: Database,
        queue: Arc<Queue>,
        dead_letters: Arc<Queue>,
        prefetch: u16,
    ) -> Self {
        Self {
            db,
            queue,
            dead_letters,
            places: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        }
    }

    /// Reads the next rows from the file into the queue's memory.
    async fn read(&self) -> Result<(), StoreError> {
        self.queue
            .read(|| Box::pin(read(self.db.clone(), Arc::clone(&self.queue))))
            .await
    }
}

fn is_beyond_limit(stored: &Stored) -> bool {
    stored.deliveries > DELIVERY_LIMIT && stored.dead_letter.is_none()
}

async fn read(db: Database, queue: Arc<Queue>) -> Result<(), StoreError> {
    let Some(position) = queue.position() else {
        return Ok(());
    };
    let (name, after) = (queue.name.clone(), position.after);
    let handed_out = db
        .write(move |connection| rows::hand_out(connection, &name, after))
        .await?;
    queue.fill(&position, handed_out);
    Ok(())
}

#[async_trait]
impl Source for EmbeddedSource {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| BrokerError::Closed)?;
        loop {
            let queue = Arc::clone(&self.queue);
            // Registered before looking: what comes between the look and the wait wakes it.
            let changed = queue.changed.notified();
            match queue.take() {
                Ok(stored) if is_beyond_limit(&stored) => {
                    let lent = Lent::new(&queue, stored);
                    let why = DeadLetter::DeliveryLimit;
                    lent.bury(&self.db, &self.dead_letters, why).await?;
                }
                Ok(stored) => {
                    let (message, origin) = (stored.message.clone(), stored.origin.clone());
                    let (attempt, dead_letter) = (stored.deliveries, stored.dead_letter);
                    let receipt = EmbeddedReceipt {
                        db: self.db.clone(),
                        lent: Lent::new(&queue, stored),
                        dead_letters: Arc::clone(&self.dead_letters),
                        _place: place,
                    };
                    let delivery = Delivery::new(message, origin, attempt, dead_letter, receipt);
                    return Ok(delivery);
                }
                Err(true) => self.read().await?,
                Err(false) => changed.await,
            }
        }
    }
}

/// A row in somebody's hands. Dropped unsettled it goes back to the queue.
struct Lent {
    queue: Arc<Queue>,
    stored: Option<Stored>,
}

impl Lent {
    fn new(queue: &Arc<Queue>, stored: Stored) -> Self {
        Self {
            queue: Arc::clone(queue),
            stored: Some(stored),
        }
    }

    fn seq(&self) -> Option<i64> {
        self.stored.as_ref().map(|stored| stored.seq)
    }

    fn settle(&mut self) {
        if let Some(stored) = self.stored.take() {
            self.queue.settled(&stored);
        }
    }

    /// Moves it to the dead letters.
    async fn bury(
        mut self,
        db: &Database,
        dead_letters: &Queue,
        why: DeadLetter,
    ) -> Result<(), StoreError> {
        let Some(seq) = self.seq() else {
            return Ok(());
        };
        let name = dead_letters.name.clone();
        db.write(move |connection| rows::bury(connection, seq, &name, why))
            .await?;
        self.settle();
        dead_letters.wake();
        Ok(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(stored) = self.stored.take() {
            self.queue.give_back(stored);
        }
    }
}

/// Settles one delivery.
struct EmbeddedReceipt {
    db: Database,
    lent: Lent,
    dead_letters: Arc<Queue>,
    _place: OwnedSemaphorePermit,
}

#[async_trait]
impl Receipt for EmbeddedReceipt {
    async fn ack(mut self: Box<Self>) -> Result<bool, BrokerError> {
        let Some(seq) = self.lent.seq() else {
            return Ok(false);
        };
        let removed = self
            .db
            .write(move |connection| rows::remove(connection, seq))
            .await?;
        self.lent.settle();
        Ok(removed)
    }

    async fn dead_letter(self: Box<Self>) -> Result<(), BrokerError> {
        let Self {
            db,
            lent,
            dead_letters,
            ..
        } = *self;
        Ok(lent.bury(&db, &dead_letters, DeadLetter::GivenUp).await?)
    }
}
