//! Rotations, each to its end.

use std::sync::Arc;
use std::time::Duration;

use contracts::{Clock, SystemClock, Timestamp};
use kube::ResourceExt as _;
use operator::resource::{Phase, ShopPlatformStatus};
use serde_json::json;
use testkit::wait;

use super::{of_generation, until_rotated, until_secrets, users_of_order};
use crate::harness::{Fault, Operator, PATIENCE, Tap, Verb, World, at_rest};

/// A clock that is ahead.
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let ahead = i64::try_from(self.0.as_millis()).unwrap();
        Timestamp::from_unix_millis(SystemClock.now().unix_millis() + ahead)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_that_are_old_enough_are_replaced_though_nothing_else_happens() {
    let (world, operator) = at_rest(&json!({"credentials": {"rotateAfter": "1h"}})).await;
    let status = world.until_phase("demo", Phase::Ready).await;
    let first = status.credentials.unwrap();
    assert_eq!((first.generation, first.rotating), (1, false));
    until_secrets(&world, &of_generation(1)).await;
    assert_eq!(users_of_order(&world).await, ("order_a".to_owned(), None));
    operator.stop().await;

    // For another operator the hour is over in a quarter of a minute.
    let due = SystemClock.now().unix_millis() + 15_000;
    let ahead = u64::try_from(first.next.unwrap().0.as_millisecond() - due).unwrap();
    let clock = Ahead(Duration::from_millis(ahead));
    let operator = Operator::start_at(Arc::new(clock), &world);
    let status = until_rotated(&world, 2).await;
    let second = status.credentials.unwrap();
    // When its first Secret was made, by the API server's clock, which is this one too.
    let begun = second.next.unwrap().0.as_second() - 3_600;
    assert!(begun >= due / 1_000, "begun at {begun}, due at {due} ms");
    until_secrets(&world, &of_generation(2)).await;
    assert_eq!(
        users_of_order(&world).await,
        ("order_b".to_owned(), Some("order_a".to_owned()))
    );
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_new_passwords_gets_them_once() {
    let (world, operator) = at_rest(&json!({})).await;
    let ask = async |text: &str| {
        let annotations = json!({"shopplatform.io/rotate-credentials": text});
        world
            .change("demo", &json!({"metadata": {"annotations": annotations}}))
            .await;
    };
    ask("leaked").await;
    until_rotated(&world, 2).await;
    world.until_at_rest("demo", &operator.tap).await;
    until_secrets(&world, &of_generation(2)).await;
    operator.stop().await;

    // Neither another operator nor another look does it again.
    let operator = Operator::start(&world);
    world.note("demo", 30).await;
    let status = world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(status.credentials.unwrap().generation, 2);
    ask("leaked again").await;
    until_rotated(&world, 3).await;
    world.until_at_rest("demo", &operator.tap).await;
    until_secrets(&world, &of_generation(3)).await;
    assert_eq!(
        users_of_order(&world).await,
        ("order_a".to_owned(), Some("order_b".to_owned()))
    );
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_gone_on_with_wherever_the_operator_died() {
    let (world, operator) = at_rest(&json!({})).await;
    let mut generation = 1;
    // The first Secrets, the Jobs, the workloads, and what goes at the end.
    for (verb, resource, before) in [
        (Verb::Create, "secrets", 0),
        (Verb::Create, "secrets", 3),
        (Verb::Apply, "jobs", 0),
        (Verb::Apply, "deployments", 1),
        (Verb::Delete, "jobs", 0),
        (Verb::Delete, "secrets", 1),
    ] {
        generation += 1;
        operator.tap.strike(Fault::Crash, before, 1, move |asked| {
            asked.verb == verb && asked.resource == resource
        });
        let mark = operator.tap.mark();
        let text = format!("after {verb:?} of {resource} {before}");
        let annotations = json!({"shopplatform.io/rotate-credentials": text});
        world
            .change("demo", &json!({"metadata": {"annotations": annotations}}))
            .await;
        until_rotated(&world, generation).await;
        world.until_at_rest("demo", &operator.tap).await;
        assert_eq!(operator.tap.heal(), 1, "it died once: {text}");
        until_secrets(&world, &of_generation(generation)).await;
        let secrets_made = made(&operator.tap, mark);
        assert_eq!(secrets_made, 5, "four services and a key; {text}");
    }
    operator.stop().await;
    world.delete().await;
}

/// How many Secrets were made since.
fn made(tap: &Tap, mark: usize) -> usize {
    let counts = tap.created_and_deleted_since(mark).into_iter();
    counts
        .filter(|((verb, resource, _), _)| *verb == Verb::Create && resource == "secrets")
        .map(|(_, count)| count)
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_is_not_ready_keeps_its_passwords_until_it_is() {
    let world = World::new().await;
    let operator = Operator::start_at(Arc::new(Ahead(Duration::from_hours(2))), &world);
    let spec = |image: &str| {
        json!({
            "credentials": {"rotateAfter": "1h"},
            "services": {"extra": [{"name": "pages", "image": image, "port": 80}]},
        })
    };
    world.apply("demo", &spec("pages:missing")).await;
    world
        .until("demo", "all but one to be ready", |status| {
            status.ready == "8/9"
        })
        .await;
    world.until_quiet(&operator.tap).await;
    until_secrets(&world, &of_generation(1)).await;
    world.apply("demo", &spec("pages:1")).await;
    world
        .until("demo", "the second generation", |status| {
            status.phase == Phase::Ready
                && status
                    .credentials
                    .as_ref()
                    .is_some_and(|credentials| credentials.generation > 1)
        })
        .await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_whose_secrets_cannot_be_made_is_told_and_tried_ever_more_seldom() {
    let (world, operator) = at_rest(&json!({})).await;
    operator.stop().await;
    let operator = Operator::start_at(Arc::new(Ahead(Duration::from_hours(2))), &world);
    world.limit(&json!({"secrets": "1"})).await;
    world
        .apply("demo", &json!({"credentials": {"rotateAfter": "1h"}}))
        .await;
    // The first try may come before the API server has counted what a new quota is about.
    let is_told = |status: &ShopPlatformStatus| {
        let message = status.message.as_deref().unwrap_or_default();
        status.phase == Phase::Failed && message.contains("exceeded quota: small")
    };
    world.until("demo", "the quota to be told", is_told).await;
    let told = world.platforms().get("demo").await.unwrap();
    let mark = operator.tap.mark();
    let tries = || {
        let records = operator.tap.since(mark).into_iter();
        let asked = records.map(|record| record.asked);
        asked
            .filter(|asked| asked.verb == Verb::Create && asked.resource == "secrets")
            .count()
    };
    // Five Secrets, two tries.
    wait::until_within(PATIENCE, "two more tries", || async {
        Ok((tries() >= 10).then_some(()))
    })
    .await
    .unwrap();
    let still = world.platforms().get("demo").await.unwrap();
    assert_eq!(still.status, told.status, "it says something else");
    assert_eq!(
        still.resource_version(),
        told.resource_version(),
        "its status goes to and fro"
    );
    world.unlimit().await;
    until_rotated(&world, 2).await;
    operator.stop().await;
    world.delete().await;
}
