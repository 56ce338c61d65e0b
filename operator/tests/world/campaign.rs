//! What takes long: every write interrupted, every field changed. `make test` does a part of it, drawn anew each time (`SEED` draws
//! it again), `make operator-campaign` all.

mod crashes;
mod operations;
