//! Passwords and keys: they are replaced in time, when somebody asks, and when one is lost.

mod lost;
mod rotated;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::ListParams;
use operator::child::Kind;
use operator::resource::{Phase, ShopPlatformStatus};
use testkit::wait;

use crate::harness::World;

/// The names of all Secrets of the platform `demo` that have something of a generation.
async fn secrets(world: &World) -> BTreeSet<String> {
    let all = world
        .api(Kind::Secret)
        .list(&ListParams::default())
        .await
        .unwrap();
    let names = all.items.iter().map(ResourceExt::name_any);
    names
        .filter_map(|name| Some(name.strip_prefix("demo-")?.to_owned()))
        .filter(|name| name.contains("-credentials-") || name.starts_with("signing-key-"))
        .collect()
}

/// Waits until these are all that there are.
async fn until_secrets(world: &World, expected: &BTreeSet<String>) {
    let all = wait::until("Secrets of no other generation", || async {
        Ok((secrets(world).await == *expected).then_some(()))
    });
    if let Err(error) = all.await {
        panic!("{error}: {:?}", secrets(world).await);
    }
}

/// Those that there are when one generation is in use, and no rotation is under way.
fn of_generation(generation: u32) -> BTreeSet<String> {
    let services = ["notification", "order", "product", "user"];
    let passwords = services.map(|service| format!("{service}-credentials-{generation}"));
    let keys = (generation.saturating_sub(1).max(1)..=generation + 1)
        .map(|generation| format!("signing-key-{generation}"));
    passwords.into_iter().chain(keys).collect()
}

/// Until all services have this generation, and nobody the one before.
async fn until_rotated(world: &World, generation: u32) -> ShopPlatformStatus {
    let what = format!("generation {generation}");
    world
        .until("demo", &what, |status| {
            let credentials = status.credentials.as_ref();
            let is_so = credentials.is_some_and(|credentials| {
                credentials.generation == generation && !credentials.rotating
            });
            is_so && status.phase == Phase::Ready
        })
        .await
}

/// Which user the order service signs in as, and whom the provision Job locks out.
async fn users_of_order(world: &World) -> (String, Option<String>) {
    let namespace = &world.namespace;
    let maps = kube::Api::<ConfigMap>::namespaced(world.client.clone(), namespace);
    let deployment = world.api(Kind::Deployment).get("demo-order").await.unwrap();
    let settings = deployment
        .data
        .pointer("/spec/template/spec/containers/0/envFrom/0/configMapRef/name")
        .unwrap();
    let settings = maps.get(settings.as_str().unwrap()).await.unwrap();
    let user = settings.data.unwrap()["SHOP__STORE__USERNAME"].clone();
    let jobs = world
        .api(Kind::Job)
        .list(&ListParams::default())
        .await
        .unwrap();
    let provision: Vec<_> = jobs
        .items
        .iter()
        .filter(|job| job.labels()["app.kubernetes.io/name"] == "provision")
        .collect();
    assert_eq!(provision.len(), 1, "one Job is left");
    let config = provision[0]
        .data
        .pointer("/spec/template/spec/volumes/0/configMap/name")
        .unwrap();
    let config = maps.get(config.as_str().unwrap()).await.unwrap();
    let config: serde_json::Value =
        serde_json::from_str(&config.data.unwrap()["config.yaml"]).unwrap();
    assert_eq!(config["services"]["order"]["username"], user.as_str());
    let retired = config.pointer("/services/order/retired/0");
    (user, retired.map(|user| user.as_str().unwrap().to_owned()))
}
