//! The escape hatch: what people write as `podTemplate` is merged into the pod template that we made.
//!
//! * Objects are merged, field by field; what people wrote counts more.
//! * A field that is `null` is removed.
//! * A list whose items all have a `name`, in both, is merged by it: an item of a known name into ours, others are added after
//!   ours. So `containers: [{name: order, …}]` changes our container and `containers: [{name: proxy, …}]` adds one. Mounts
//!   (`volumeMounts`, `volumeDevices`), where one volume may stand several times, go by their path.
//! * Any other list takes the place of ours.
//!
//! The result must be a pod template as Kubernetes knows it: a field that it does not know is refused, for it would be dropped
//! without a word. Labels that the Deployment finds its pods by cannot be changed.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Map, Value};

use crate::build::BuildError;
use crate::platform::{Platform, Workload};

/// Our template with the workload's own merged into it.
pub(super) fn merge(
    platform: &Platform,
    workload: &Workload,
    ours: PodTemplateSpec,
) -> Result<PodTemplateSpec, BuildError> {
    let Some(theirs) = &workload.pod_template else {
        return Ok(ours);
    };
    let refuse = |reason: String| BuildError::PodTemplate {
        component: workload.component.to_string(),
        reason,
    };
    let mut merged = serde_json::to_value(ours).map_err(|error| refuse(error.to_string()))?;
    into(&mut merged, theirs, "");
    let template: PodTemplateSpec = serde_json::from_value(merged.clone())
        .map_err(|error| refuse(format!("{error}. Write it as a Deployment's spec.template")))?;
    let understood = serde_json::to_value(&template).map_err(|error| refuse(error.to_string()))?;
    if let Some(path) = unknown(&merged, &understood) {
        return Err(refuse(format!(
            "{path} is not a field of a pod template: correct or remove it"
        )));
    }
    let labels = template.metadata.as_ref();
    let labels = labels.and_then(|metadata| metadata.labels.as_ref());
    let needed = platform.owner.selector(&workload.component);
    let lost = needed
        .iter()
        .find(|(key, value)| labels.and_then(|labels| labels.get(*key)) != Some(value));
    match lost {
        Some((label, _)) => Err(refuse(format!(
            "the label {label} is what the Deployment finds its pods by: leave it as it is"
        ))),
        None => Ok(template),
    }
}

/// Merges `theirs` into `ours`; `field` is the name of the field that both are in.
fn into(ours: &mut Value, theirs: &Value, field: &str) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => objects(ours, theirs),
        (Value::Array(ours), Value::Array(theirs)) => lists(ours, theirs, field),
        (ours, theirs) => *ours = without_nulls(theirs),
    }
}

fn objects(ours: &mut Map<String, Value>, theirs: &Map<String, Value>) {
    for (field, value) in theirs {
        if value.is_null() {
            ours.remove(field);
            continue;
        }
        match ours.get_mut(field) {
            Some(ours) => into(ours, value, field),
            None => {
                ours.insert(field.clone(), without_nulls(value));
            }
        }
    }
}

fn lists(ours: &mut Vec<Value>, theirs: &[Value], field: &str) {
    let key = match field {
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        _ => "name",
    };
    let is_keyed = |item: &Value| item.get(key).is_some_and(Value::is_string);
    if !ours.iter().all(is_keyed) || !theirs.iter().all(is_keyed) {
        *ours = theirs.iter().map(without_nulls).collect();
        return;
    }
    for item in theirs {
        match ours
            .iter_mut()
            .find(|known| known.get(key) == item.get(key))
        {
            Some(known) => into(known, item, ""),
            None => ours.push(without_nulls(item)),
        }
    }
}

/// What is new has nothing that its nulls could remove.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(field, value)| (field.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// The path of the first field that was not understood.
fn unknown(written: &Value, understood: &Value) -> Option<String> {
    match (written, understood) {
        (Value::Object(written), Value::Object(understood)) => {
            written.iter().find_map(|(field, value)| {
                let below = match understood.get(field) {
                    Some(understood) => unknown(value, understood)?,
                    None => String::new(),
                };
                Some(join(field, &below))
            })
        }
        (Value::Array(written), Value::Array(understood)) => {
            let pairs = written.iter().zip(understood).enumerate();
            let mut below = pairs.filter_map(|(index, (written, understood))| {
                let below = unknown(written, understood)?;
                Some(join(&format!("[{index}]"), &below))
            });
            below.next()
        }
        _ => None,
    }
}

fn join(field: &str, below: &str) -> String {
    match below {
        "" => field.to_owned(),
        below if below.starts_with('[') => format!("{field}{below}"),
        below => format!("{field}.{below}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut ours: Value, theirs: &Value) -> Value {
        into(&mut ours, theirs, "");
        ours
    }

    #[test]
    fn objects_are_merged_nulls_remove_and_other_lists_are_replaced() {
        let ours = json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "kept": true});
        let theirs = json!({"a": {"b": null, "c": 3, "d": {"e": null}}, "list": [3]});
        assert_eq!(
            merged(ours, &theirs),
            json!({"a": {"c": 3, "d": {}}, "list": [3], "kept": true})
        );
    }

    #[test]
    fn named_items_are_merged_by_name_and_new_ones_come_last() {
        let ours = json!({"containers": [{"name": "order", "image": "a", "args": ["x"]}]});
        let theirs = json!({"containers": [{"name": "proxy"}, {"name": "order", "image": "b"}]});
        assert_eq!(
            merged(ours, &theirs),
            json!({"containers": [{"name": "order", "image": "b", "args": ["x"]}, {"name": "proxy"}]})
        );
    }

    #[test]
    fn mounts_go_by_their_path_for_a_volume_may_be_mounted_twice() {
        let ours = json!({"volumeMounts": [{"name": "a", "mountPath": "/a"}]});
        let theirs = json!({"volumeMounts": [{"name": "a", "mountPath": "/b"}, {"name": "c", "mountPath": "/a"}]});
        assert_eq!(
            merged(ours, &theirs),
            json!({"volumeMounts": [{"name": "c", "mountPath": "/a"}, {"name": "a", "mountPath": "/b"}]})
        );
    }

    #[test]
    fn a_field_that_was_not_understood_is_told_with_its_path() {
        let written = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "imag": "c"}]}});
        let understood = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        assert_eq!(
            unknown(&written, &understood).as_deref(),
            Some("spec.containers[1].imag")
        );
        assert_eq!(unknown(&understood, &understood), None);
    }
}
