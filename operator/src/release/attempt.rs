//! What a pass undertakes.

use serde_json::json;

use super::Release;
use crate::child::hash_of;
use crate::dereference::Found;
use crate::names::Owner;
use crate::resource::{Refused, ShopPlatformSpec};

/// What a pass undertakes: what the spec asks for, or the last good release in place of what was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// A digest of what the spec asks for, for [`Refused::attempt`].
    pub digest: String,
    /// A digest of everything but the operator that decides what is built.
    pub given: String,
    /// What is rolled out.
    pub release: Release,
    /// What is not rolled out because it failed.
    pub refused: Option<Refused>,
    /// A release that is kept and not understood: there is no going back to it.
    pub not_understood: Option<String>,
}

/// A digest of what is rolled out if all goes well: a changed spec is tried again, and so is one whose Secrets were mended, whose
/// default version came with another operator, or whose annotation [`crate::names::TRY_AGAIN`] says so.
#[must_use]
pub fn digest_of_attempt(
    spec: &ShopPlatformSpec,
    found: &Found,
    release: &Release,
    owner: &Owner,
    again: Option<&str>,
) -> String {
    // A pause changes nothing, and what was refused is so after a sleep.
    let spec = ShopPlatformSpec {
        paused: false,
        hibernate: false,
        ..spec.clone()
    };
    hash_of(&json!([spec, secrets(found), release.name(owner), again]))
}

/// A digest of all that decides what is built, but for the operator.
#[must_use]
pub fn digest_of_given(
    spec: &ShopPlatformSpec,
    found: &Found,
    refused: Option<&Refused>,
) -> String {
    let apis: Vec<_> = found.apis.iter().map(ToString::to_string).collect();
    hash_of(&json!([
        spec,
        secrets(found),
        apis,
        found.credentials,
        found.lock_previous,
        refused.map(|refused| &refused.attempt),
    ]))
}

fn secrets(found: &Found) -> serde_json::Value {
    let hashes = found.secrets.iter().map(|(name, content)| {
        let hash = content.as_ref().map(|content| content.hash.as_str());
        (name.clone(), json!(hash))
    });
    serde_json::Value::Object(hashes.collect())
}
