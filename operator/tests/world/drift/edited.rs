//! Every field that is the operator's, of a child of every kind, is changed and removed by somebody else.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use kube::ResourceExt as _;
use kube::api::{DynamicObject, PostParams};
use operator::child::{ChildKey, Kind};
use operator::names::PLATFORM_LABEL;
use serde_json::{Value, json};
use testkit::wait;
use tokio::time::Instant;

use super::{owned, with_every_kind};
use crate::harness::{World, at_rest};

/// Half of the repairs take less, also beside other tests: the operator is told of a change. By itself it would look a minute later
/// or more, if at all.
const SOON: Duration = Duration::from_secs(20);

/// One child of each kind, of which the operator applies all; those with the most in them.
fn one_of_each(children: &BTreeMap<ChildKey, DynamicObject>) -> BTreeMap<Kind, String> {
    let mut chosen: BTreeMap<Kind, (usize, String)> = BTreeMap::new();
    for (key, object) in children {
        let fields = owned::fields(object).len();
        let best = chosen.entry(key.kind).or_default();
        if fields > best.0 {
            *best = (fields, key.name.clone());
        }
    }
    // Secrets are created once, and never written again.
    chosen
        .into_iter()
        .filter(|(_, (fields, _))| *fields > 0)
        .map(|(kind, (_, name))| (kind, name))
        .collect()
}

/// Puts another value, or none, in a field's place, as `intruder`. Returns whether the API server takes it as another one.
async fn intrude(
    world: &World,
    kind: Kind,
    name: &str,
    pointer: &str,
    value: Option<&Value>,
) -> bool {
    let api = world.api(kind);
    loop {
        let object = api.get(name).await.unwrap();
        let mut changed = json!(object);
        match value {
            Some(value) => *changed.pointer_mut(pointer).unwrap() = value.clone(),
            None => remove(&mut changed, pointer),
        }
        let parameters = PostParams {
            field_manager: Some("intruder".to_owned()),
            ..PostParams::default()
        };
        let changed: DynamicObject = serde_json::from_value(changed).unwrap();
        match api.replace(name, &parameters, &changed).await {
            Ok(after) => return json!(after).pointer(pointer) != json!(object).pointer(pointer),
            // The operator or a controller was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(_) => return false,
        }
    }
}

fn remove(object: &mut Value, pointer: &str) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match object.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Value::Array(items) => {
            items.remove(last.parse().unwrap());
        }
        other => panic!("{other} has no parts"),
    }
}

/// What became of the intrusions into one child.
#[derive(Debug, Default)]
struct Outcome {
    repairs: Vec<Duration>,
    refused: usize,
}

async fn every_field_of(world: &World, kind: Kind, name: &str) -> Outcome {
    let original = world.api(kind).get(name).await.unwrap();
    let mut outcome = Outcome::default();
    for pointer in owned::fields(&original) {
        let value = json!(original).pointer(&pointer).cloned().unwrap();
        let mut intrusions: Vec<_> = owned::others(&value).into_iter().map(Some).collect();
        if pointer.starts_with("/metadata/ownerReferences") {
            // The garbage collector removes what has another owner, before anybody can mend it.
            intrusions.clear();
        }
        if kind == Kind::PersistentVolumeClaim && pointer.ends_with("shopplatform.io~1platform") {
            // Without an owner nothing else says whose it is.
            continue;
        }
        let mut taken = false;
        for intrusion in intrusions {
            if intrude(world, kind, name, &pointer, intrusion.as_ref()).await {
                outcome
                    .repairs
                    .push(repaired(world, kind, name, &pointer, &value).await);
                taken = true;
                break;
            }
        }
        if intrude(world, kind, name, &pointer, None).await {
            outcome
                .repairs
                .push(repaired(world, kind, name, &pointer, &value).await);
            taken = true;
        }
        outcome.refused += usize::from(!taken);
    }
    outcome
}

/// How long it takes until a field has its value again.
async fn repaired(world: &World, kind: Kind, name: &str, pointer: &str, value: &Value) -> Duration {
    let begin = Instant::now();
    let what = format!("{pointer} of {kind} {name} to be {value} again");
    wait::until(&what, || async {
        let object = world.api(kind).get_opt(name).await?;
        let is_repaired =
            object.is_some_and(|object| json!(object).pointer(pointer) == Some(value));
        Ok(is_repaired.then_some(()))
    })
    .await
    .unwrap();
    begin.elapsed()
}

#[tokio::test]
async fn every_field_that_somebody_changes_or_removes_is_mended() {
    let (world, operator) = at_rest(&with_every_kind()).await;
    let children = world.children("demo").await;
    let chosen = one_of_each(&children);
    let outcomes: Vec<(Kind, Outcome)> = join_all(
        chosen
            .iter()
            .map(|(kind, name)| async { (*kind, every_field_of(&world, *kind, name).await) }),
    )
    .await;

    let mut repairs: Vec<Duration> = Vec::new();
    for (kind, outcome) in &outcomes {
        println!(
            "{kind}: {} mended, {} fields cannot be changed",
            outcome.repairs.len(),
            outcome.refused
        );
        // At least the labels of each.
        assert!(outcome.repairs.len() >= 5, "{kind}: {outcome:?}");
        repairs.extend(&outcome.repairs);
    }
    repairs.sort();
    let (median, slowest) = (repairs[repairs.len() / 2], repairs[repairs.len() - 1]);
    println!(
        "{} repairs: median {median:?}, slowest {slowest:?}",
        repairs.len()
    );
    assert!(median < SOON, "median {median:?}");

    let kinds: Vec<_> = outcomes.iter().map(|(kind, _)| *kind).collect();
    let built_in = Kind::ALL.into_iter();
    let all: Vec<_> = built_in
        .filter(|kind| kind.is_built_in() && !matches!(kind, Kind::Secret | Kind::CronJob))
        .collect();
    assert_eq!(kinds, all, "one of every kind that is applied");
    world.until_at_rest("demo", &operator.tap).await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_child_that_is_given_to_another_platform_is_taken_back() {
    let (world, operator) = at_rest(&json!({})).await;
    let pointer = "/metadata/labels/shopplatform.io~1platform";
    assert!(
        intrude(
            &world,
            Kind::Service,
            "demo-order",
            pointer,
            Some(&json!("other"))
        )
        .await
    );
    repaired(&world, Kind::Service, "demo-order", pointer, &json!("demo")).await;
    let service = world.api(Kind::Service).get("demo-order").await.unwrap();
    assert_eq!(
        service.labels().get(PLATFORM_LABEL).map(String::as_str),
        Some("demo")
    );
    operator.stop().await;
    world.delete().await;
}
