//! The public keys a verifier knows, and where they come from.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};

/// How long the user service may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Why a key set cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot fetch the key set")]
    Fetch(#[source] reqwest::Error),
    #[error("the key set is malformed")]
    Malformed(#[source] jsonwebtoken::errors::Error),
    #[error("the key set has no Ed25519 key with an id")]
    Empty,
}

/// Keys by id.
pub(crate) type KeySet = HashMap<String, DecodingKey>;

pub(crate) enum KeySource {
    /// The keys of this very process, which signs.
    Own(JwkSet),
    File(PathBuf),
    Url {
        client: reqwest::Client,
        url: String,
    },
}

impl KeySource {
    pub(crate) fn new(jwks: &str) -> Result<Self, reqwest::Error> {
        if jwks.starts_with("http://") || jwks.starts_with("https://") {
            let client = service_kit::client::http_client(jwks, DEADLINE)?;
            return Ok(Self::Url {
                client,
                url: jwks.to_owned(),
            });
        }
        Ok(Self::File(PathBuf::from(jwks)))
    }

    /// Reads the key set.
    pub(crate) async fn read(&self) -> Result<KeySet, KeySetError> {
        let bytes = match self {
            Self::Own(set) => return keys_of(set),
            Self::File(path) => {
                tokio::fs::read(path)
                    .await
                    .map_err(|source| KeySetError::Read {
                        path: path.clone(),
                        source,
                    })?
            }
            Self::Url { client, url } => {
                let response = client
                    .get(url)
                    .send()
                    .await
                    .and_then(reqwest::Response::error_for_status);
                let bytes = match response {
                    Ok(response) => response.bytes().await,
                    Err(error) => Err(error),
                };
                bytes.map_err(KeySetError::Fetch)?.to_vec()
            }
        };
        let set: JwkSet =
            serde_json::from_slice(&bytes).map_err(|error| KeySetError::Malformed(error.into()))?;
        keys_of(&set)
    }
}

/// The Ed25519 keys of a set; others are not looked at.
fn keys_of(set: &JwkSet) -> Result<KeySet, KeySetError> {
    let mut keys = KeySet::new();
    for jwk in &set.keys {
        let ed25519 = matches!(&jwk.algorithm,
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519);
        if let (true, Some(id)) = (ed25519, &jwk.common.key_id) {
            keys.insert(
                id.clone(),
                DecodingKey::from_jwk(jwk).map_err(KeySetError::Malformed)?,
            );
        }
    }
    if keys.is_empty() {
        Err(KeySetError::Empty)
    } else {
        Ok(keys)
    }
}
