//! The invariant checker: reads the stores of a shop, also while the shop runs or after it was killed, and says what does not
//! hold. The numbers are those of `docs/reliability.md`.
//!
//! A loader for each engine makes a [`Snapshot`] of the stores, and the rules are computed from that, whatever the engine is.
//! Stores are read one after the other, so a shop that is at work looks wrong at any moment. The checker waits until the shop
//! is at rest, and believes a violation only if it stays.

mod folder;
mod load;
mod mailbox;
mod rules;
mod snapshot;
mod stores;
mod tap;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

pub use self::folder::Folder;
pub use self::snapshot::{
    About, AboutOrder, Contact, Delivery, Kept, Key, Lines, Mails, Messages, Notification,
    Notifications, Offer, Order, Orders, Queues, Reservation, Shelf, Snapshot, Stock, Tapped, Told,
    Users, Waiting,
};
pub use self::stores::{StoreUrls, Stores};
pub use self::tap::Tap;

/// How long a shop may take to come to rest: messages that could not be handled at once wait up to a minute, and a mail that a
/// process died with up to two, or longer where no processor is free.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until nothing in the shop of a data folder moves any more (I3), then checks that all invariants hold. The error lists
/// what does not, with the ids it is about.
pub async fn quiescent(data: &Path) -> Result<()> {
    Folder::at(data).quiescent().await?;
    Ok(())
}

/// What one look at the stores finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What still moves: events on their way, orders and mails that wait for somebody.
    pub moving: Vec<String>,
    /// What does not hold. Only to be believed at rest: the stores are read one after the other.
    pub wrong: Vec<String>,
}

impl Snapshot {
    /// What moves and what does not hold.
    #[must_use]
    pub fn look(&self) -> Look {
        Look {
            moving: rules::rest::unrest(self),
            wrong: rules::violations(self),
        }
    }

    /// What does not hold and must hold at every moment, also while the shop is at work: what one store says by itself (I1, I2,
    /// I8, and I7 within one store).
    #[must_use]
    pub fn wrong_at_any_moment(&self) -> Vec<String> {
        rules::at_every_moment(self)
    }
}

/// Looks once at a data folder, without waiting.
pub fn look(data: &Path) -> Result<Look> {
    Ok(load::folder(data)?.look())
}

/// Looks at a data folder: everything that the rules see.
pub fn snapshot(data: &Path) -> Result<Snapshot> {
    load::folder(data)
}

/// Whether the order service's projection of the catalog has the sku, so that it can be ordered.
pub fn catalog_knows(data: &Path, sku: &str) -> Result<bool> {
    let order = load::folder(data)?.order.unwrap_or_default();
    Ok(order.catalog.values().any(|offer| offer.sku == sku))
}

/// Looks until all is at rest and right; returns that snapshot. What is wrong at rest fails if it is still so in a second look,
/// and `settling` after the first.
async fn rest(
    patience: Duration,
    settling: Duration,
    load: impl AsyncFn() -> Result<Snapshot>,
) -> Result<Snapshot> {
    let begun = Instant::now();
    let mut seen: Option<(Look, Instant)> = None;
    loop {
        let started = Instant::now();
        let look = match load().await {
            Ok(snapshot) => {
                let look = snapshot.look();
                if look == Look::default() {
                    return Ok(snapshot);
                }
                look
            }
            // A server that is just being started again.
            Err(error) => Look {
                moving: vec![format!("a store cannot be read: {error:#}")],
                wrong: Vec::new(),
            },
        };
        let since = match seen {
            Some((before, since)) if before == look => since,
            _ => started,
        };
        let at_rest = look.moving.is_empty();
        if at_rest && since != started && since.elapsed() >= settling {
            bail!("the shop is at rest and wrong:\n{}", look.wrong.join("\n"));
        }
        if begun.elapsed() >= patience {
            let found = [look.moving, look.wrong].concat().join("\n");
            bail!("the shop did not come to rest within {patience:?} (I3):\n{found}");
        }
        seen = Some((look, since));
        // Looking must not be most of what the machine does.
        tokio::time::sleep(PAUSE.max(started.elapsed())).await;
    }
}
