//! Sign-ins, and the tokens that carry them on.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{SessionId, Timestamp};
use sha2::{Digest as _, Sha256};

/// How long after its first use a token is given the same successor again.
pub const AT_ONCE: Duration = Duration::from_secs(10);

/// A sign-in that has not ended: the family of refresh tokens that descend from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// What the client called itself, if it did.
    pub client: Option<String>,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When it was carried on last.
    pub last_used_at: Timestamp,
    /// When it ends at the latest, however often it is carried on.
    pub ends_at: Timestamp,
}

/// A secret for one use: 256 random bits, which mean nothing to anybody but the store.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The token of these random bits.
    #[must_use]
    pub fn of(bits: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bits))
    }

    /// The text that the client keeps.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

/// The SHA-256 of a refresh token. Its 256 random bits cannot be guessed, so neither salt nor slowness is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a text that is claimed to be a refresh token.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}
