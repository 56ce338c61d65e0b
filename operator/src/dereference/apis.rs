//! Which of the kinds that not every cluster has are there: watches of their definitions tell.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::child::Kind;

/// Which of them are there, and watched.
#[derive(Debug, Default)]
pub struct Apis(Mutex<BTreeSet<Kind>>);

impl Apis {
    /// As of now.
    #[must_use]
    pub fn present(&self) -> BTreeSet<Kind> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes in whether a kind is there. True if that is news.
    pub fn set(&self, kind: Kind, present: bool) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if present {
            kinds.insert(kind)
        } else {
            kinds.remove(&kind)
        }
    }
}
