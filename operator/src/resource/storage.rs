//! Disks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::rule;

/// The disk of each member of a managed server.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule(
        "!isQuantity(self.size) || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
        "a disk never shrinks: leave its size (10Gi if none is written), or write a larger one",
    ),
    rule(
        "has(self.className) ? has(oldSelf.className) && self.className == oldSelf.className : !has(oldSelf.className)",
        "the class of a disk cannot be changed: make a new platform with the other class and move the data",
    ),
]))]
pub struct StorageSpec {
    /// How much, such as `10Gi`. It can grow if its class can expand, and never shrinks.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = [rule(
        "isQuantity(self) && quantity(self).compareTo(quantity('256Mi')) >= 0",
        "size is a quantity of at least 256Mi, such as 10Gi",
    )]))]
    pub size: String,
    /// The storage class. Absent: the cluster's default. It cannot be changed.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
}

impl Default for StorageSpec {
    /// The same for all profiles, so that a platform that changes its profile asks for no smaller disk.
    fn default() -> Self {
        Self {
            size: "10Gi".to_owned(),
            class_name: None,
        }
    }
}
