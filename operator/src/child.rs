//! One object that the platform consists of, as it should be.

mod kind;

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use kind::Kind;

use crate::names::{BUILT_HASH, Owner};
use crate::resource::{GROUP, VERSION};

/// Which object: its namespace is the platform's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildKey {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ChildKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// How an object is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Writing {
    /// Applied whenever it differs.
    Apply,
    /// A Secret that is created once with its whole content, and never written again: these keys are drawn at random when it
    /// is created, and added to what the object says.
    CreateOnce(Vec<(String, Drawn)>),
    /// Another pod template is applied only when all these are done; until then what is there stays. A Job has to have finished. A
    /// Deployment has to be rolled out as it is built, unless this child is new: a new platform starts all of them at once.
    After(Vec<ChildKey>),
}

/// What is drawn at random when a Secret is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// A password: 32 letters and digits, about 190 bits.
    Password,
    /// An Ed25519 private key, PKCS#8 PEM.
    SigningKey,
    /// The key that members of a MongoDB replica set know each other by: 756 characters of base64.
    MongoDbKeyFile,
}

/// One object, as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Which.
    pub key: ChildKey,
    /// How it is written.
    pub writing: Writing,
    /// Whole, with `apiVersion` and `kind`, and the hash of all that in [`BUILT_HASH`].
    pub object: Value,
    /// That hash.
    pub hash: String,
}

/// An object could not be put into JSON.
#[derive(Debug, thiserror::Error)]
#[error("{key} could not be written as JSON")]
pub struct Unwritable {
    key: ChildKey,
    #[source]
    source: serde_json::Error,
}

impl Child {
    /// The object, applied whenever it differs.
    pub fn applied<K>(kind: Kind, object: &K) -> Result<Self, Unwritable>
    where
        K: Metadata<Ty = ObjectMeta> + Serialize,
    {
        let key = ChildKey {
            kind,
            name: object.metadata().name.clone().unwrap_or_default(),
        };
        match serde_json::to_value(object) {
            Ok(value) => Ok(Self::of_value(key, value)),
            Err(source) => Err(Unwritable { key, source }),
        }
    }

    /// An object of an API that has no Rust types here.
    #[must_use]
    pub fn of_value(key: ChildKey, mut object: Value) -> Self {
        let hash = hash_of(&object);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            let annotations = metadata
                .entry("annotations")
                .or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(BUILT_HASH.to_owned(), Value::String(hash.clone()));
            }
        }
        Self {
            key,
            writing: Writing::Apply,
            object,
            hash,
        }
    }

    /// The same, deleted with its owner.
    #[must_use]
    pub fn owned_by(mut self, owner: &Owner) -> Self {
        if let Some(metadata) = self
            .object
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
        {
            let references = json!([{
                "apiVersion": format!("{GROUP}/{VERSION}"),
                "kind": "ShopPlatform",
                "name": owner.name,
                "uid": owner.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }]);
            metadata.insert("ownerReferences".to_owned(), references);
            if let Some(annotations) = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut)
            {
                annotations.remove(BUILT_HASH);
            }
        }
        Self::of_value(self.key, self.object).written(self.writing)
    }

    /// The component that it belongs to.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        let labels = self.object.pointer("/metadata/labels")?;
        labels.get("app.kubernetes.io/name")?.as_str()
    }

    /// One of its annotations.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.object
            .pointer("/metadata/annotations")?
            .get(name)?
            .as_str()
    }

    /// Whether it is to have an owner, with which it is deleted.
    #[must_use]
    pub fn has_owner(&self) -> bool {
        self.object.pointer("/metadata/ownerReferences").is_some()
    }

    /// The same, written in another way.
    #[must_use]
    pub fn written(mut self, writing: Writing) -> Self {
        self.writing = writing;
        self
    }
}

/// A short hash of some JSON: 16 hexadecimal digits of SHA-256. Objects of `serde_json` are sorted by key, so equal values
/// have equal hashes.
#[must_use]
pub fn hash_of(value: &Value) -> String {
    short_hex(&Sha256::digest(value.to_string().as_bytes()))
}

/// The first 16 hexadecimal digits of a digest.
pub(crate) fn short_hex(digest: &[u8]) -> String {
    let first = digest.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}
