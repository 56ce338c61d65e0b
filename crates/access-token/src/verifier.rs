//! Verification, with a cache of what was verified.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use contracts::{Clock, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use quick_cache::sync::Cache;
use service_kit::error_chain;
use service_kit::http::Problem;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::caller::Caller;
use crate::claims::{Claims, TOKEN_TYPE};
use crate::keys::{KeySet, KeySource};
use crate::settings::VerifierSettings;
use crate::signing::SigningKeys;

/// Verified tokens kept: about 200 bytes each.
const CACHE: usize = 10_000;
/// The longest token that is looked at.
const LONGEST: usize = 4_096;
/// How often an unknown key id may make us read the key set again.
const REREAD: Duration = Duration::from_mins(1);
/// How soon we try again what failed, or was broken off with the request that wanted it: otherwise a stranger who makes up a
/// key id and hangs up, once a minute, would keep us from ever seeing a new key.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Why a verifier cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the client for the key set cannot be made")]
pub struct VerifierSettingsError(#[from] reqwest::Error);

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is none.
    #[error("no access token was sent")]
    Missing,
    /// It was valid.
    #[error("the access token has expired")]
    Expired,
    /// It never was, or its key is gone.
    #[error("the access token is not valid")]
    Invalid,
    /// Nobody can tell yet: no key set was had since the start.
    #[error("the keys that verify access tokens are not known yet")]
    KeysUnavailable,
}

impl From<VerifyError> for Problem {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Missing => Self::unauthorized(
                "token_missing",
                None,
                "Sign in and send Authorization: Bearer <access token>.",
            ),
            VerifyError::Expired => Self::unauthorized(
                "token_expired",
                Some("invalid_token"),
                "Get a new access token with your refresh token.",
            ),
            VerifyError::Invalid => Self::unauthorized(
                "token_invalid",
                Some("invalid_token"),
                "The access token is not valid here.",
            ),
            VerifyError::KeysUnavailable => Self::unavailable(
                "keys_unavailable",
                "Access tokens cannot be verified yet",
                TRY_AGAIN,
            ),
        }
    }
}

/// Verifies access tokens. Clones share keys and cache.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    settings: VerifierSettings,
    validation: Validation,
    source: KeySource,
    keys: RwLock<Option<Arc<KeySet>>>,
    /// When the key set was asked for last; locked while it is being read, so that one reads and the others wait.
    last_read: Mutex<Option<Read>>,
    verified: Cache<[u8; 32], Arc<Caller>>,
    clock: Arc<dyn Clock>,
}

/// One look at the key set.
#[derive(Clone, Copy)]
struct Read {
    at: Timestamp,
    /// Whether it came to its end and gave keys.
    done: bool,
}

impl Verifier {
    /// A verifier that reads its keys when the first token comes.
    pub fn from_settings(
        settings: &VerifierSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, VerifierSettingsError> {
        let source = KeySource::new(&settings.jwks)?;
        Ok(Self::new(settings, source, clock))
    }

    /// The verifier of the service that signs: it knows its own keys, and asks nobody for them.
    #[must_use]
    pub fn of_signer(
        settings: &VerifierSettings,
        keys: &SigningKeys,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::new(settings, KeySource::Own(keys.jwks()), clock)
    }

    fn new(settings: &VerifierSettings, source: KeySource, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[&settings.audience]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // Expiry is checked against our clock, here and at every hit of the cache.
        validation.validate_exp = false;
        Self(Arc::new(Inner {
            settings: settings.clone(),
            validation,
            source,
            keys: RwLock::default(),
            last_read: Mutex::default(),
            verified: Cache::new(CACHE),
            clock,
        }))
    }

    /// Whether a key set is known.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys().is_some()
    }

    /// Who calls with this token.
    pub async fn verify(&self, token: &str) -> Result<Arc<Caller>, VerifyError> {
        if token.len() > LONGEST {
            return Err(VerifyError::Invalid);
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(caller) = self.0.verified.get(&digest) {
            return self.unless_expired(caller);
        }
        let key_id = key_id(token)?;
        let key = if let Some(key) = self.key(&key_id) {
            key
        } else {
            self.read_keys().await?;
            self.key(&key_id).ok_or(VerifyError::Invalid)?
        };
        let claims = decode::<Claims>(token, &key, &self.0.validation)
            .map_err(|_| VerifyError::Invalid)?
            .claims;
        let caller = self.unless_expired(Arc::new(Caller {
            user_id: claims.sub,
            session_id: claims.sid,
            roles: claims.roles.into(),
            expires_at: Timestamp::from_unix_millis(claims.exp.saturating_mul(1000)),
        }))?;
        self.0.verified.insert(digest, Arc::clone(&caller));
        Ok(caller)
    }

    /// Whose tokens are accepted.
    #[must_use]
    pub fn settings(&self) -> &VerifierSettings {
        &self.0.settings
    }

    fn unless_expired(&self, caller: Arc<Caller>) -> Result<Arc<Caller>, VerifyError> {
        if caller.expires_at > self.0.clock.now() {
            Ok(caller)
        } else {
            Err(VerifyError::Expired)
        }
    }

    fn keys(&self) -> Option<Arc<KeySet>> {
        self.0
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn key(&self, id: &str) -> Option<DecodingKey> {
        self.keys()?.get(id).cloned()
    }

    /// Reads the key set, unless that was tried a moment ago. What is known stays when it cannot be read.
    async fn read_keys(&self) -> Result<(), VerifyError> {
        let mut last_read = self.0.last_read.lock().await;
        let now = self.0.clock.now();
        let due = last_read.is_none_or(|last| {
            let pause = if last.done { REREAD } else { TRY_AGAIN };
            now.since(last.at) >= pause
        });
        if due {
            let read = last_read.insert(Read {
                at: now,
                done: false,
            });
            match self.0.source.read().await {
                Ok(keys) => {
                    read.done = true;
                    *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) =
                        Some(Arc::new(keys));
                }
                Err(error) => {
                    tracing::warn!(error = error_chain(&error), "the key set cannot be read");
                }
            }
        }
        if self.has_keys() {
            Ok(())
        } else {
            Err(VerifyError::KeysUnavailable)
        }
    }
}

/// The key id of a token of the one algorithm and the one type we accept. `jku`, `jwk` and `x5u` are not looked at.
fn key_id(token: &str) -> Result<String, VerifyError> {
    let header = decode_header(token).map_err(|_| VerifyError::Invalid)?;
    let ours = header.alg == Algorithm::EdDSA
        && header
            .typ
            .is_some_and(|typ| typ.eq_ignore_ascii_case(TOKEN_TYPE));
    match header.kid {
        Some(id) if ours => Ok(id),
        _ => Err(VerifyError::Invalid),
    }
}
