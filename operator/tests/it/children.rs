//! What the API server makes of the children that are built: it takes all of them and lets all their pods in, and disks grow.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use operator::child::{Child, Kind};
use operator::names::FIELD_MANAGER;
use serde_json::{Value, json};
use testkit::wait;

use crate::{access, cluster};

#[expect(dead_code, reason = "what is asked of children without a cluster")]
#[path = "../build/platforms.rs"]
mod platforms;
#[path = "../build/specs.rs"]
mod specs;

/// How many requests are under way.
const AT_A_TIME: usize = 8;
/// Kinds whose definitions are not here.
const UNKNOWN: [Kind; 2] = [Kind::HttpRoute, Kind::ServiceMonitor];

fn api(client: &Client, namespace: &str, kind: Kind) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind.api_resource())
}

/// The namespace of the platforms of `specs`, where only pods of the *restricted* standard are let in.
async fn restricted_namespace(client: &Client) -> &'static str {
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    });
    let namespaces = Api::<Namespace>::all(client.clone());
    let parameters = PatchParams::apply("test");
    namespaces
        .patch("shop", &parameters, &Patch::Apply(namespace))
        .await
        .unwrap();
    "shop"
}

/// The `Cluster` of CloudNativePG, as far as we know it.
async fn cloud_native_pg(client: &Client) {
    let file = access::path("operator/tests/data/cloudnative-pg-cluster.yaml");
    let definition: Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let name = definition["metadata"]["name"].as_str().unwrap();
    let kind = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let definitions = Api::<DynamicObject>::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    let parameters = PatchParams::apply("test");
    definitions
        .patch(name, &parameters, &Patch::Apply(&definition))
        .await
        .unwrap();
    wait::until("the Cluster of CloudNativePG to be served", || async {
        let clusters = api(client, "default", Kind::CloudNativePgCluster);
        Ok(clusters.list(&ListParams::default()).await.ok().map(drop))
    })
    .await
    .unwrap();
}

/// Applies an object as the operator does, strictly: a field that is not known is an error.
async fn apply(
    api: &Api<DynamicObject>,
    object: &Value,
    dry_run: bool,
) -> kube::Result<DynamicObject> {
    let mut parameters = PatchParams::apply(FIELD_MANAGER).validation_strict();
    parameters.dry_run = dry_run;
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &parameters, &Patch::Apply(object)).await
}

#[tokio::test]
async fn every_child_of_every_spec_is_taken() {
    let client = cluster::client().await;
    let namespace = restricted_namespace(&client).await;
    cloud_native_pg(&client).await;
    let all = specs::all().into_iter().flat_map(|(spec, manifest)| {
        let children = platforms::children(manifest).into_iter();
        children.map(move |child| (spec, child))
    });
    let taken = all
        .filter(|(_, child)| !UNKNOWN.contains(&child.key.kind))
        .map(|(spec, child)| {
            let api = api(&client, namespace, child.key.kind);
            async move {
                let refused = apply(&api, &child.object, true).await.err();
                let refused = refused.map(|error| format!("{} of {spec}: {error}", child.key));
                (child.key.kind, refused)
            }
        });
    let taken: Vec<_> = stream::iter(taken)
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let refused: Vec<_> = taken
        .iter()
        .filter_map(|(_, refused)| refused.as_deref())
        .collect();
    assert_eq!(refused, [""; 0]);
    let kinds: BTreeSet<_> = taken.into_iter().map(|(kind, _)| kind).collect();
    let known = Kind::ALL.into_iter();
    let known = known.filter(|kind| !UNKNOWN.contains(kind) && *kind != Kind::CronJob);
    assert_eq!(kinds, known.collect(), "specs have every kind");
}

#[tokio::test]
async fn every_pod_of_every_spec_is_let_in_where_pods_are_restricted() {
    let client = cluster::client().await;
    let namespace = restricted_namespace(&client).await;
    important(&client).await;
    let mut pods = BTreeMap::new();
    let mut accounts = BTreeMap::new();
    for (spec, manifest) in specs::all() {
        for child in platforms::children(manifest) {
            if child.key.kind == Kind::ServiceAccount {
                accounts.insert(child.key.name.clone(), without_owner(&child));
            }
            if let Some(template) = platforms::pod_template(&child) {
                pods.insert(template.to_string(), (spec, child));
            }
        }
    }
    for account in accounts.values() {
        let api = api(&client, namespace, Kind::ServiceAccount);
        apply(&api, account, false).await.unwrap();
    }
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind);
    assert!(pods.len() > 20, "{}", pods.len());
    let let_in = pods.into_values().map(|(spec, child)| {
        let api = api.clone();
        async move {
            let mut pod = platforms::pod_template(&child).unwrap().clone();
            pod["metadata"]["generateName"] = json!("test-");
            give_it_the_disks_of_its_set(&mut pod, &child);
            let pod: DynamicObject = serde_json::from_value(pod).unwrap();
            let parameters = PostParams {
                dry_run: true,
                ..PostParams::default()
            };
            match api.create(&parameters, &pod).await {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("a pod of {} of {spec}: {error}", child.key)),
            }
        }
    });
    let let_in = stream::iter(let_in).buffer_unordered(AT_A_TIME);
    let let_in: Result<Vec<()>, String> = let_in.try_collect().await;
    let_in.unwrap();
}

