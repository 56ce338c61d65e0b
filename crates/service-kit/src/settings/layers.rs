//! The file and the variables as figment layers, one a variable, so that an error can say where a value came from.

use std::path::Path;

use figment::error::{Actual, Kind};
use figment::providers::Serialized;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SettingsError;

const PREFIX: &str = "SHOP__";

pub(super) struct Layers {
    file: Option<Layer>,
    variables: Vec<Variable>,
}

#[derive(Clone)]
struct Layer {
    origin: String,
    values: Dict,
}

/// How the text of a variable is understood. Which one fits is known only when the settings are extracted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As it is written.
    Text,
    /// As a YAML value: a number, a list, a mapping.
    Yaml,
    /// As the path of a file that holds the text.
    File,
}

struct Variable {
    name: String,
    keys: Vec<String>,
    text: String,
    reading: Reading,
}

impl Layers {
    pub(super) fn new(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let variables = variables
            .into_iter()
            .filter_map(|(name, text)| {
                let keys = keys_of(&name)?;
                Some(Variable {
                    name,
                    keys,
                    text,
                    reading: Reading::Text,
                })
            })
            .collect();
        let file = file.map(read).transpose()?;
        Ok(Self { file, variables })
    }

    /// Extracts the settings. A variable whose text does not fit is read again as YAML, and one that names no known key
    /// but ends in `_FILE` as the path of a file; each at most once, so this ends.
    ///
    /// The defaults are a layer of their own: a default that belongs to a place, such as the port of one service, stays in
    /// force when a key beside it is set.
    pub(super) fn extract<T>(mut self) -> Result<T, SettingsError>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let defaults = Serialized::defaults(T::default());
        loop {
            let error = match self.figment(&defaults)?.extract::<T>() {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            if !self.reread(&error) {
                return Err(explain(&error));
            }
        }
    }

    fn figment<T: Serialize>(&self, defaults: &Serialized<T>) -> Result<Figment, SettingsError> {
        let mut figment = Figment::from(defaults);
        if let Some(file) = &self.file {
            figment = figment.merge(file.clone());
        }
        for variable in &self.variables {
            figment = figment.merge(variable.layer()?);
        }
        Ok(figment)
    }

    fn reread(&mut self, error: &figment::Error) -> bool {
        let origin = error.metadata.as_ref().map(|m| m.name.to_string());
        let Some(variable) = self
            .variables
            .iter_mut()
            .find(|variable| Some(&variable.name) == origin.as_ref())
        else {
            return self.reread_as_file(error);
        };
        match (&error.kind, variable.reading) {
            (Kind::UnknownField(..), _) => self.reread_as_file(error),
            (_, Reading::Text) => {
                variable.reading = Reading::Yaml;
                true
            }
            _ => false,
        }
    }

    fn reread_as_file(&mut self, error: &figment::Error) -> bool {
        let Kind::UnknownField(field, _) = &error.kind else {
            return false;
        };
        let Some(variable) = self.variables.iter_mut().find(|variable| {
            variable.reading != Reading::File
                && variable.keys.last() == Some(field)
                && field.ends_with("_file")
        }) else {
            return false;
        };
        variable.reading = Reading::File;
        true
    }
}

impl Variable {
    fn layer(&self) -> Result<Layer, SettingsError> {
        let mut keys = self.keys.clone();
        let value = match self.reading {
            Reading::Text => Value::from(self.text.clone()),
            Reading::Yaml => serde_yaml::from_str::<serde_yaml::Value>(&self.text)
                .ok()
                .and_then(|yaml| Value::serialize(yaml).ok())
                .unwrap_or_else(|| Value::from(self.text.clone())),
            Reading::File => {
                if let Some(stem) = keys
                    .pop()
                    .and_then(|key| key.strip_suffix("_file").map(str::to_owned))
                {
                    keys.push(stem);
                }
                let text = std::fs::read_to_string(&self.text).map_err(|source| {
                    SettingsError::SecretFile {
                        variable: self.name.clone(),
                        path: self.text.clone().into(),
                        source,
                    }
                })?;
                Value::from(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        };
        let nested = keys.into_iter().rev().fold(value, |value, key| {
            Value::Dict(Tag::Default, Dict::from([(key, value)]))
        });
        Ok(Layer {
            origin: self.name.clone(),
            values: nested.into_dict().unwrap_or_default(),
        })
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

fn keys_of(name: &str) -> Option<Vec<String>> {
    let path = match name {
        "STORE_URL" => "STORE__URL",
        "STORE_URL_FILE" => "STORE__URL_FILE",
        "BROKER_URL" => "BROKER__URL",
        "BROKER_URL_FILE" => "BROKER__URL_FILE",
        _ => name.strip_prefix(PREFIX)?,
    };
    Some(path.split("__").map(str::to_lowercase).collect())
}

fn read(path: &Path) -> Result<Layer, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let values =
        serde_yaml::from_str::<Option<Dict>>(&text).map_err(|source| SettingsError::Yaml {
            path: path.to_owned(),
            source,
        })?;
    Ok(Layer {
        origin: path.display().to_string(),
        values: values.unwrap_or_default(),
    })
}

fn explain(error: &figment::Error) -> SettingsError {
    let origin = error.metadata.as_ref().map_or_else(
        || "default".to_owned(),
        |metadata| metadata.name.to_string(),
    );
    match &error.kind {
        Kind::UnknownField(field, known) => {
            let mut path = error.path.clone();
            if path.last() != Some(field) {
                path.push(field.clone());
            }
            SettingsError::Unknown {
                key: path.join("."),
                origin,
                known: known.join(", "),
            }
        }
        kind => SettingsError::Invalid {
            key: error.path.join("."),
            origin,
            message: wording(kind),
        },
    }
}

/// What does not fit and what would, in the words of those who write settings rather than those of Rust's types.
fn wording(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            let found = match found {
                Actual::Unsigned(number) => number.to_string(),
                Actual::Signed(number) => number.to_string(),
                Actual::Str(text) => format!("{text:?}"),
                other => other.to_string(),
            };
            let expected = match expected.as_str() {
                "u8" => "a whole number from 0 to 255",
                "u16" => "a whole number from 0 to 65535",
                "u32" => "a whole number from 0 to 4294967295",
                "u64" | "usize" => "a whole number, 0 or more",
                "a nonzero u32" => "a whole number from 1 to 4294967295",
                "a nonzero u64" | "a nonzero usize" => "a whole number, 1 or more",
                "a boolean" => "true or false",
                other => other,
            };
            format!("{found} is not {expected}")
        }
        Kind::UnknownVariant(found, known) => {
            format!("{found:?} is not one of {}", known.join(", "))
        }
        kind => kind.to_string(),
    }
}
