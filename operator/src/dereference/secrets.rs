//! What Secrets of people hold: their keys and a hash, never their contents. Read once for each change that the watch tells of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use sha2::{Digest, Sha256};

use crate::child::short_hex;
use crate::platform::{Address, AddressError};

/// What a Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretContent {
    /// Its keys.
    pub keys: BTreeSet<String>,
    /// Where its values lead, read as URIs: validation asks for those of some keys.
    pub addresses: BTreeMap<String, Result<Address, AddressError>>,
    /// A hash of all that is in it.
    pub hash: String,
}

impl SecretContent {
    /// What the data of a Secret tells.
    #[must_use]
    pub fn of(data: &BTreeMap<String, ByteString>) -> Self {
        let mut digest = Sha256::new();
        for (key, value) in data {
            for part in [key.as_bytes(), &value.0] {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part);
            }
        }
        Self {
            keys: data.keys().cloned().collect(),
            addresses: data
                .iter()
                .map(|(key, value)| (key.clone(), address(value)))
                .collect(),
            hash: short_hex(&digest.finalize()),
        }
    }
}

fn address(value: &ByteString) -> Result<Address, AddressError> {
    let text = std::str::from_utf8(&value.0).map_err(|_| AddressError::NoScheme)?;
    Address::of_uri(text)
}

/// What was read, by namespace and name; nothing for a Secret that is not there.
#[derive(Debug, Default)]
pub struct Secrets {
    read: Mutex<HashMap<(String, String), Option<Read>>>,
}

#[derive(Clone, Debug)]
struct Read {
    resource_version: String,
    content: SecretContent,
}

impl Secrets {
    /// What a Secret holds; nothing if there is none.
    pub async fn get(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<SecretContent>, kube::Error> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(known) = self.lock().get(&key).cloned() {
            return Ok(known.map(|read| read.content));
        }
        let secret = Api::<Secret>::namespaced(client.clone(), namespace)
            .get_opt(name)
            .await?;
        let read = secret.map(|secret| Read {
            resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
            content: SecretContent::of(&secret.data.unwrap_or_default()),
        });
        self.lock().insert(key, read.clone());
        Ok(read.map(|read| read.content))
    }

    /// A watch tells of a Secret: true if it is one that was read, and is another now.
    pub fn changed(&self, metadata: &ObjectMeta) -> bool {
        let key = key_of(metadata);
        let mut read = self.lock();
        let is_as_read = match read.get(&key) {
            None => return false,
            Some(None) => false,
            Some(Some(known)) => {
                metadata.resource_version.as_ref() == Some(&known.resource_version)
            }
        };
        if !is_as_read {
            read.remove(&key);
        }
        !is_as_read
    }

    /// A Secret is gone.
    pub fn gone(&self, metadata: &ObjectMeta) {
        self.lock().remove(&key_of(metadata));
    }

    /// The watch began anew: everything is read again when it is asked for.
    pub fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Option<Read>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(metadata: &ObjectMeta) -> (String, String) {
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}
