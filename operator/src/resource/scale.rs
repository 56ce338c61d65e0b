//! How many replicas there are, and what each is given.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::rule;

/// As many replicas as the load needs.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
    "minReplicas is more than maxReplicas: lower the one or raise the other",
)]))]
pub struct Autoscaling {
    /// At least so many. Absent: as the profile says, or `maxReplicas` if that is less.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// At most so many.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// Of the processor time that is requested, in percent. Absent: 80.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(
        default,
        rename = "targetCPUUtilizationPercentage",
        skip_serializing_if = "Option::is_none"
    )]
    pub target_cpu_utilization_percentage: Option<i32>,
}

/// For whatever has both fields.
pub(super) fn either_replicas_or_autoscaling() -> Value {
    rule(
        "!(has(self.replicas) && has(self.autoscaling))",
        "either replicas or autoscaling, not both: remove one of them",
    )
}

/// Processor and memory of a container. Where only a limit is given, so much is set aside too.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    limit_is_no_less_than_request("cpu"),
    limit_is_no_less_than_request("memory"),
]))]
pub struct Resources {
    /// What is set aside for it.
    pub requests: ResourceList,
    /// What it may not pass.
    pub limits: ResourceList,
}

fn limit_is_no_less_than_request(name: &str) -> Value {
    let (request, limit) = (
        format!("self.requests.{name}"),
        format!("self.limits.{name}"),
    );
    rule(
        // What is no quantity has a message of its own.
        &format!(
            "!has({request}) || !has({limit}) || !isQuantity({request}) || !isQuantity({limit}) || \
             quantity({request}).compareTo(quantity({limit})) <= 0"
        ),
        &format!("requests.{name} is more than limits.{name}: lower the one or raise the other"),
    )
}

/// Quantities as Kubernetes writes them.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceList {
    /// Processor, such as `250m`.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = [rule(
        "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
        "cpu is a quantity above 0, such as 250m or 2",
    )]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory, such as `128Mi`.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = [rule(
        "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
        "memory is a quantity above 0, such as 128Mi or 2Gi",
    )]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}
