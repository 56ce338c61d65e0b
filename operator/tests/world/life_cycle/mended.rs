//! A spec that cannot be carried out, and the one after it.

use operator::resource::Phase;
use serde_json::{Value, json};

use crate::harness::{at_rest, condition, differences};

/// A spec, the reason why it is not Ready, and what the message has to name.
fn broken() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"version": "9.9.9"}), "VersionNotSupported", "9.9.9"),
        (
            json!({"mongodb": {"mode": "External", "external": {"secretRef": {"name": "nowhere"}}}}),
            "SpecInvalid or SecretMissing",
            "nowhere",
        ),
        (
            json!({"services": {"order": {"resources": {"requests": {"cpu": "lots"}}}}}),
            "InvalidQuantity",
            "lots",
        ),
        (
            json!({"services": {"order": {"podTemplate": {"spec": {"priorityClassName": "nowhere"}}}}}),
            "RollingOut or ComponentFailed",
            "nowhere",
        ),
        (
            json!({"services": {"order": {"podTemplate": {"spec": {"dnsPolicy": "Nonsense"}}}}}),
            "Refused",
            "Nonsense",
        ),
    ]
}

#[tokio::test]
async fn a_broken_spec_is_told_with_its_generation_and_the_next_good_one_is_carried_out() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = world.canonical("demo").await;
    for (spec, reasons, name) in broken() {
        let Ok(platform) = world.try_to_apply("demo", &spec).await else {
            // Refused where it is written, which is better still: nothing changed.
            continue;
        };
        let status = world
            .until("demo", &format!("{reasons} about {name}"), |status| {
                status
                    .message
                    .as_ref()
                    .is_some_and(|message| message.contains(name))
            })
            .await;
        assert_eq!(
            Some(status.observed_generation),
            platform.metadata.generation,
            "{name}"
        );
        let (ready, reason, _) = condition(&status, "Ready");
        assert_eq!(ready, "False", "{name}");
        assert!(
            reasons.split(" or ").any(|allowed| allowed == reason),
            "{name}: {reason}"
        );
        for condition in &status.conditions {
            assert_eq!(
                condition.observed_generation, platform.metadata.generation,
                "{name}"
            );
        }
        world.apply("demo", &json!({})).await;
        world.until_phase("demo", Phase::Ready).await;
    }
    world.until_at_rest("demo", &operator.tap).await;
    let (before, after) = (
        without_revisions(before),
        without_revisions(world.canonical("demo").await),
    );
    assert_eq!(differences(&before, &after), [""; 0]);
    operator.stop().await;
    world.delete().await;
}

/// Deployments count their forms.
pub(crate) fn without_revisions(mut children: Vec<Value>) -> Vec<Value> {
    for child in &mut children {
        if let Some(annotations) = child
            .pointer_mut("/metadata/annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.remove("deployment.kubernetes.io/revision");
        }
    }
    children
}
