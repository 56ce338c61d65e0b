//! Rights to what platforms consist of.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use operator::child::Kind;
use operator::names::{BUILT_HASH, PLATFORM_LABEL};
use operator::resource::{Phase, ShopPlatformStatus};
use serde_json::{Value, json};

use super::{resources, right, rights};
use crate::account::Right;
use crate::plane::Plane;
use crate::process::Operator;

/// Whether it is a right to a kind of children.
fn is_of_children(right: &Right) -> bool {
    Kind::ALL
        .iter()
        .any(|kind| kind.api_resource().plural == right.resource)
}

pub(super) fn taken() -> Vec<Right> {
    let mut taken = Vec::new();
    for verb in ["create", "patch", "delete"] {
        taken.extend(rights(verb, is_of_children));
    }
    taken.push(right("get", "secrets"));
    taken.push(right("update", "shopplatforms/finalizers"));
    taken
}

/// Platforms that together have a child of every kind that is made.
fn specs() -> [(&'static str, Value); 2] {
    let extra = json!({"name": "pages", "image": "pages:1", "port": 80});
    [
        (
            "demo",
            json!({
                "gateway": {
                    "autoscaling": {"minReplicas": 2, "maxReplicas": 3},
                    "expose": {"type": "Ingress", "host": "shop.example"},
                },
                "services": {"extra": [extra]},
            }),
        ),
        (
            "other",
            json!({
                "gateway": {"expose": {"type": "HTTPRoute", "gatewayRef": {"name": "gateway"}}},
                "postgres": {"mode": "CloudNativePG"},
            }),
        ),
    ]
}

/// Both, as they should be, and no operator.
async fn at_rest() -> Plane {
    let plane = Plane::new().await;
    let operator = plane.operator_without(&[]).await;
    for (name, spec) in specs() {
        plane.apply(name, &spec).await;
    }
    plane.play_cloud_native_pg("other-postgres").await;
    for (name, _) in specs() {
        plane
            .until(name, name, |status| status.phase == Phase::Ready)
            .await;
    }
    operator.stop().await;
    plane
}

pub(super) fn names_the_right(status: &ShopPlatformStatus, sentence: &str) -> bool {
    let conditions = status.conditions.iter();
    conditions.clone().any(|condition| {
        condition.type_ == "Reconciled"
            && condition.status == "False"
            && condition.reason == "Forbidden"
            && condition.message.contains(sentence)
    })
}

/// The children of a kind, of both platforms.
async fn children(plane: &Plane, kind: Kind) -> Vec<DynamicObject> {
    let children = ListParams::default().labels(PLATFORM_LABEL);
    let mut items = plane.api(kind).list(&children).await.unwrap().items;
    items.sort_by_key(ResourceExt::name_any);
    items
}

fn kinds(rights: &[Right]) -> impl Iterator<Item = Kind> {
    let resources = resources(rights);
    Kind::ALL
        .into_iter()
        .filter(move |kind| resources.contains(&kind.api_resource().plural))
}

/// Both platforms or one say what is missing; the metrics say it of all.
async fn told(plane: &Plane, operator: &Operator, verb: &str) {
    plane
        .until("a right to be named", "demo", |status| {
            names_the_right(status, &format!("cannot {verb} resource"))
        })
        .await;
    operator.until_page("/readyz", "\"status\":\"ok\"").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_made_anew_only_with_the_right_to_create_it() {
    let plane = at_rest().await;
    // Workloads wait for Jobs, servers for disks, and disks for Secrets.
    let of = |are: &[&str]| {
        rights("create", |right| {
            is_of_children(right) && are.contains(&right.resource.as_str())
        })
    };
    let others = rights("create", |right| {
        let waited_for = ["jobs", "secrets", "statefulsets"];
        is_of_children(right) && !waited_for.contains(&right.resource.as_str())
    });
    for (verb, missing) in [
        ("patch", of(&["statefulsets"])),
        ("patch", others),
        ("patch", of(&["jobs"])),
        ("create", of(&["secrets"])),
    ] {
        for kind in kinds(&missing) {
            for child in children(&plane, kind).await {
                let api = plane.api(kind);
                api.delete(&child.name_any(), &DeleteParams::background())
                    .await
                    .unwrap();
            }
        }
        let operator = plane.operator_without(&missing).await;
        operator.until_forbidden(verb, &resources(&missing)).await;
        told(&plane, &operator, "create").await;
        operator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_mended_only_with_the_right_to_patch_it() {
    let plane = at_rest().await;
    let missing = rights("patch", is_of_children);
    let damaged = json!({"metadata": {"annotations": {BUILT_HASH: "damaged"}}});
    for kind in kinds(&missing) {
        for child in children(&plane, kind).await {
            plane
                .api(kind)
                .patch(
                    &child.name_any(),
                    &PatchParams::default(),
                    &Patch::Merge(&damaged),
                )
                .await
                .unwrap();
        }
    }
    // Secrets are given an owner.
    let (_, mut spec) = specs()[0].clone();
    spec["deletionPolicy"] = json!("Delete");
    plane.apply("demo", &spec).await;
    let operator = plane.operator_without(&missing).await;
    operator
        .until_forbidden("patch", &resources(&missing))
        .await;
    told(&plane, &operator, "patch").await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_wanted_goes_only_with_the_right_to_delete_it() {
    let plane = at_rest().await;
    let missing = rights("delete", is_of_children);
    let is_used = |kind: &Kind| matches!(kind, Kind::Secret | Kind::ConfigMap);
    // Settings and passwords go when nothing that may use them is left over.
    for uses in [true, false] {
        let mut expected = BTreeSet::new();
        for kind in kinds(&missing).filter(|kind| is_used(kind) == uses) {
            let children = children(&plane, kind).await;
            leave_over(&plane, kind, children.first().unwrap()).await;
            expected.insert(kind.api_resource().plural);
        }
        let operator = plane.operator_without(&missing).await;
        operator.until_forbidden("delete", &expected).await;
        operator.stop().await;
    }
    let operator = plane.operator_without(&missing).await;
    told(&plane, &operator, "delete").await;
    operator.stop().await;
}

/// Makes a second one, which nobody wants.
async fn leave_over(plane: &Plane, kind: Kind, child: &DynamicObject) {
    let mut spec = child.data.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("status");
        fields.remove("secrets");
    }
    for pointer in ["/spec", "/spec/template/metadata/labels"] {
        if let Some(fields) = spec.pointer_mut(pointer).and_then(Value::as_object_mut) {
            for name in [
                "clusterIP",
                "clusterIPs",
                "batch.kubernetes.io/controller-uid",
                "controller-uid",
                "batch.kubernetes.io/job-name",
                "job-name",
            ] {
                fields.remove(name);
            }
            // A Job's is drawn; that of a workload has to be no other's.
            if kind == Kind::Job {
                fields.remove("selector");
            }
        }
    }
    if matches!(kind, Kind::Deployment | Kind::StatefulSet) {
        spec["spec"]["replicas"] = json!(0);
        for pointer in [
            "/spec/selector/matchLabels",
            "/spec/template/metadata/labels",
        ] {
            spec.pointer_mut(pointer).unwrap()["left-over"] = json!("true");
        }
    }
    // Of Secrets that nobody owns only passwords of a generation are the operator's to delete.
    let suffix = if kind == Kind::Secret {
        "-credentials-1"
    } else {
        ""
    };
    let mut left = DynamicObject {
        types: child.types.clone(),
        metadata: kube::api::ObjectMeta {
            name: Some(format!(
                "{}-left-over{suffix}",
                child.labels()[PLATFORM_LABEL]
            )),
            labels: child.metadata.labels.clone(),
            owner_references: child.metadata.owner_references.clone(),
            ..kube::api::ObjectMeta::default()
        },
        data: spec,
    };
    left.types = None;
    let mut value = serde_json::to_value(&left).unwrap();
    let resource = kind.api_resource();
    value["apiVersion"] = json!(resource.api_version);
    value["kind"] = json!(resource.kind);
    let left: DynamicObject = serde_json::from_value(value).unwrap();
    plane
        .api(kind)
        .create(&PostParams::default(), &left)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_a_spec_points_to_is_read_only_with_the_right_to_get_it() {
    let plane = Plane::new().await;
    let secrets = Api::<Secret>::namespaced(plane.client.clone(), &plane.namespace);
    let secret =
        json!({"metadata": {"name": "mail"}, "stringData": {"url": "smtp://mail.example"}});
    let secret: Secret = serde_json::from_value(secret).unwrap();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    let email =
        json!({"smtpUrlSecretRef": {"name": "mail", "key": "url"}, "from": "shop@example.com"});
    plane
        .apply("demo", &json!({"notifications": {"email": email}}))
        .await;
    let operator = plane.operator_without(&[right("get", "secrets")]).await;
    plane
        .until("the right to be named", "demo", |status| {
            names_the_right(status, "cannot get resource \"secrets\"")
        })
        .await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_that_wait_for_their_children_need_a_right_of_their_own() {
    let plane = Plane::new().await;
    plane.apply("demo", &json!({})).await;
    let operator = plane
        .operator_without(&[right("update", "shopplatforms/finalizers")])
        .await;
    plane
        .until("the right to be named", "demo", |status| {
            names_the_right(status, "blockOwnerDeletion")
        })
        .await;
    operator.stop().await;
}
