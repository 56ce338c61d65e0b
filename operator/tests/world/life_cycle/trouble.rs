//! The API server is away, busy, or has forgotten where watches are.

use kube::api::DeleteParams;
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::json;
use testkit::kubernetes::ControlPlane;
use testkit::wait;

use crate::harness::{Fault, Operator, PATIENCE, Refusal, World, at_rest};
use crate::{access, cluster};

#[tokio::test]
async fn what_is_deleted_while_watches_are_interrupted_is_made_again() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = world.canonical("demo").await;
    operator.tap.hold_watches();
    for (kind, name) in [
        (Kind::Service, "demo-order"),
        (Kind::ServiceAccount, "demo-user"),
    ] {
        world
            .api(kind)
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }
    operator.tap.expire_watches();
    operator.tap.heal();
    wait::until_within(PATIENCE, "both", || async {
        let service = world.api(Kind::Service).get_opt("demo-order").await?;
        let account = world.api(Kind::ServiceAccount).get_opt("demo-user").await?;
        Ok((service.is_some() && account.is_some()).then_some(()))
    })
    .await
    .unwrap();
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(world.canonical("demo").await, before);
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_platform_comes_to_be_through_refusals_of_every_kind() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let kinds = [
        Fault::Before(Refusal::TooManyRequests),
        Fault::After(Refusal::Internal),
        Fault::Before(Refusal::TimedOut),
        Fault::After(Refusal::TimedOut),
        Fault::Before(Refusal::Conflict),
    ];
    for fault in kinds {
        // Each of them ten times, whatever is asked.
        operator.tap.strike(fault, 7, 10, |_| true);
    }
    world.apply("demo", &json!({})).await;
    world.until_at_rest("demo", &operator.tap).await;
    assert!(operator.tap.heal() >= 30, "most of them struck");
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn an_api_server_that_starts_again_finds_an_operator_that_goes_on() {
    let plane = ControlPlane::start_with(&cluster::options()).await.unwrap();
    let world = World::at(access::config_of(plane.access()).await).await;
    let operator = Operator::start(&world);
    world.apply("demo", &json!({})).await;
    world.until_at_rest("demo", &operator.tap).await;
    let before = world.versions("demo").await;
    plane.apiserver().kill().await.unwrap();
    plane.apiserver().start().await.unwrap();
    world.note("demo", 91).await;
    world.until_quiet(&operator.tap).await;
    assert_eq!(world.versions("demo").await, before);
    world
        .api(Kind::Service)
        .delete("demo-order", &DeleteParams::default())
        .await
        .unwrap();
    wait::until_within(PATIENCE, "the repair", || async {
        Ok(world
            .api(Kind::Service)
            .get_opt("demo-order")
            .await?
            .map(drop))
    })
    .await
    .unwrap();

    // In the middle of a change, too.
    world
        .apply("demo", &json!({"images": {"tag": "0.1.0-7"}}))
        .await;
    plane.apiserver().kill().await.unwrap();
    plane.apiserver().start().await.unwrap();
    world.until_phase("demo", Phase::Ready).await;
    operator.stop().await;
    plane.remove().await.unwrap();
}
