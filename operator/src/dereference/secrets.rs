//! What Secrets of people hold: their keys and a hash, never their contents. Read once for each change that the watch tells of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Namespace and name of a Secret.
pub type SecretKey = (String, String);

/// What was read. Watches tell what of it is old: [`Secrets::changed`], [`Secrets::gone`], [`Secrets::only`].
#[derive(Debug, Default)]
pub struct Secrets {
    entries: Mutex<HashMap<SecretKey, Entry>>,
    tickets: AtomicU64,
}

#[derive(Debug)]
enum Entry {
    /// Noted before the API server is asked: a watch that tells of a change meanwhile removes it, and then the answer, which may
    /// be of before the change, is not kept.
    Asked {
        ticket: u64,
    },
    Read(Read),
    /// It is not there.
    Missing,
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
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        {
            let mut entries = self.lock();
            match entries.get(&key) {
                Some(Entry::Read(read)) => return Ok(Some(read.content.clone())),
                Some(Entry::Missing) => return Ok(None),
                Some(Entry::Asked { .. }) | None => {
                    entries.insert(key.clone(), Entry::Asked { ticket });
                }
            }
        }
        let secret = Api::<Secret>::namespaced(client.clone(), namespace)
            .get_opt(name)
            .await?;
        let read = secret.map(|secret| Read {
            resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
            content: SecretContent::of(&secret.data.unwrap_or_default()),
        });
        let content = read.as_ref().map(|read| read.content.clone());
        let mut entries = self.lock();
        if let Some(Entry::Asked { ticket: last }) = entries.get(&key)
            && *last == ticket
        {
            entries.insert(key, read.map_or(Entry::Missing, Entry::Read));
        }
        Ok(content)
    }

    /// Whether it was asked for: only those matter.
    pub fn knows(&self, metadata: &ObjectMeta) -> bool {
        self.lock().contains_key(&key_of(metadata))
    }

    /// A watch tells of a Secret: true if it was asked for, and is another now.
    pub fn changed(&self, metadata: &ObjectMeta) -> bool {
        let key = key_of(metadata);
        let mut entries = self.lock();
        let is_as_read = match entries.get(&key) {
            None => return false,
            Some(Entry::Asked { .. } | Entry::Missing) => false,
            Some(Entry::Read(known)) => {
                metadata.resource_version.as_ref() == Some(&known.resource_version)
            }
        };
        if !is_as_read {
            entries.remove(&key);
        }
        !is_as_read
    }

    /// A Secret is gone.
    pub fn gone(&self, metadata: &ObjectMeta) {
        self.lock().remove(&key_of(metadata));
    }

    /// The watch began anew and found these: others that were there are gone. Returns them.
    pub fn only(&self, found: &HashSet<SecretKey>) -> Vec<SecretKey> {
        let mut gone = Vec::new();
        self.lock().retain(|key, entry| {
            let is_kept = matches!(entry, Entry::Missing) || found.contains(key);
            if !is_kept {
                gone.push(key.clone());
            }
            is_kept
        });
        gone
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SecretKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Namespace and name.
#[must_use]
pub fn key_of(metadata: &ObjectMeta) -> SecretKey {
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests;
