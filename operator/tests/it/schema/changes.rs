//! What is refused, or taken, when a platform that is there is changed.

use super::*;

/// From, to (as a merge patch), and the field and sentence with which it is refused; none if it is taken.
type Change = (Value, Value, Option<(&'static str, &'static str)>);

async fn assert_changes(changes: impl IntoIterator<Item = Change>) {
    let client = cluster::client().await;
    let api = platforms(&client, &access::namespace(&client).await);
    for (index, (from, to, refusal)) in changes.into_iter().enumerate() {
        let name = format!("changed-{index}");
        api.patch(&name, &applied(), &Patch::Apply(manifest(&name, &from)))
            .await
            .unwrap();
        let dry_run = PatchParams::default().dry_run();
        let result = api
            .patch(&name, &dry_run, &Patch::Merge(json!({"spec": to})))
            .await;
        match (result, refusal) {
            (Ok(_), None) => {}
            (Ok(_), Some((_, sentence))) => {
                panic!("{from} became {to}, without a word of: {sentence}")
            }
            (Err(error), None) => panic!("{from} could not become {to}: {error}"),
            (Err(error), Some((field, sentence))) => {
                assert_eq!(
                    causes(error),
                    [(field.to_owned(), sentence.to_owned())],
                    "{from} to {to}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_mode_cannot_be_changed() {
    let sentence = "the mode cannot be changed, the data would stay behind on the old server: make a new platform and move the data";
    let external = json!({"mode": "External", "external": {"secretRef": {"name": "s"}}});
    let managed = json!({"mode": "Managed", "external": null});
    assert_changes([
        (
            json!({}),
            json!({"mongodb": external}),
            Some(("spec.mongodb", sentence)),
        ),
        (
            json!({"rabbitmq": external}),
            json!({"rabbitmq": managed}),
            Some(("spec.rabbitmq", sentence)),
        ),
        // Taken away is changed, too.
        (
            json!({"rabbitmq": external}),
            json!({"rabbitmq": null}),
            Some(("spec.rabbitmq", sentence)),
        ),
        (
            json!({"postgres": {"mode": "CloudNativePG"}}),
            json!({"postgres": {"mode": "Managed"}}),
            Some(("spec.postgres", sentence)),
        ),
        (
            json!({"mongodb": external}),
            json!({"mongodb": {"external": {"secretRef": {"name": "other"}}}}),
            None,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_disk_grows_and_keeps_its_class() {
    let shrinks =
        "a disk never shrinks: leave its size (10Gi if none is written), or write a larger one";
    let class = "the class of a disk cannot be changed: make a new platform with the other class and move the data";
    let storage = |storage: Value| json!({"mongodb": {"managed": {"storage": storage}}});
    let at = "spec.mongodb.managed.storage";
    assert_changes([
        (
            storage(json!({"size": "20Gi"})),
            storage(json!({"size": "21Gi"})),
            None,
        ),
        (
            storage(json!({"size": "1Gi"})),
            storage(json!({"size": "1024Mi"})),
            None,
        ),
        (
            storage(json!({"size": "20Gi"})),
            storage(json!({"size": "20G"})),
            Some((at, shrinks)),
        ),
        (
            json!({}),
            storage(json!({"size": "9Gi"})),
            Some((at, shrinks)),
        ),
        (
            storage(json!({"size": "20Gi"})),
            storage(json!({"size": null})),
            Some((at, shrinks)),
        ),
        (
            storage(json!({"size": "20Gi"})),
            json!({"mongodb": null}),
            Some((at, shrinks)),
        ),
        (
            storage(json!({"size": "5Gi"})),
            storage(json!({"size": null})),
            None,
        ),
        (
            storage(json!({"className": "fast"})),
            storage(json!({"className": "slow"})),
            Some((at, class)),
        ),
        (
            storage(json!({"className": "fast"})),
            storage(json!({"className": null})),
            Some((at, class)),
        ),
        (
            json!({}),
            storage(json!({"className": "fast"})),
            Some((at, class)),
        ),
        (
            json!({"postgres": {"mode": "CloudNativePG"}}),
            json!({"postgres": {"cloudNativePG": {"storage": {"size": "1Gi"}}}}),
            Some(("spec.postgres.cloudNativePG.storage", shrinks)),
        ),
    ])
    .await;
}

#[tokio::test]
async fn members_are_never_fewer() {
    let fewer = |server: &str| match server {
        "mongodb" => {
            "mongodb cannot go from 3 members to 1, what they hold could be lost: set mongodb.managed.members to 3"
        }
        _ => {
            "rabbitmq cannot go from 3 members to 1, what they hold could be lost: set rabbitmq.managed.members to 3"
        }
    };
    let members = |server: &str, members: Value| json!({server: {"managed": {"members": members}}});
    let kept =
        json!({"mongodb": {"managed": {"members": 3}}, "rabbitmq": {"managed": {"members": 3}}});
    let mut production = kept.clone();
    production["profile"] = json!("Production");
    assert_changes([
        (json!({}), members("mongodb", json!(3)), None),
        (json!({}), json!({"profile": "Production"}), None),
        (
            members("mongodb", json!(3)),
            members("mongodb", json!(1)),
            Some(("spec", fewer("mongodb"))),
        ),
        (
            members("rabbitmq", json!(3)),
            members("rabbitmq", json!(null)),
            Some(("spec", fewer("rabbitmq"))),
        ),
        (
            json!({"profile": "Production", "mongodb": {"managed": {"members": 1}}}),
            json!({"profile": "Development"}),
            Some(("spec", fewer("rabbitmq"))),
        ),
        (production, json!({"profile": "Development"}), None),
    ])
    .await;
    // Servers of others have no members of ours.
    let external = json!({"mode": "External", "external": {"secretRef": {"name": "s"}}});
    assert_changes([(
        json!({"profile": "Production", "mongodb": external, "rabbitmq": external}),
        json!({"profile": "Development"}),
        None,
    )])
    .await;
}
