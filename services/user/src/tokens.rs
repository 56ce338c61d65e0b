//! The tokens that are handed out.

use std::sync::Arc;
use std::time::Duration;

use access_token::{Claims, KeyError, SigningKeys};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::Timestamp;
use rand::TryRng as _;
use rand::rngs::{SysError, SysRng};

use crate::domain::RefreshToken;
use crate::settings::TokenSettings;
use crate::store::Identity;

/// Why a token cannot be handed out.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The operating system gives no random bits.
    #[error("there are no random bits")]
    Random(#[from] SysError),
    /// It cannot be signed.
    #[error("an access token cannot be signed")]
    Sign(#[from] KeyError),
}

/// Makes tokens. Clones share it.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    keys: SigningKeys,
    issuer: String,
    audience: String,
    settings: TokenSettings,
}

/// A signed access token.
#[derive(Clone)]
pub struct AccessToken {
    /// Its text.
    pub text: String,
    /// Seconds it lives.
    pub expires_in: i64,
}

impl Tokens {
    /// With these keys and lifetimes, for this issuer and audience.
    #[must_use]
    pub fn new(
        keys: SigningKeys,
        auth: &access_token::VerifierSettings,
        settings: TokenSettings,
    ) -> Self {
        Self(Arc::new(Inner {
            keys,
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
            settings,
        }))
    }

    /// A new refresh token.
    pub fn refresh_token(&self) -> Result<RefreshToken, TokenError> {
        let mut bits = [0; 32];
        SysRng.try_fill_bytes(&mut bits)?;
        Ok(RefreshToken::of(bits))
    }

    /// The successor of a refresh token when it is used for the first time: always the same one, so that tabs of a browser that
    /// refresh at once all get it. Nobody can tell it from the token without the signing key.
    #[must_use]
    pub fn successor_of(&self, token: &str) -> RefreshToken {
        let bits = self
            .0
            .keys
            .derive("refresh-token-successor", token.as_bytes());
        RefreshToken::of(bits)
    }

    /// How long a refresh token lives that is not used.
    #[must_use]
    pub fn idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.settings.refresh_s.get()))
    }

    /// How long a session lives that begins now.
    #[must_use]
    pub fn session(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.settings.refresh_absolute_s.get()))
    }

    /// An access token for somebody, until its own end or that of the session.
    pub fn access_token(
        &self,
        identity: Identity,
        now: Timestamp,
    ) -> Result<AccessToken, TokenError> {
        let mut id = [0; 16];
        SysRng.try_fill_bytes(&mut id)?;
        let life = Duration::from_secs(u64::from(self.0.settings.access_s.get()));
        let issued_at = now.unix_seconds();
        let ends_at = now.plus(life).min(identity.session_ends_at).unix_seconds();
        let claims = Claims {
            iss: self.0.issuer.clone(),
            aud: self.0.audience.clone(),
            sub: identity.user_id,
            sid: identity.session_id,
            jti: URL_SAFE_NO_PAD.encode(id),
            roles: identity.roles,
            iat: issued_at,
            exp: ends_at,
        };
        Ok(AccessToken {
            text: self.0.keys.sign(&claims)?,
            expires_in: ends_at - issued_at,
        })
    }
}
