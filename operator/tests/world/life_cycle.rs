//! From the first apply to the end of a platform, and what may come in between.

mod attached;
mod conflict;
mod deletion;
mod mended;
mod resting;
mod trouble;

pub(crate) use mended::without_revisions;
