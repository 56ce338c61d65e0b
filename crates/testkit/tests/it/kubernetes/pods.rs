//! What pods do, and how they go wrong.

use serde_json::{Value, json};

use super::api::{Api, condition, template};

async fn start(api: &Api, name: &str, image: &str) {
    let mut pod = template(image, "Always");
    pod["metadata"] = json!({ "name": name });
    api.create(&api.path("v1", "pods"), pod).await;
}

/// Its phase, whether it is ready, and what its container waits for.
fn state(pod: &Value) -> (&str, &str, &str) {
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
    (
        pod["status"]["phase"].as_str().unwrap_or_default(),
        condition(pod, "Ready"),
        waiting.as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn the_tag_of_its_image_makes_a_pod_go_wrong() {
    let api = Api::shared().await;
    let expected = [
        ("good", "shop:1", ("Running", "True", "")),
        ("unready", "shop:unready", ("Running", "False", "")),
        (
            "missing",
            "registry:5000/shop:missing",
            ("Pending", "False", "ImagePullBackOff"),
        ),
        (
            "crashing",
            "shop:crashing",
            ("Running", "False", "CrashLoopBackOff"),
        ),
    ];
    for (name, image, _) in expected {
        start(&api, name, image).await;
    }
    for (name, _, expected) in expected {
        let pod = api.path("v1", &format!("pods/{name}"));
        api.until("the pod to get there", &pod, |pod| state(pod) == expected)
            .await;
    }
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_says_why() {
    let api = Api::shared().await;
    let mut pod = template("shop:1", "Always");
    pod["metadata"] = json!({ "name": "lost" });
    pod["spec"]["nodeSelector"] = json!({ "topology.kubernetes.io/zone": "the-moon" });
    api.create(&api.path("v1", "pods"), pod).await;
    let why = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
    api.until(
        "the scheduler to say so",
        &api.path("v1", "pods/lost"),
        |pod| {
            let scheduled = &pod["status"]["conditions"][0];
            scheduled["type"] == "PodScheduled"
                && scheduled["reason"] == "Unschedulable"
                && scheduled["message"]
                    .as_str()
                    .is_some_and(|told| told.starts_with(why))
        },
    )
    .await;
}
