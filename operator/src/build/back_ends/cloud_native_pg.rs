//! PostgreSQL by `CloudNativePG`: its `Cluster`, and the Secrets that it makes for it.
//!
//! See <https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/#clusterspec>.

use serde_json::{Map, Value, json};

use super::postgres::MAX_CONNECTIONS;
use crate::build::addresses::{POSTGRES, server};
use crate::build::pod::metadata;
use crate::child::{Child, ChildKey, Kind};
use crate::names::{Component, Owner};
use crate::platform::{CloudNativePg, Platform};

/// The Secret with the password of the super-user.
pub(in crate::build) fn superuser_secret(owner: &Owner) -> String {
    format!("{}-superuser", server(owner, POSTGRES))
}

pub(super) fn build(platform: &Platform, cluster: &CloudNativePg) -> Child {
    let kind = Kind::CloudNativePgCluster;
    let resource = kind.api_resource();
    let name = server(&platform.owner, POSTGRES);
    let about = metadata(&platform.owner, &Component::new(POSTGRES), name.clone());
    let mut annotations = Map::new();
    if platform.hibernate {
        annotations.insert("cnpg.io/hibernation".to_owned(), json!("on"));
    }
    let mut storage = json!({"size": cluster.storage.size});
    if let (Some(class), Some(storage)) = (&cluster.storage.class_name, storage.as_object_mut()) {
        storage.insert("storageClass".to_owned(), Value::from(class.as_str()));
    }
    let object = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": about.namespace,
            "labels": about.labels,
            "annotations": annotations,
        },
        "spec": {
            "instances": cluster.instances,
            "storage": storage,
            // The provision Job makes databases and users.
            "enableSuperuserAccess": true,
            "bootstrap": {"initdb": {"encoding": "UTF8", "localeCollate": "C.UTF-8", "localeCType": "C.UTF-8", "dataChecksums": true}},
            "postgresql": {"parameters": {"max_connections": MAX_CONNECTIONS}},
        },
    });
    Child::of_value(ChildKey { kind, name }, object)
}
