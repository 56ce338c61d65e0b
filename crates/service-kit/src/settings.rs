//! Settings: defaults in the types, then a YAML file, then the environment; typed, and unknown keys are refused.
//!
//! A settings struct derives `Deserialize` with `#[serde(default, deny_unknown_fields)]` and has a `Default`.
//! `SHOP__SECTION__KEY` sets `section.key`; `STORE_URL` and `BROKER_URL` set `store.url` and `broker.url`;
//! `SHOP__SECTION__KEY_FILE` (and `STORE_URL_FILE`, `BROKER_URL_FILE`) reads `section.key` from a file, for secrets.

mod back_end;
mod bounds;
mod layers;
mod secret;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::back_end::{BackEndSettings, PoolSettings, StoreSettings, TlsSettings};
pub use self::bounds::within;
pub use self::secret::Secret;

/// What is shown instead of a secret.
const REDACTED: &str = "<redacted>";

/// Why settings were refused. Each names the key and where it was set.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML, or not a mapping.
    #[error("{} is not a YAML mapping", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_yaml::Error,
    },
    /// A key is unknown.
    #[error("unknown setting `{key}` ({origin}); known here: {known}")]
    Unknown {
        /// Its path.
        key: String,
        /// Where it was set.
        origin: String,
        /// The keys that exist beside it.
        known: String,
    },
    /// A value does not fit its key.
    #[error("setting `{key}` ({origin}): {message}")]
    Invalid {
        /// Its path.
        key: String,
        /// Where it was set.
        origin: String,
        /// What would fit.
        message: String,
    },
    /// A file named by a `…_FILE` variable cannot be read.
    #[error("{variable} names {}, which cannot be read", path.display())]
    SecretFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Reads the settings of this process.
pub fn load<T>(file: Option<&Path>) -> Result<T, SettingsError>
where
    T: Default + Serialize + DeserializeOwned,
{
    load_from(file, std::env::vars())
}

/// Reads settings from a file and the given variables.
pub fn load_from<T>(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, SettingsError>
where
    T: Default + Serialize + DeserializeOwned,
{
    layers::Layers::new(file, variables)?.extract()
}

/// The settings in force as YAML, for `--check-config`; secrets, and passwords in URLs, show as `<redacted>`.
pub fn redacted_yaml<T: Serialize>(settings: &T) -> Result<String, serde_yaml::Error> {
    let mut value = serde_yaml::to_value(settings)?;
    redact(&mut value);
    serde_yaml::to_string(&value)
}

fn redact(value: &mut serde_yaml::Value) {
    match value {
        serde_yaml::Value::String(text) => *text = redacted_url(text),
        serde_yaml::Value::Sequence(items) => items.iter_mut().for_each(redact),
        serde_yaml::Value::Mapping(entries) => entries.values_mut().for_each(redact),
        _ => {}
    }
}

/// A URL without the password of its user part; any other text as it is.
#[must_use]
pub fn redacted_url(text: &str) -> String {
    let redacted = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = rest.get(..end)?.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        let tail = rest.get(end..)?;
        Some(format!("{scheme}://{name}:{REDACTED}@{host}{tail}"))
    };
    redacted().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
