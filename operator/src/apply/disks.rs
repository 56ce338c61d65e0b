//! Disks that are to grow, and cannot.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use serde_json::Value;

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Kind};
use crate::names::BUILT_HASH;
use crate::observed::State;
use crate::validate::Quantity;

const SIZE: &str = "/spec/resources/requests/storage";

impl Pass<'_> {
    /// Of the disks that are to grow, those that cannot, as they are to be written: with the size that they have. Only when growth
    /// is due is their storage class read.
    pub(super) async fn disks_that_stay(
        &self,
        children: &[Child],
        outcome: &mut Outcome,
    ) -> BTreeMap<ChildKey, Child> {
        let mut stay = BTreeMap::new();
        let mut classes: HashMap<Option<String>, Result<bool, Failure>> = HashMap::new();
        for child in children {
            let Some(disk) = self.growing(child) else {
                continue;
            };
            // It is told when it is bound, and grows then: the API server lets no other disk grow.
            if disk.bound {
                let known = match classes.get(&disk.class) {
                    Some(known) => known.clone(),
                    None => self.can_expand(disk.class.as_deref()).await,
                };
                classes.insert(disk.class.clone(), known.clone());
                let failure = match known {
                    Ok(true) => continue,
                    Ok(false) => Failure::StorageNotExpandable {
                        size: disk.size.clone(),
                        class: disk.class,
                    },
                    Err(failure) => failure,
                };
                outcome.failures.push((child.key.clone(), failure));
            }
            stay.insert(child.key.clone(), with_size(child, disk.size));
        }
        stay
    }

    /// A disk that is to be larger than what was asked for before.
    fn growing(&self, child: &Child) -> Option<Disk> {
        if child.key.kind != Kind::PersistentVolumeClaim {
            return None;
        }
        let State::Volume {
            bound,
            wanted: Some(size),
            class,
            ..
        } = &self.view.children.get(&child.key)?.state
        else {
            return None;
        };
        let larger: Quantity = child.object.pointer(SIZE)?.as_str()?.parse().ok()?;
        let is_larger = size.parse().is_ok_and(|size: Quantity| larger > size);
        is_larger.then(|| Disk {
            bound: *bound,
            size: size.to_string(),
            class: class.as_deref().map(ToOwned::to_owned),
        })
    }

    async fn can_expand(&self, class: Option<&str>) -> Result<bool, Failure> {
        let Some(class) = class else {
            return Ok(false);
        };
        let classes = Api::<StorageClass>::all(self.client.clone());
        let class = classes.get_opt(class).await.map_err(Failure::of)?;
        Ok(class.is_some_and(|class| class.allow_volume_expansion == Some(true)))
    }
}

/// What is known of a disk that is to grow.
struct Disk {
    bound: bool,
    size: String,
    class: Option<String>,
}

fn with_size(child: &Child, size: String) -> Child {
    let mut object = child.object.clone();
    if let Some(annotations) = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(BUILT_HASH);
    }
    if let Some(wanted) = object.pointer_mut(SIZE) {
        *wanted = Value::String(size);
    }
    Child::of_value(child.key.clone(), object).written(child.writing.clone())
}
