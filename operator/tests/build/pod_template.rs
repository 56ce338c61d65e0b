//! The escape hatch refuses what it cannot carry out, with the place of it.

use serde_json::{Value, json};

use crate::platforms::refused;

fn refusal(pod_template: &Value) -> String {
    refused(json!({"services": {"order": {"podTemplate": pod_template}}})).to_string()
}

#[test]
fn a_misspelt_field_is_refused_with_its_path() {
    assert_eq!(
        refusal(&json!({"spec": {"containers": [{"name": "order", "imagePolicy": "Always"}]}})),
        "podTemplate of order cannot be merged: spec.containers[0].imagePolicy is not a field of a pod template: correct or remove it"
    );
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    let refusal = refusal(&json!({"spec": {"terminationGracePeriodSeconds": "long"}}));
    assert!(
        refusal.starts_with("podTemplate of order cannot be merged: invalid type: string \"long\""),
        "{refusal}"
    );
}

#[test]
fn labels_that_the_pods_are_found_by_cannot_be_changed() {
    for label in [json!("other"), Value::Null] {
        let labels = json!({"metadata": {"labels": {"app.kubernetes.io/name": label}}});
        assert_eq!(
            refusal(&labels),
            "podTemplate of order cannot be merged: the label app.kubernetes.io/name is what the Deployment finds its pods by: \
             leave it as it is"
        );
    }
}
