//! Migrations: they only expand, and each says the oldest program that can still work with the result.
//!
//! So while a new version is rolled out, old replicas go on working on the migrated store, and a version that was rolled
//! back starts again.

use crate::error::OpenError;

/// One step of a schema; `Work` is what the engine carries out.
#[derive(Clone, Copy, Debug)]
pub struct Migration<Work> {
    /// Its place in the order, from 1 without gaps.
    pub version: u32,
    /// What it does, for people.
    pub name: &'static str,
    /// What is carried out.
    pub work: Work,
    /// The oldest schema version a program must know to work on a store that has this step.
    pub min_binary: u32,
}

/// The schema of one service's store.
#[derive(Clone, Copy, Debug)]
pub struct Schema<Work: 'static> {
    /// The service.
    pub service: &'static str,
    /// All steps, in order.
    pub migrations: &'static [Migration<Work>],
}

/// What has been applied to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The newest step; 0 if there is none.
    pub version: u32,
    /// The newest program version that any step asked for.
    pub min_binary: u32,
}

impl<Work> Schema<Work> {
    /// The newest version this program knows.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.migrations.last().map_or(0, |step| step.version)
    }

    /// What a store has once all steps were applied.
    #[must_use]
    pub fn applied(&self) -> Applied {
        let steps = self.migrations.iter();
        Applied {
            version: self.version(),
            min_binary: steps.map(|step| step.min_binary).max().unwrap_or(0),
        }
    }

    /// The steps that a store lacks.
    pub fn missing(&self, applied: Applied) -> impl Iterator<Item = &'static Migration<Work>> {
        let steps = self.migrations.iter();
        steps.filter(move |step| step.version > applied.version)
    }

    /// Refuses a store that needs a newer program.
    pub fn check_not_too_new(&self, applied: Applied, place: &str) -> Result<(), OpenError> {
        if applied.min_binary <= self.version() {
            return Ok(());
        }
        Err(OpenError::TooNew {
            place: place.to_owned(),
            needed: applied.min_binary,
            known: self.version(),
        })
    }

    /// Refuses a store that needs a newer program, and one that lacks steps.
    pub fn check(&self, applied: Applied, place: &str) -> Result<(), OpenError> {
        self.check_not_too_new(applied, place)?;
        if applied.version >= self.version() {
            return Ok(());
        }
        Err(OpenError::NotMigrated {
            place: place.to_owned(),
            found: applied.version,
            needed: self.version(),
            service: self.service,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn step(version: u32, min_binary: u32) -> Migration<()> {
        Migration {
            version,
            name: "step",
            work: (),
            min_binary,
        }
    }

    static SCHEMA: Schema<()> = Schema {
        service: "order",
        migrations: &[step(1, 1), step(2, 1)],
    };

    fn applied(version: u32, min_binary: u32) -> Applied {
        Applied {
            version,
            min_binary,
        }
    }

    #[test]
    fn a_store_that_lacks_steps_says_what_to_run() {
        let error = SCHEMA.check(applied(1, 1), "db/order").unwrap_err();
        assert!(error.may_pass());
        assert_eq!(
            error.to_string(),
            "the store at db/order has schema version 1, this program needs 2; run `order migrate`"
        );
    }

    #[test]
    fn a_newer_store_is_used_if_it_says_that_this_program_may() {
        assert!(SCHEMA.check(applied(9, 2), "db/order").is_ok());
    }

    #[test]
    fn a_store_that_needs_a_newer_program_is_refused_for_good() {
        let error = SCHEMA.check(applied(9, 3), "db/order").unwrap_err();
        assert!(!error.may_pass());
        assert_eq!(
            error.to_string(),
            "the store at db/order needs a program that knows schema version 3, this one knows 2; start a newer version"
        );
    }
}
