//! What takes long: every write interrupted, every field changed. `make test` does a part of it, drawn anew each time (`SEED` draws
//! it again), `make operator-campaign` all.

mod crashes;
mod operations;

use std::time::Duration;

/// For how long at most something may still differ from how it is to end, where other tests have the processors.
const LATE: Duration = Duration::from_mins(1);