/// A `StatefulSet` adds a volume for each claim to its pods.
fn give_it_the_disks_of_its_set(pod: &mut Value, child: &Child) {
    let claims = child.object.pointer("/spec/volumeClaimTemplates");
    for claim in claims.and_then(Value::as_array).into_iter().flatten() {
        let volume = json!({"name": claim["metadata"]["name"], "emptyDir": {}});
        match pod["spec"]["volumes"].as_array_mut() {
            Some(volumes) => volumes.push(volume),
            None => pod["spec"]["volumes"] = json!([volume]),
        }
    }
}

/// The priority that a `podTemplate` of the specs names.
async fn important(client: &Client) {
    let class = json!({
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "important"},
        "value": 1000,
    });
    let classes = Api::<PriorityClass>::all(client.clone());
    let parameters = PatchParams::apply("test");
    classes
        .patch("important", &parameters, &Patch::Apply(class))
        .await
        .unwrap();
}

/// The object for another namespace, where nobody owns it.
fn without_owner(child: &Child) -> Value {
    let mut object = child.object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("ownerReferences");
    metadata.remove("namespace");
    object
}

/// The disks and stateful sets of the servers.
fn servers(spec: Value) -> Vec<Child> {
    let kinds = [Kind::PersistentVolumeClaim, Kind::StatefulSet];
    let children = platforms::children(spec).into_iter();
    children
        .filter(|child| kinds.contains(&child.key.kind))
        .collect()
}

async fn apply_servers(client: &Client, namespace: &str, spec: Value) {
    for child in servers(spec) {
        let api = api(client, namespace, child.key.kind);
        apply(&api, &without_owner(&child), false).await.unwrap();
    }
}

/// Each disk with its uid, how large it is to be, and how large it is.
async fn disks(client: &Client, namespace: &str) -> BTreeMap<String, (String, Value, Value)> {
    let disks = api(client, namespace, Kind::PersistentVolumeClaim);
    let disks = disks.list(&ListParams::default()).await.unwrap();
    let disk = |disk: DynamicObject| {
        let wanted = disk.data["spec"]["resources"]["requests"]["storage"].clone();
        let capacity = disk.data["status"]["capacity"]["storage"].clone();
        let uid = disk.metadata.uid.unwrap();
        (disk.metadata.name.unwrap(), (uid, wanted, capacity))
    };
    disks.items.into_iter().map(disk).collect()
}

/// Until all pods of the stateful sets are ready and every disk is as large as it is to be.
async fn settled(client: &Client, namespace: &str) -> BTreeMap<String, (String, Value, Value)> {
    wait::until("members and their disks", || async {
        let sets = api(client, namespace, Kind::StatefulSet);
        let sets = sets.list(&ListParams::default()).await?;
        let ready = sets
            .items
            .iter()
            .all(|set| set.data["status"]["readyReplicas"] == set.data["spec"]["replicas"]);
        let disks = disks(client, namespace).await;
        let grown = disks
            .values()
            .all(|(_, wanted, capacity)| wanted == capacity);
        Ok((ready && grown).then_some(disks))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn stateful_sets_take_the_disks_that_are_there_and_those_grow_without_them() {
    let client = cluster::client().await;
    let namespace = access::namespace(&client).await;
    apply_servers(&client, &namespace, json!({})).await;
    let first = settled(&client, &namespace).await;
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        [
            "data-demo-mongodb-0",
            "data-demo-postgres-0",
            "data-demo-rabbitmq-0"
        ]
    );
    assert!(
        first.values().all(|(_, _, capacity)| capacity == "10Gi"),
        "{first:?}"
    );

    let larger = json!({"postgres": {"managed": {"storage": {"size": "20Gi"}}}});
    apply_servers(&client, &namespace, larger.clone()).await;
    let grown = settled(&client, &namespace).await;
    let mut expected = first.clone();
    let (_, wanted, capacity) = expected.get_mut("data-demo-postgres-0").unwrap();
    (*wanted, *capacity) = (json!("20Gi"), json!("20Gi"));
    assert_eq!(grown, expected, "the same disks, one of them larger");

    // More members: more disks, and those that are there stay.
    let members = json!({"postgres": larger["postgres"], "mongodb": {"managed": {"members": 3}}});
    apply_servers(&client, &namespace, members).await;
    let more = settled(&client, &namespace).await;
    assert_eq!(more.len(), 5);
    assert!(
        expected
            .iter()
            .all(|(name, disk)| more.get(name) == Some(disk))
    );

    // Why the template does not follow the size.
    let sets = servers(larger).into_iter();
    let mut sets = sets.filter(|child| child.key.kind == Kind::StatefulSet);
    let mut set = without_owner(&sets.next().unwrap());
    let template = &mut set["spec"]["volumeClaimTemplates"][0]["spec"];
    template["resources"]["requests"]["storage"] = json!("20Gi");
    let api = api(&client, &namespace, Kind::StatefulSet);
    let refused = apply(&api, &set, true).await.unwrap_err();
    let kube::Error::Api(status) = refused else {
        panic!("{refused}")
    };
    assert_eq!(status.code, 422, "{status:?}");
}
