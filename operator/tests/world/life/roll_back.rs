//! A release that cannot be rolled out.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use operator::child::Kind;
use operator::names::{RELEASE_LABEL, TRY_AGAIN};
use operator::resource::{LastGood, Phase};
use serde_json::{Value, json};
use testkit::wait;

use super::{Tended, image};
use crate::harness::{World, condition};

const SERVICES: [&str; 5] = ["gateway", "user", "product", "order", "notification"];

async fn templates(world: &World) -> BTreeMap<&'static str, Value> {
    let mut templates = BTreeMap::new();
    for service in SERVICES {
        let deployment = world
            .get(Kind::Deployment, &format!("demo-{service}"))
            .await;
        templates.insert(service, deployment["spec"]["template"].clone());
    }
    templates
}

/// The releases that are kept, with their numbers.
async fn releases(world: &World) -> BTreeMap<String, i64> {
    let revisions = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.namespace);
    let ours = ListParams::default().labels(RELEASE_LABEL);
    let revisions = revisions.list(&ours).await.unwrap().items;
    revisions
        .into_iter()
        .map(|revision| (revision.name_any(), revision.revision))
        .collect()
}

/// The spec with other settings of all services, one of which does not start.
fn broken() -> Value {
    let missing = json!({"spec": {"containers": [{"name": "order", "image": "order:missing"}]}});
    json!({
        "images": {"tag": "2"},
        "services": {
            "order": {"replicas": 2, "podTemplate": missing},
            "user": {"env": [{"name": "SHOP__LOG__LEVEL", "value": "debug"}]},
        },
    })
}

#[tokio::test]
async fn a_rollout_that_makes_no_progress_takes_all_services_back_to_the_last_good_release() {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    let good = world.until_good("demo").await.last_good.unwrap();
    assert_eq!(releases(&world).await, [(good.revision.clone(), 1)].into());
    let before = templates(&world).await;

    world.apply("demo", &broken()).await;
    let status = world
        .until("demo", "the roll-back to be told", |status| {
            status.refused.is_some()
        })
        .await;
    assert_eq!(status.last_good.as_ref(), Some(&good));
    let (degraded, reason, message) = condition(&status, "Degraded");
    assert_eq!((degraded, reason), ("True", "RolledBack"));
    for said in [
        "order: ProgressDeadlineExceeded",
        "pulling image \"order:missing\"",
        &good.revision,
        "correct the spec",
        TRY_AGAIN,
    ] {
        assert!(message.contains(said), "{said} is not in: {message}");
    }
    let (ready, reason, _) = condition(&status, "Ready");
    assert_eq!((ready, reason), ("False", "RolledBack"));

    let status = world
        .until("demo", "all services to have gone back", |status| {
            let (going, _, _) = condition(status, "Progressing");
            status.phase == Phase::Degraded && going == "False" && status.ready == "8/8"
        })
        .await;
    assert_eq!(templates(&world).await, before, "also its settings");
    let (reconciled, reason, _) = condition(&status, "Reconciled");
    assert_eq!((reconciled, reason), ("False", "RolledBack"));
    let order = world.get(Kind::Deployment, "demo-order").await;
    assert_eq!(order["spec"]["replicas"], 2, "numbers are as the spec says");
    assert_eq!(releases(&world).await, [(good.revision.clone(), 1)].into());
    pods_can_read_their_settings(&world).await;
    // What was gone back to is kept, also if somebody deletes it.
    let revisions = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.namespace);
    let kept = revisions.get(&good.revision).await.unwrap();
    revisions
        .delete(&good.revision, &DeleteParams::default())
        .await
        .unwrap();
    wait::until("the release to be kept again", || async {
        let again = revisions.get_opt(&good.revision).await?;
        Ok(again.filter(|again| again.uid() != kept.uid()))
    })
    .await
    .unwrap();

    // Whatever else happens, what was refused is not tried again.
    let generation = order["metadata"]["generation"].clone();
    world
        .merge(
            Kind::Deployment,
            "demo-order",
            &json!({"spec": {"replicas": 5}}),
        )
        .await;
    world
        .until_is(Kind::Deployment, "demo-order", "the repair", |order| {
            order["spec"]["replicas"] == 2 && order["metadata"]["generation"] != generation
        })
        .await;
    assert_eq!(templates(&world).await, before);

    // Another spec is.
    world.apply("demo", &json!({"images": {"tag": "3"}})).await;
    let status = world.until_phase("demo", Phase::Ready).await;
    assert_eq!(status.refused, None);
    for template in templates(&world).await.values() {
        let image = template["spec"]["containers"][0]["image"].as_str();
        assert!(image.unwrap().ends_with(":3"), "{image:?}");
    }
    let newer = world
        .until("demo", "the new release to be kept", |status| {
            status.last_good.as_ref() != Some(&good)
        })
        .await;
    let newer = newer.last_good.unwrap().revision;
    assert_eq!(
        releases(&world).await,
        [(good.revision, 1), (newer, 2)].into()
    );
    world.delete().await;
}

