//! The keys of the user service.

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use crate::claims::{Claims, TOKEN_TYPE};

/// The public keys, as `/.well-known/jwks.json` shows them (RFC 7517).
pub type Jwks = JwkSet;

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the signing key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not an Ed25519 key in PKCS#8 PEM.
    #[error("a signing key is not an Ed25519 private key in PKCS#8 PEM")]
    Format(#[source] jsonwebtoken::errors::Error),
    /// No key could be made.
    #[error("no signing key could be made")]
    Generate,
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

struct SigningKey {
    key: EncodingKey,
    secret: hmac::Key,
    jwk: Jwk,
    id: String,
}

/// The key that signs, the one that signed before, whose tokens are honoured until they end, and the one that will sign next.
pub struct SigningKeys {
    current: SigningKey,
    previous: Option<SigningKey>,
    next: Option<SigningKey>,
}

impl SigningKeys {
    /// A new private key as PEM.
    pub fn generate_pem() -> Result<String, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError::Generate)?;
        Ok(pem::encode(&pem::Pem::new(
            "PRIVATE KEY",
            document.as_ref(),
        )))
    }

    /// The keys from PEM texts.
    pub fn from_pem(current: &str, previous: Option<&str>) -> Result<Self, KeyError> {
        Ok(Self {
            current: SigningKey::from_pem(current)?,
            previous: previous.map(SigningKey::from_pem).transpose()?,
            next: None,
        })
    }

    /// With the key that will sign next, from a PEM text. It is shown already, so that whoever verifies tokens knows it before
    /// one is signed with it: key sets are read anew at most once a minute.
    pub fn and_next(self, next: &str) -> Result<Self, KeyError> {
        let next = Some(SigningKey::from_pem(next)?);
        Ok(Self { next, ..self })
    }

    /// The keys from files.
    pub fn from_files(current: &Path, previous: Option<&Path>) -> Result<Self, KeyError> {
        let previous = previous.map(read).transpose()?;
        Self::from_pem(&read(current)?, previous.as_deref())
    }

    /// With the key that will sign next, from a file: see [`SigningKeys::and_next`].
    pub fn and_next_from_file(self, next: &Path) -> Result<Self, KeyError> {
        self.and_next(&read(next)?)
    }

    /// Signs a token with the current key.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.current.id.clone());
        encode(&header, claims, &self.current.key).map_err(KeyError::Sign)
    }

    /// 256 bits that are the same for the same input, and that nobody can tell who does not have the current key
    /// (HMAC-SHA-256). Differing purposes give unrelated bits.
    #[must_use]
    pub fn derive(&self, purpose: &str, input: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.current.secret);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(input);
        let mut bits = [0; 32];
        bits.copy_from_slice(context.sign().as_ref());
        bits
    }

    /// The public keys.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        let keys = std::iter::once(&self.current)
            .chain(&self.previous)
            .chain(&self.next);
        JwkSet {
            keys: keys.map(|key| key.jwk.clone()).collect(),
        }
    }
}

fn read(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(|source| KeyError::Read {
        path: path.to_owned(),
        source,
    })
}

impl SigningKey {
    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key = EncodingKey::from_ed_pem(text.as_bytes()).map_err(KeyError::Format)?;
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(KeyError::Format)?;
        let id = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(KeyError::Format)?;
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        Ok(Self {
            key,
            secret,
            jwk,
            id,
        })
    }
}
