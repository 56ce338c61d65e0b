//! What the operator may do: its account, its role in the cluster, and its role in its own namespace, as `kubectl apply` takes
//! them. It is the least that works: tests take each right away and see what does not work any more.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::child::Kind;
use crate::names::FIELD_MANAGER;
use crate::resource::GROUP;

/// The name of the account and of both roles.
pub const NAME: &str = FIELD_MANAGER;

/// The operator's namespace, if nothing else is said.
pub const NAMESPACE: &str = "shopplatform-operator";

/// What a role allows, in the words of RBAC.
fn rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    let list = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(list(&[group])),
        resources: Some(list(&[resource])),
        verbs: list(verbs),
        ..PolicyRule::default()
    }
}

/// What the operator may do in all namespaces.
#[must_use]
pub fn in_the_cluster() -> Vec<PolicyRule> {
    let mut rules = vec![
        rule(GROUP, "shopplatforms", &["list", "watch"]),
        rule(GROUP, "shopplatforms/status", &["patch"]),
        // For owner references that keep the platform until its children are gone, where the API server asks for it.
        rule(GROUP, "shopplatforms/finalizers", &["update"]),
    ];
    rules.extend(Kind::ALL.into_iter().map(children));
    rules.push(rule("", "pods", &["list", "watch"]));
    // Releases that were good.
    let releases = &["get", "list", "watch", "create", "patch", "delete"];
    rules.push(rule("apps", "controllerrevisions", releases));
    // Whether a disk may grow.
    rules.push(rule("storage.k8s.io", "storageclasses", &["get"]));
    rules.push(rule("events.k8s.io", "events", &["create", "patch"]));
    rules.push(definitions());
    rules
}

/// Children of a kind. `create` besides `patch`: an apply may make the object.
fn children(kind: Kind) -> PolicyRule {
    let verbs: &[&str] = match kind {
        // Also those that people make, for their content is asked for where a spec points to it.
        Kind::Secret => &["get", "list", "watch", "create", "patch", "delete"],
        // Data is deleted by people only.
        Kind::PersistentVolumeClaim | Kind::CloudNativePgCluster => {
            &["list", "watch", "create", "patch"]
        }
        // None is made yet.
        Kind::CronJob => &["list", "watch"],
        _ => &["list", "watch", "create", "patch", "delete"],
    };
    let resource = kind.api_resource();
    rule(&resource.group, &resource.plural, verbs)
}

/// Definitions of the kinds that not every cluster has, to see when they come and go.
fn definitions() -> PolicyRule {
    let names = Kind::ALL.into_iter().filter(|kind| !kind.is_built_in());
    let names = names.map(Kind::definition).collect();
    PolicyRule {
        resource_names: Some(names),
        ..rule(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            &["list", "watch"],
        )
    }
}

/// What the operator may do in its own namespace: take turns with others of its kind.
#[must_use]
pub fn at_home() -> Vec<PolicyRule> {
    let leases = |verbs: &[&str]| rule("coordination.k8s.io", "leases", verbs);
    vec![
        // Nobody can be allowed to create only what has a certain name.
        leases(&["create"]),
        PolicyRule {
            resource_names: Some(vec![crate::run::LEASE.to_owned()]),
            ..leases(&["get", "update"])
        },
    ]
}

/// All of it as YAML, for an operator in this namespace: what is committed as `config/rbac.yaml`.
pub fn yaml(namespace: &str) -> anyhow::Result<String> {
    let here = metadata(Some(namespace));
    let everywhere = metadata(None);
    let subject = Subject {
        kind: "ServiceAccount".to_owned(),
        name: NAME.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    };
    let documents = [
        document(&ServiceAccount {
            metadata: here.clone(),
            ..ServiceAccount::default()
        })?,
        document(&ClusterRole {
            metadata: everywhere.clone(),
            rules: Some(in_the_cluster()),
            aggregation_rule: None,
        })?,
        document(&ClusterRoleBinding {
            metadata: everywhere,
            role_ref: role("ClusterRole"),
            subjects: Some(vec![subject.clone()]),
        })?,
        document(&Role {
            metadata: here.clone(),
            rules: Some(at_home()),
        })?,
        document(&RoleBinding {
            metadata: here,
            role_ref: role("Role"),
            subjects: Some(vec![subject]),
        })?,
    ];
    Ok(format!(
        "# Written by `make generate` from operator/src/rights.rs; do not edit. For another namespace: `operator rbac --namespace NAME`.\n{}",
        documents.join("---\n")
    ))
}

fn document<K: Serialize>(object: &K) -> anyhow::Result<String> {
    Ok(serde_yaml::to_string(&serde_json::to_value(object)?)?)
}

fn metadata(namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: namespace.map(ToOwned::to_owned),
        ..ObjectMeta::default()
    }
}

fn role(kind: &str) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: NAME.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_roles_are_fresh() {
        let committed = include_str!("../../config/rbac.yaml");
        assert!(
            committed == yaml(NAMESPACE).unwrap(),
            "run `make generate` and commit"
        );
    }
}