/// Every `ConfigMap` that a pod is told its settings by is there.
async fn pods_can_read_their_settings(world: &World) {
    let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace);
    for pod in pods.list(&ListParams::default()).await.unwrap() {
        let pod = serde_json::to_value(pod).unwrap();
        let from = &pod["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"];
        if let Some(name) = from.as_str() {
            world.get(Kind::ConfigMap, name).await;
        }
    }
}

#[tokio::test]
async fn a_migration_that_is_given_up_takes_all_services_back_and_is_kept_for_its_log() {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    let good = world.until_good("demo").await.last_good.unwrap();
    let before = templates(&world).await;
    let jobs = world.api(Kind::Job);
    let known: Vec<_> = jobs.list(&ListParams::default()).await.unwrap().items;
    let known: Vec<_> = known.iter().map(ResourceExt::name_any).collect();

    // Its pods never end, so the Job does not until its time is over.
    let spec = json!({"images": {"tag": "2", "overrides": {"order": "order:unready"}}});
    world.apply("demo", &spec).await;
    let job = wait::until("the new migration", || async {
        let jobs = jobs.list(&ListParams::default()).await?.items;
        let names = jobs.iter().map(ResourceExt::name_any);
        let mut new = names.filter(|name| !known.contains(name));
        Ok(new.find(|name| name.starts_with("demo-order-migrate-")))
    });
    let job = job.await.unwrap();
    let over = json!({"spec": {"activeDeadlineSeconds": 1}});
    world.merge(Kind::Job, &job, &over).await;

    let status = world
        .until("demo", "all services to have gone back", |status| {
            let (going, _, _) = condition(status, "Progressing");
            status.refused.is_some() && going == "False" && status.ready == "8/8"
        })
        .await;
    let (degraded, reason, message) = condition(&status, "Degraded");
    assert_eq!((degraded, reason), ("True", "RolledBack"));
    for said in [
        "order: ",
        &job,
        "DeadlineExceeded",
        "kubectl logs",
        &good.revision,
    ] {
        assert!(message.contains(said), "{said} is not in: {message}");
    }
    assert_eq!(templates(&world).await, before);
    world.get(Kind::Job, &job).await;

    // The cause was elsewhere, and is mended: the same spec is tried again when a person says so.
    world
        .api(Kind::Job)
        .delete(&job, &kube::api::DeleteParams::background())
        .await
        .unwrap();
    let again = json!({"metadata": {"annotations": {TRY_AGAIN: "1"}}});
    let parameters = PatchParams::default();
    let platforms = world.platforms();
    platforms
        .patch("demo", &parameters, &Patch::Merge(&again))
        .await
        .unwrap();
    world
        .until("demo", "the spec to be tried again", |status| {
            status.refused.is_none()
        })
        .await;
    let product = "demo-product";
    world
        .until_is(Kind::Deployment, product, "another try", |deployment| {
            image(deployment).ends_with(":2")
        })
        .await;
    world.delete().await;
}

