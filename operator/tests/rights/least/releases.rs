//! Rights to the releases that were good, and to see whether a disk may grow.

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::{Value, json};
use testkit::wait;

use super::right;
use super::writing::names_the_right;
use crate::account::Right;
use crate::plane::Plane;

const RELEASES: &str = "controllerrevisions";

pub(super) fn taken() -> Vec<Right> {
    let mut taken = ["get", "create", "patch", "delete"]
        .map(of_releases)
        .to_vec();
    taken.push(right("get", "storageclasses"));
    taken
}

fn of_releases(verb: &str) -> Right {
    right(verb, RELEASES)
}

fn releases() -> BTreeSet<String> {
    BTreeSet::from([RELEASES.to_owned()])
}

fn logging(level: &str) -> Value {
    json!({"services": {"user": {"env": [{"name": "SHOP__LOG__LEVEL", "value": level}]}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_release_is_kept_only_with_the_right_to_make_it() {
    let plane = Plane::new().await;
    plane.apply("demo", &json!({})).await;
    for missing in ["create", "patch"] {
        let operator = plane.operator_without(&[of_releases(missing)]).await;
        operator.until_forbidden("patch", &releases()).await;
        let sentence = format!("cannot {missing} resource \"{RELEASES}\"");
        let status = plane
            .until("the right to be named", "demo", |status| {
                names_the_right(status, &sentence)
            })
            .await;
        assert_eq!(status.last_good, None);
        operator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_releases_go_only_with_the_right_to_delete_them() {
    let plane = Plane::new().await;
    let operator = plane.operator_without(&[of_releases("delete")]).await;
    let mut known = None;
    for level in ["debug", "info", "warn"] {
        plane.apply("demo", &logging(level)).await;
        let status = plane
            .until("another good release", "demo", |status| {
                status.last_good.is_some() && status.last_good != known
            })
            .await;
        known = status.last_good;
    }
    plane.apply("demo", &logging("error")).await;
    operator.until_forbidden("delete", &releases()).await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_go_back_only_with_the_right_to_read_the_last_good_release() {
    let plane = Plane::new().await;
    plane.apply("demo", &json!({})).await;
    // Who kept a release remembers it.
    let operator = plane.operator_without(&[]).await;
    plane
        .until("a good release", "demo", |status| {
            status.last_good.is_some()
        })
        .await;
    operator.stop().await;
    let operator = plane.operator_without(&[of_releases("get")]).await;
    // The pods of its migration never end, so the Job does not until its time is over.
    let spec = json!({"images": {"overrides": {"order": "order:unready"}}});
    plane.apply("demo", &spec).await;
    let jobs = plane.api(Kind::Job);
    let migration = wait::until("the new migration", || async {
        let jobs = jobs.list(&ListParams::default()).await?.items;
        let is_new = |job: &kube::api::DynamicObject| {
            job.data["spec"]["template"]["spec"]["containers"][0]["image"] == "order:unready"
        };
        Ok(jobs.into_iter().find(is_new))
    });
    let migration = migration.await.unwrap().name_any();
    let over = json!({"spec": {"activeDeadlineSeconds": 1}});
    jobs.patch(&migration, &PatchParams::default(), &Patch::Merge(over))
        .await
        .unwrap();
    operator.until_forbidden("get", &releases()).await;
    plane
        .until("the right to be named", "demo", |status| {
            names_the_right(status, "the last good release cannot be read")
        })
        .await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_grows_only_with_the_right_to_see_whether_its_class_lets_it() {
    let plane = Plane::new().await;
    let size = |size: &str| json!({"postgres": {"managed": {"storage": {"size": size}}}});
    plane.apply("demo", &size("1Gi")).await;
    let operator = plane
        .operator_without(&[right("get", "storageclasses")])
        .await;
    plane
        .until("the platform", "demo", |status| {
            status.phase == Phase::Ready
        })
        .await;
    plane.apply("demo", &size("2Gi")).await;
    plane
        .until("the right to be named", "demo", |status| {
            names_the_right(status, "cannot get resource \"storageclasses\"")
        })
        .await;
    operator.stop().await;
}
