//! Releases are kept to go back to.

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt as _};
use operator::resource::Phase;
use serde_json::json;
use testkit::wait;

use crate::harness::{Fault, Operator, Refusal, Verb, World, is};

fn kept(world: &World) -> Api<ControllerRevision> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

#[tokio::test]
async fn a_good_release_that_cannot_be_kept_is_told_and_is_kept_later() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let refusal = Fault::Before(Refusal::Internal);
    operator.tap.strike(refusal, 0, 3, |asked| {
        asked.verb == Verb::Apply && asked.resource == "controllerrevisions"
    });
    world.apply("demo", &json!({})).await;
    let told = world
        .until("demo", "the release to be missed", |status| {
            status.phase == Phase::Ready
                && is(status, "Reconciled", ("False", "ApiServerUnavailable"))
        })
        .await;
    assert!(is(&told, "Ready", ("True", "AsSpecified")), "{told:?}");
    assert_eq!(told.last_good, None);
    let message = told.message.unwrap();
    assert!(
        message.starts_with("ControllerRevision demo-release-")
            && message.ends_with("injected by the test"),
        "{message}"
    );

    let status = world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(status.message, None);
    kept(&world)
        .get(&status.last_good.unwrap().revision)
        .await
        .unwrap();
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_release_that_somebody_deletes_is_kept_again() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply("demo", &json!({})).await;
    let status = world.until_at_rest("demo", &operator.tap).await;
    let name = status.last_good.unwrap().revision;
    let releases = kept(&world);
    let before = releases.get(&name).await.unwrap();
    releases
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    wait::until("the release to be kept again", || async {
        let after = releases.get_opt(&name).await?;
        Ok(after.filter(|after| after.uid() != before.uid() && after.data == before.data))
    })
    .await
    .unwrap();
    operator.stop().await;
    world.delete().await;
}
