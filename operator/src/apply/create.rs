//! The first write of a child: never over an object that is not ours.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{ListParams, PostParams};
use kube::core::PartialObjectMeta;
use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Drawn, Kind};
use crate::names::{FIELD_MANAGER, PLATFORM_LABEL};

/// What there is of children that were not known.
#[derive(Default)]
pub(super) struct Found {
    /// Those whose names are taken by objects that are not ours, or that cannot be looked for.
    pub(super) foreign: BTreeMap<ChildKey, Failure>,
    /// Those that are there and ours.
    pub(super) ours: BTreeSet<ChildKey>,
}

impl Pass<'_> {
    /// Looks which of the unknown children's names are taken. One list a kind, of metadata.
    pub(super) async fn look_for(&self, unknown: &[&Child]) -> Found {
        let mut found = Found::default();
        let kinds: BTreeSet<Kind> = unknown.iter().map(|child| child.key.kind).collect();
        for kind in kinds {
            let names: BTreeSet<&str> = unknown
                .iter()
                .filter(|child| child.key.kind == kind)
                .map(|child| child.key.name.as_str())
                .collect();
            let mut page = ListParams::default().limit(500);
            loop {
                match self.api(kind).list_metadata(&page).await {
                    Ok(list) => {
                        for object in &list.items {
                            let name = object.metadata.name.as_deref().unwrap_or_default();
                            if !names.contains(name) {
                                continue;
                            }
                            let key = ChildKey {
                                kind,
                                name: name.to_owned(),
                            };
                            match self.foreign_owner(object) {
                                Some(owner) => {
                                    found.foreign.insert(key, Failure::Conflict { owner });
                                }
                                None => drop(found.ours.insert(key)),
                            }
                        }
                        match list.metadata.continue_.filter(|token| !token.is_empty()) {
                            Some(rest) => page = page.continue_token(&rest),
                            None => break,
                        }
                    }
                    Err(error) => {
                        let failure = Failure::of(error);
                        for name in &names {
                            let key = ChildKey {
                                kind,
                                name: (*name).to_owned(),
                            };
                            found.foreign.insert(key, failure.clone());
                        }
                        break;
                    }
                }
            }
        }
        found
    }

    /// Whose an object is, if it is not ours: without an owner it is ours if it carries our label.
    fn foreign_owner(
        &self,
        object: &PartialObjectMeta<kube::core::DynamicObject>,
    ) -> Option<String> {
        let owners = object
            .metadata
            .owner_references
            .as_deref()
            .unwrap_or_default();
        if owners.iter().any(|owner| owner.uid == self.owner.uid) {
            return None;
        }
        if let Some(owner) = owners.first() {
            return Some(format!("{} {}", owner.kind, owner.name));
        }
        let label = object
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(PLATFORM_LABEL));
        match label {
            Some(platform) if *platform == self.owner.name => None,
            Some(platform) => Some(format!("the platform {platform}")),
            None => Some("somebody else: it does not carry our labels".to_owned()),
        }
    }

    /// Creates a Secret with what is drawn for it. One that another operator created in the meantime is left as it is.
    pub(super) async fn create(
        &mut self,
        child: &Child,
        drawn: &[(String, Drawn)],
        outcome: &mut Outcome,
    ) {
        let mut object = child.object.clone();
        let mut content = serde_json::Map::new();
        for (key, what) in drawn {
            match draw(*what) {
                Ok(value) => content.insert(key.clone(), Value::String(value)),
                Err(failure) => return outcome.failures.push((child.key.clone(), failure)),
            };
        }
        if let Some(data) = object.as_object_mut() {
            match data.get_mut("stringData").and_then(Value::as_object_mut) {
                Some(existing) => existing.extend(content),
                None => {
                    data.insert("stringData".to_owned(), json!(content));
                }
            }
        }
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let created = match serde_json::from_value(object) {
            Ok(object) => self.api(child.key.kind).create(&parameters, &object).await,
            Err(error) => Err(kube::Error::SerdeError(error)),
        };
        match created {
            Ok(object) => {
                outcome.writes += 1;
                self.cluster.answered(child.key.kind, &object);
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => outcome
                .failures
                .push((child.key.clone(), Failure::of(error))),
        }
    }
}

fn draw(what: Drawn) -> Result<String, Failure> {
    match what {
        Drawn::Password => Ok(Alphanumeric.sample_string(&mut rand::rng(), 32)),
        Drawn::MongoDbKeyFile => Ok(Alphanumeric.sample_string(&mut rand::rng(), 756)),
        Drawn::SigningKey => access_token::SigningKeys::generate_pem()
            .map_err(|error| Failure::Unavailable(error.to_string())),
    }
}
