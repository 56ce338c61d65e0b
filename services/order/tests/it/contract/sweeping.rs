//! The sweeper meets a row that this version cannot read.

use std::sync::Arc;
use std::time::Duration;

use contracts::ManualClock;
use contracts::events::order::OrderStatus;
use messaging::Poke;
use order::sweeper::Sweeper;
use order::waiting::Waiting;
use service_kit::Present;

use crate::contract::Fixture;

/// Of two overdue orders the one that is overdue the longest cannot be read, once `spoil` has been at the row with its id.
pub async fn what_cannot_be_read_keeps_no_other_waiting(
    fixture: &Fixture,
    spoil: impl AsyncFnOnce(String),
) {
    let unreadable = fixture.placed(fixture.customer(), "a").await;
    fixture.clock.advance(Duration::from_secs(1));
    let other = fixture.placed(fixture.customer(), "b").await;
    spoil(unreadable.id.to_string()).await;
    fixture.clock.advance(Duration::from_hours(1));
    let sweeper = Sweeper {
        store: Arc::clone(&fixture.store),
        waiting: Waiting::default(),
        poke: Poke::new(),
        present: Present::new(Arc::new(ManualClock::at(fixture.clock_now()))),
    };
    assert_eq!(sweeper.sweep().await.unwrap(), 1);
    let status = fixture.order(other.id).await.status;
    assert_eq!(status, OrderStatus::Cancelling);
}
