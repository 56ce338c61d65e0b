//! Variables, and files that some of them name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector, Volume, VolumeMount};
use serde_json::{Value, json};

use crate::build::pod::secret_files;
use crate::resource::{self, SecretKeyRef};

/// The folder of the files.
const FOLDER: &str = "/etc/shop/secrets";
/// The volume of the files.
const VOLUME: &str = "secrets";
/// The environment of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::build) struct Environment {
    settings: BTreeMap<String, String>,
    variables: Vec<EnvVar>,
    files: BTreeMap<String, File>,
}

/// A file whose path a variable says.
#[derive(Clone, Debug, PartialEq)]
struct File {
    name: String,
    secret: SecretKeyRef,
}

impl Environment {
    /// A setting, which is nobody's secret.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    /// A setting that says the path of a file in which there is what a Secret has.
    pub(super) fn set_file(&mut self, variable: &str, name: &str, secret: SecretKeyRef) {
        self.set(variable, format!("{FOLDER}/{name}"));
        self.add_file(variable, name, secret);
    }

    /// A variable that others below may refer to as `$(NAME)`, and that may refer to those above.
    pub(super) fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push(EnvVar {
            name: name.to_owned(),
            value: Some(value.into()),
            value_from: None,
        });
    }

    /// A variable that says the path of a file in which there is what a Secret has.
    pub(super) fn variable_file(&mut self, variable: &str, name: &str, secret: SecretKeyRef) {
        self.variable(variable, format!("{FOLDER}/{name}"));
        self.add_file(variable, name, secret);
    }

    /// A variable whose value is in a Secret.
    pub(super) fn variable_of(&mut self, name: &str, secret: SecretKeyRef) {
        self.variables.push(EnvVar {
            name: name.to_owned(),
            value: None,
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: secret.name,
                    key: secret.key,
                    optional: None,
                }),
                ..EnvVarSource::default()
            }),
        });
    }

    fn add_file(&mut self, variable: &str, name: &str, secret: SecretKeyRef) {
        let name = name.to_owned();
        let file = File { name, secret };
        self.files.insert(variable.to_owned(), file);
    }

    /// People's variables: they take the place of ours of the same name, also of the one that names a file for the same
    /// setting, or does not.
    pub(super) fn override_with(&mut self, own: &[resource::EnvVar]) {
        for variable in own {
            let name = variable.name.as_str();
            self.remove(name);
            match name.strip_suffix("_FILE") {
                Some(plain) => self.remove(plain),
                None => self.remove(&format!("{name}_FILE")),
            }
            match &variable.secret_key_ref {
                Some(secret) => self.variable_of(name, secret.clone()),
                None => self.variable(name, variable.value.as_deref().unwrap_or_default()),
            }
        }
    }

    fn remove(&mut self, name: &str) {
        self.settings.remove(name);
        self.files.remove(name);
        self.variables.retain(|variable| variable.name != name);
    }

    /// What goes into a ConfigMap.
    pub(in crate::build) fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// What a container has besides its ConfigMap.
    pub(in crate::build) fn variables(&self) -> Vec<EnvVar> {
        self.variables.clone()
    }

    /// Everything, for a container without a ConfigMap.
    pub(in crate::build) fn all_variables(&self) -> Vec<EnvVar> {
        let settings = self.settings.iter().map(|(name, value)| EnvVar {
            name: name.clone(),
            // Kubernetes would put other variables in place of `$(NAME)`; in a ConfigMap it does not.
            value: Some(value.replace("$(", "$$(")),
            value_from: None,
        });
        settings.chain(self.variables()).collect()
    }

    /// The volume with the files, if there are any.
    pub(in crate::build) fn volume(&self) -> Option<Volume> {
        let files: BTreeMap<_, _> = self
            .files
            .values()
            .map(|file| (file.name.clone(), file.secret.clone()))
            .collect();
        (!files.is_empty()).then(|| secret_files(VOLUME, &files))
    }

    /// Where that volume is mounted.
    pub(in crate::build) fn mount(&self) -> Option<VolumeMount> {
        (!self.files.is_empty()).then(|| VolumeMount {
            name: VOLUME.to_owned(),
            mount_path: FOLDER.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        })
    }

    pub(super) fn as_json(&self) -> Value {
        let files = self.files.values();
        let files = files.map(|file| (&file.name, &file.secret.name, &file.secret.key));
        json!({
            "settings": self.settings,
            "variables": self.variables,
            "files": files.collect::<Vec<_>>(),
        })
    }
}
