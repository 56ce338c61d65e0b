//! The invariant checker: opens the stores of a shop's data folder, also while the shop runs or after it was killed, and
//! says what does not hold. The numbers are those of `docs/reliability.md`.
//!
//! Stores are read one after the other, so a shop that is at work looks wrong at any moment. The checker waits until the
//! shop is at rest, and believes a violation only if it is there unchanged in a second look.

mod events;
mod files;
mod notifications;
mod orders;
mod projections;
mod rest;
mod stock;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

use self::files::Files;

/// How long a shop may take to come to rest: messages that could not be handled at once wait up to a minute.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until nothing in the shop moves any more (I3), then checks that all invariants hold. The error lists what does not,
/// with the ids it is about.
pub async fn quiescent(data: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Look::default();
    loop {
        let look = look(data)?;
        let at_rest = look.moving.is_empty();
        if look == Look::default() {
            return Ok(());
        }
        if at_rest && look == seen {
            bail!("the shop is at rest and wrong:\n{}", look.wrong.join("\n"));
        }
        if Instant::now() >= deadline {
            let found = [look.moving, look.wrong].concat().join("\n");
            bail!("the shop did not come to rest within {PATIENCE:?} (I3):\n{found}");
        }
        seen = look;
        tokio::time::sleep(PAUSE).await;
    }
}

/// What one look at the stores finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What still moves: events on their way, orders and mails that wait for somebody.
    pub moving: Vec<String>,
    /// What does not hold. Only to be believed at rest: the stores are read one after the other.
    pub wrong: Vec<String>,
}

/// Looks once, without waiting.
pub fn look(data: &Path) -> Result<Look> {
    let files = Files::open(data)?;
    Ok(Look {
        moving: rest::unrest(&files)?,
        wrong: violations(&files)?,
    })
}

/// Whether the order service's projection of the catalog has the sku, so that it can be ordered.
pub fn catalog_knows(data: &Path, sku: &str) -> Result<bool> {
    projections::knows(&Files::open(data)?, sku)
}

fn violations(files: &Files) -> Result<Vec<String>> {
    let mut found = Vec::new();
    found.extend(stock::violations(files)?);
    found.extend(orders::violations(files)?);
    found.extend(events::violations(files)?);
    found.extend(notifications::violations(files)?);
    found.extend(projections::violations(files)?);
    Ok(found)
}
