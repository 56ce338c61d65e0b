//! Pieces of the schema that cannot be derived: rules in CEL, and objects whose fields are not ours.
//!
//! No field is nullable (see [`crate::crd`]), and every object that the schema knows has a default: so `has()` is exact, parents
//! never appear or vanish between two versions, and a rule that compares with `oldSelf` is never passed over.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// What must hold, and what to do if it does not.
pub(super) fn rule(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message})
}

/// Components with an image of ours, and what each may be replaced by.
pub(super) fn image_overrides(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 6,
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 512, "pattern": r"^\S+$"},
        "x-kubernetes-validations": [rule(
            "self.all(name, name in ['gateway', 'user', 'product', 'order', 'notification', 'shopctl'])",
            "overrides are for gateway, user, product, order, notification and shopctl; \
             the images of servers are set at mongodb.managed.image, postgres.managed.image and rabbitmq.managed.image",
        )],
    })
}

/// Annotations.
pub(super) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 8192},
    })
}

/// `metadata` and `spec` of a pod template, whose fields the API server checks in a dry run.
pub(super) fn pod_template(_: &mut SchemaGenerator) -> Schema {
    let any = |description: &str| {
        json!({
            "type": "object",
            "description": description,
            "maxProperties": 64,
            "x-kubernetes-preserve-unknown-fields": true,
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "metadata": any("Labels and annotations."),
            "spec": any("As in a pod."),
        },
    })
}

/// `NetworkPolicyPeer` of `networking.k8s.io/v1`.
pub(super) fn peers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "items": {
            "type": "object",
            "properties": {
                "ipBlock": {
                    "type": "object",
                    "required": ["cidr"],
                    "properties": {
                        "cidr": cidr(),
                        "except": {"type": "array", "maxItems": 32, "items": cidr()},
                    },
                },
                "namespaceSelector": selector(),
                "podSelector": selector(),
            },
            "x-kubernetes-validations": [rule(
                "has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))",
                "a peer is either an ipBlock or a namespaceSelector, a podSelector or both",
            )],
        },
    })
}

fn cidr() -> Value {
    json!({
        "type": "string",
        "maxLength": 49,
        "x-kubernetes-validations": [rule("isCIDR(self)", "write a network such as 10.0.0.0/8 or 2001:db8::/32")],
    })
}

fn selector() -> Value {
    json!({
        "type": "object",
        "properties": {
            "matchLabels": {
                "type": "object",
                "maxProperties": 16,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "type": "array",
                "maxItems": 16,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "maxLength": 317},
                        "operator": {"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                        "values": {"type": "array", "maxItems": 32, "items": {"type": "string", "maxLength": 63}},
                    },
                },
            },
        },
    })
}

/// `Time` of `meta/v1`.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

/// `Condition` of `meta/v1`.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {"type": "string", "maxLength": 316},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
                "message": {"type": "string", "maxLength": 32768},
            },
        },
    })
}
