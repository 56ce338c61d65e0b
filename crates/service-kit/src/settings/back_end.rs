//! Where a back-end is.

use serde::{Deserialize, Serialize};

/// A store or a broker, by URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackEndSettings {
    /// The URL; its scheme names the kind of back-end. Also set by `STORE_URL` or `BROKER_URL`.
    pub url: String,
}