#[tokio::test]
async fn a_migration_whose_image_cannot_be_pulled_takes_all_services_back() {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    let good = world.until_good("demo").await.last_good.unwrap();
    let before = templates(&world).await;
    // Kubernetes would try to pull it for ever, and so the Job never fails.
    let spec = json!({"images": {"tag": "2", "overrides": {"order": "order:missing"}}});
    world.apply("demo", &spec).await;
    let status = world
        .until("demo", "all services to have gone back", |status| {
            let (going, _, _) = condition(status, "Progressing");
            status.refused.is_some() && going == "False" && status.ready == "8/8"
        })
        .await;
    let (degraded, reason, message) = condition(&status, "Degraded");
    assert_eq!((degraded, reason), ("True", "RolledBack"));
    for said in [
        "order: Job demo-order-migrate-",
        "gets nowhere for 20 s: ImagePullBackOff",
        "order:missing",
        &good.revision,
    ] {
        assert!(message.contains(said), "{said} is not in: {message}");
    }
    assert_eq!(templates(&world).await, before);

    // Who says so has it tried once more for as long, although the Job is an old one.
    let again = json!({"metadata": {"annotations": {TRY_AGAIN: "1"}}});
    let platforms = world.platforms();
    platforms
        .patch("demo", &PatchParams::default(), &Patch::Merge(&again))
        .await
        .unwrap();
    world
        .until("demo", "the spec to be tried again", |status| {
            status.refused.is_none()
        })
        .await;
    world
        .until("demo", "it to be taken back again", |status| {
            status.refused.is_some()
        })
        .await;
    world.delete().await;
}

#[tokio::test]
async fn few_releases_are_kept_and_one_that_is_good_again_is_the_newest() {
    let world = Tended::new().await;
    let mut names = Vec::new();
    for tag in ["1", "2", "3", "1", "4"] {
        world.apply("demo", &json!({"images": {"tag": tag}})).await;
        let last = names.last().cloned();
        let status = world
            .until("demo", "the release to be kept", |status| {
                let revision = status.last_good.as_ref().map(|good| &good.revision);
                status.phase == Phase::Ready && revision.is_some() && revision != last.as_ref()
            })
            .await;
        names.push(status.last_good.unwrap().revision);
    }
    assert_eq!(names[0], names[3]);
    let kept = [(&names[2], 3), (&names[0], 4), (&names[4], 5)];
    let kept = kept.map(|(name, number)| (name.clone(), number));
    assert_eq!(releases(&world).await, kept.into());
    world.delete().await;
}

#[tokio::test]
async fn a_release_is_good_whatever_is_wrong_with_what_is_no_part_of_it() {
    let world = Tended::new().await;
    let spec = |tag: &str| {
        json!({
            "images": {"tag": tag},
            "services": {"order": {"replicas": 2}},
        })
    };
    let budget = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "demo-order"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "other"}}},
    });
    world
        .api(Kind::PodDisruptionBudget)
        .create(
            &PostParams::default(),
            &serde_json::from_value(budget).unwrap(),
        )
        .await
        .unwrap();
    let mut kept = BTreeSet::new();
    for tag in ["1", "2"] {
        world.apply("demo", &spec(tag)).await;
        let what = format!("release {tag} to be kept while there is a conflict");
        let status = world
            .until("demo", &what, |status| {
                let is_other = |last: &LastGood| !kept.contains(&last.revision);
                condition(status, "Reconciled").1 == "Conflict"
                    && status.last_good.as_ref().is_some_and(is_other)
            })
            .await;
        assert_eq!(status.phase, Phase::Failed);
        kept.insert(status.last_good.unwrap().revision);
    }
    assert_eq!(
        releases(&world).await.into_keys().collect::<BTreeSet<_>>(),
        kept
    );
    world.delete().await;
}
