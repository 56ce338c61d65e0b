//! Reads what the spec points to: never a content, only what validation asks of it.

mod apis;
mod pointers;
mod reading;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

pub use apis::Apis;
pub use pointers::{secrets_of, variables_of};
pub use reading::{Sources, dereference};
pub use secrets::{SecretContent, SecretKey, Secrets, key_of};

use crate::child::Kind;

/// What was found of all that the spec points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Each Secret that [`secrets_of`] names; nothing for one that is not there.
    pub secrets: BTreeMap<String, Option<SecretContent>>,
    /// Which of the kinds that not every cluster has are there.
    pub apis: BTreeSet<Kind>,
    /// The generation of passwords and keys that is in use, from 1.
    pub credentials: u32,
    /// Whether no pod has the generation before any more.
    pub lock_previous: bool,
    /// What people wrote last to ask for new passwords and keys.
    pub request: Option<String>,
}

impl Default for Found {
    /// A new platform in a cluster without other APIs, which points to nothing.
    fn default() -> Self {
        Self {
            secrets: BTreeMap::new(),
            apis: BTreeSet::new(),
            credentials: 1,
            lock_previous: false,
            request: None,
        }
    }
}
