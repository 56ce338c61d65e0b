//! At rest nothing is asked and nothing is written, whatever an operator is reminded of, and also by one that starts.

use std::collections::BTreeMap;

use operator::child::Kind;
use testkit::wait;

use crate::cloud_native_pg;
use crate::harness::{Asked, Operator, PATIENCE, Tap, Verb, World};

/// How many requests of this kind there were since, by resource.
fn counts(tap: &Tap, mark: usize, verb: Verb) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in tap.since(mark) {
        if record.asked.verb == verb {
            *counts.entry(record.asked.resource).or_default() += 1;
        }
    }
    counts
}

/// How many watches of a resource there are: each kind that not every cluster has has one of its definition.
fn at_a_time(resource: &str) -> usize {
    if resource == "customresourcedefinitions" {
        Kind::ALL.iter().filter(|kind| !kind.is_built_in()).count()
    } else {
        1
    }
}

/// The one write that a change of the generation takes.
fn status_of(name: &str) -> Asked {
    Asked {
        verb: Verb::Apply,
        resource: "shopplatforms/status".to_owned(),
        name: name.to_owned(),
    }
}

/// `secrets`: how many Secrets of people the spec points to.
async fn an_example_is_at_rest_once_it_is_ready(example: &str, secrets: usize) {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let name = world.apply_example(example).await;
    comes_to_rest(world, operator, name, secrets).await;
}

async fn comes_to_rest(world: World, operator: Operator, name: String, secrets: usize) {
    world.until_at_rest(&name, &operator.tap).await;
    let versions = world.versions(&name).await;

    let tap = &operator.tap;
    let (mark, watches) = (tap.mark(), counts(tap, 0, Verb::Watch).into_keys());
    let watches: Vec<_> = watches.collect();
    for times in 1..=5 {
        world.touch(&name, &times.to_string()).await;
        tap.expire_watches();
        wait::until_within(PATIENCE, "all watches to begin anew", || async {
            let anew = counts(tap, mark, Verb::Watch);
            let mut watches = watches.iter();
            let are_anew = watches.all(|resource| {
                anew.get(resource)
                    .is_some_and(|anew| *anew >= times * at_a_time(resource))
            });
            Ok(are_anew.then_some(()))
        })
        .await
        .unwrap();
    }
    // Which also shows that it is awake.
    world.note(&name, 91).await;
    world.until_quiet(tap).await;
    assert_eq!(tap.writes_since(mark), [status_of(&name)]);
    assert_eq!(counts(tap, mark, Verb::Get), BTreeMap::new());
    let (lists, anew) = (
        counts(tap, mark, Verb::List),
        counts(tap, mark, Verb::Watch),
    );
    let beside = lists
        .iter()
        .find(|(resource, count)| *count > anew.get(*resource).unwrap_or(&0));
    assert_eq!(beside, None, "there are only those of the watches");
    assert_eq!(world.versions(&name).await, versions);
    operator.stop().await;

    let operator = Operator::start(&world);
    world.note(&name, 92).await;
    world.until_quiet(&operator.tap).await;
    assert_eq!(operator.tap.writes_since(0), [status_of(&name)]);
    let read: Vec<_> = operator.tap.since(0);
    let read: Vec<_> = read
        .iter()
        .filter(|record| record.asked.verb == Verb::Get)
        .map(|record| record.asked.resource.as_str())
        .collect();
    assert_eq!(read, vec!["secrets"; secrets], "what it cannot remember");
    assert_eq!(
        counts(&operator.tap, 0, Verb::List),
        counts(&operator.tap, 0, Verb::Watch),
        "those of the watches"
    );
    assert_eq!(world.versions(&name).await, versions);
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn the_minimal_example_is_at_rest_once_it_is_ready() {
    an_example_is_at_rest_once_it_is_ready("minimal", 0).await;
}

#[tokio::test]
async fn the_production_example_is_at_rest_once_it_is_ready() {
    an_example_is_at_rest_once_it_is_ready("production", 1).await;
}

#[tokio::test]
async fn the_example_with_external_back_ends_is_at_rest_once_it_is_ready() {
    an_example_is_at_rest_once_it_is_ready("external-back-ends", 3).await;
}

#[tokio::test]
async fn the_example_with_an_extra_service_is_at_rest_once_it_is_ready() {
    an_example_is_at_rest_once_it_is_ready("extra-service", 0).await;
}

#[tokio::test]
async fn the_example_with_cloudnativepg_is_at_rest_once_it_is_ready() {
    let (plane, world) = World::with_cloud_native_pg().await;
    let operator = Operator::start(&world);
    let name = world.apply_example("cloudnativepg").await;
    let clusters = world.api(Kind::CloudNativePgCluster);
    cloud_native_pg::play(&clusters, &format!("{name}-postgres")).await;
    comes_to_rest(world, operator, name, 0).await;
    plane.remove().await.unwrap();
}
