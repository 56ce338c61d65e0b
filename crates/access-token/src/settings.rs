//! How a service verifies tokens.

use serde::{Deserialize, Serialize};

/// Whose tokens are accepted, and where the keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifierSettings {
    /// The `iss` of accepted tokens.
    pub issuer: String,
    /// The `aud` of accepted tokens.
    pub audience: String,
    /// The key set: an `http://` or `https://` address, or the path of a file.
    pub jwks: String,
}

impl Default for VerifierSettings {
    fn default() -> Self {
        Self {
            issuer: "https://shop.local".to_owned(),
            audience: "shop".to_owned(),
            jwks: "http://127.0.0.1:3001/.well-known/jwks.json".to_owned(),
        }
    }
}
