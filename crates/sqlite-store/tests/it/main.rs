//! The embedded store on real files: commands, group commit, crashes, full disks, damaged files.
#![expect(
    clippy::disallowed_methods,
    reason = "a test's own tasks end with its runtime; there is no lifecycle to track them"
)]

#[cfg(test)]
mod commands;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod failing_commits;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod reading;
