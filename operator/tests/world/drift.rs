//! Whatever somebody does to a child is mended, and what others have in it is theirs.

mod deleted;
mod edited;
mod foreign;
mod owned;

use serde_json::{Value, json};

/// A platform that has children of every kind that a cluster has without further definitions.
fn with_every_kind() -> Value {
    json!({
        "gateway": {
            "expose": {"type": "Ingress", "host": "shop.example"},
            "autoscaling": {"maxReplicas": 3},
        },
        "services": {"product": {"replicas": 2}},
    })
}
