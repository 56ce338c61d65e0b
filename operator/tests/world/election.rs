//! Several operators: one works. These are processes, for they are killed.

mod process;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use operator::check::CheckArgs;
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::json;
use testkit::wait;
use tokio::time::Instant;

use crate::harness::{Operator, PATIENCE, Tap, World};
use process::OperatorProcess;

const LEASE: &str = "shopplatform-operator";

async fn holder(world: &World) -> Option<String> {
    let leases = Api::<Lease>::namespaced(world.client.clone(), &world.namespace);
    leases.get_opt(LEASE).await.unwrap()?.spec?.holder_identity
}

/// Waits until this one has the lease. Returns for how long.
async fn until_held_by(world: &World, who: &str) -> Duration {
    let begin = Instant::now();
    wait::until_within(PATIENCE, &format!("{who} to have the lease"), || async {
        Ok((holder(world).await.as_deref() == Some(who)).then_some(()))
    })
    .await
    .unwrap();
    begin.elapsed()
}

/// Deletes a Service and waits until it is there again. Returns for how long.
async fn until_repaired(world: &World) -> Duration {
    let begin = Instant::now();
    let services = world.api(Kind::Service);
    services
        .delete("demo-order", &DeleteParams::default())
        .await
        .unwrap();
    wait::until_within(PATIENCE, "the repair", || async {
        Ok(services.get_opt("demo-order").await?.map(drop))
    })
    .await
    .unwrap();
    begin.elapsed()
}

/// Two operators, of which `first` works, and a platform that is ready.
async fn two_operators(world: &World) -> (OperatorProcess, OperatorProcess) {
    let first = OperatorProcess::start(world, "first").await;
    until_held_by(world, "first").await;
    let second = OperatorProcess::start(world, "second").await;
    world.apply("demo", &json!({})).await;
    world.until_phase("demo", Phase::Ready).await;
    assert_eq!(holder(world).await.as_deref(), Some("first"));
    (first, second)
}

#[tokio::test]
async fn who_is_told_to_end_gives_the_lease_back_and_the_next_one_works_at_once() {
    let world = World::new().await;
    let (first, second) = two_operators(&world).await;
    first.signal("TERM").await;
    let handed_over = until_held_by(&world, "second").await;
    assert!(first.ended().await.success());
    println!("handed over after {handed_over:?}");
    // A lease that is not given back is taken when 15 s have passed in which nobody renewed it.
    assert!(handed_over < Duration::from_secs(10), "{handed_over:?}");
    until_repaired(&world).await;
    world.until_phase("demo", Phase::Ready).await;
    second.signal("TERM").await;
    assert!(second.ended().await.success());
    assert_eq!(holder(&world).await, None);
    world.delete().await;
}

#[tokio::test]
async fn who_is_killed_is_followed_once_its_lease_has_run_out() {
    let world = World::new().await;
    let (first, second) = two_operators(&world).await;
    first.signal("KILL").await;
    let taken_over = until_repaired(&world).await;
    println!("taken over after {taken_over:?}");
    // A lease lasts 15 seconds, and where the processors are taken it may have been renewed some time before.
    let waited = Duration::from_secs(5)..Duration::from_mins(1);
    assert!(waited.contains(&taken_over), "{taken_over:?}");
    assert_eq!(holder(&world).await.as_deref(), Some("second"));
    second.signal("TERM").await;
    assert!(second.ended().await.success());
    world.delete().await;
}

#[tokio::test]
async fn who_loses_the_lease_ends() {
    let world = World::new().await;
    let first = OperatorProcess::start(&world, "first").await;
    until_held_by(&world, "first").await;
    let leases = Api::<Lease>::namespaced(world.client.clone(), &world.namespace);
    let taken = json!({"spec": {"holderIdentity": "somebody"}});
    leases
        .patch(LEASE, &PatchParams::default(), &Patch::Merge(&taken))
        .await
        .unwrap();
    assert!(!first.ended().await.success());
    assert_eq!(holder(&world).await.as_deref(), Some("somebody"));
    world.delete().await;
}

#[tokio::test]
async fn who_stood_still_while_another_took_over_ends_when_it_wakes() {
    let world = World::new().await;
    let (first, second) = two_operators(&world).await;
    first.signal("STOP").await;
    until_held_by(&world, "second").await;
    first.signal("CONT").await;
    assert!(!first.ended().await.success());
    assert_eq!(holder(&world).await.as_deref(), Some("second"));
    until_repaired(&world).await;
    second.signal("TERM").await;
    assert!(second.ended().await.success());
    world.delete().await;
}

#[tokio::test]
async fn who_waits_with_a_failing_platform_ends_at_once_too() {
    let world = World::new().await;
    let first = OperatorProcess::start(&world, "first").await;
    until_held_by(&world, "first").await;
    // Tried again and again, later each time.
    let external =
        json!({"services": {"order": {"podTemplate": {"spec": {"dnsPolicy": "Nonsense"}}}}});
    world.apply("demo", &external).await;
    world
        .until("demo", "the refusal to be told", |status| {
            status.phase == Phase::Failed
        })
        .await;
    let begin = Instant::now();
    first.signal("TERM").await;
    assert!(first.ended().await.success());
    // Who waits for the next try, and the next, never ends.
    let ended = begin.elapsed();
    assert!(ended < Duration::from_secs(30), "{ended:?}");
    assert_eq!(holder(&world).await, None);
    world.delete().await;
}

#[tokio::test]
async fn another_installation_leaves_a_platform_alone_until_it_is_given_free() {
    let world = World::new().await;
    let first = Operator::start_as("first", &world, Tap::new());
    world.apply("demo", &json!({})).await;
    world.until_at_rest("demo", &first.tap).await;
    let second = Operator::start_as("second", &world, Tap::new());
    world.note("demo", 91).await;
    world.until_quiet(&second.tap).await;
    assert_eq!(
        second.tap.writes_since(0),
        [],
        "also no status: both would write it in turn"
    );
    let status = world.until_at_rest("demo", &first.tap).await;
    assert_eq!(status.operator.as_deref(), Some("first"));
    first.stop().await;

    let versions = world.versions("demo").await;
    let free = json!({"status": {"operator": null}});
    let parameters = PatchParams::default();
    world
        .platforms()
        .patch_status("demo", &parameters, &Patch::Merge(&free))
        .await
        .unwrap();
    let status = world
        .until("demo", "the second one to take it", |status| {
            status.operator.is_some()
        })
        .await;
    assert_eq!(status.operator.as_deref(), Some("second"));
    world.until_at_rest("demo", &second.tap).await;
    assert_eq!(
        world.versions("demo").await,
        versions,
        "and changes nothing"
    );
    second.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_check_names_the_operator_that_works_or_says_why_none_does() {
    let world = World::new().await;
    let check = async |wait| {
        let args = CheckArgs {
            namespace: world.namespace.clone(),
            watch_namespace: Some(world.namespace.clone()),
            wait,
        };
        let checked = operator::check::works(&world.client, &args).await;
        checked.map_err(|error| error.to_string())
    };
    let nobody = "no operator works: nobody has the lease; see the log of its pods";
    assert_eq!(check(0).await, Err(nobody.to_owned()));
    let first = OperatorProcess::start(&world, "first").await;
    assert_eq!(check(20).await.unwrap(), "the operator first works");
    first.signal("KILL").await;
    assert!(!first.ended().await.success());
    let dead = "no operator works: first has the lease and does not renew it";
    assert_eq!(check(0).await, Err(dead.to_owned()));
    world.delete().await;
}
