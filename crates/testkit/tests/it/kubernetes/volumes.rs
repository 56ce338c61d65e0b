//! Claims and volumes.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::{Api, template};

fn claim(name: &str, class: Option<&str>) -> Value {
    let spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": class,
        "resources": { "requests": { "storage": "1Gi" } },
    });
    json!({ "metadata": { "name": name }, "spec": spec })
}

fn grown() -> Value {
    json!({ "spec": { "resources": { "requests": { "storage": "2Gi" } } } })
}

async fn until_bound(api: &Api, claim: &str, size: &str) -> Value {
    api.until("the claim to be bound", claim, |claim| {
        claim["status"]["phase"] == "Bound" && claim["status"]["capacity"]["storage"] == size
    })
    .await
}

#[tokio::test]
async fn a_stateful_set_gets_volumes_that_grow_and_go_with_their_claims() {
    let api = Api::shared().await;
    let mut template = template("shop:1", "Always");
    template["spec"]["containers"][0]["volumeMounts"] =
        json!([{ "name": "data", "mountPath": "/data" }]);
    let spec = json!({
        "serviceName": "test",
        "replicas": 2,
        "podManagementPolicy": "Parallel",
        "selector": { "matchLabels": { "app": "test" } },
        "template": template,
        "volumeClaimTemplates": [claim("data", None)],
    });
    let set = json!({ "metadata": { "name": "db" }, "spec": spec });
    api.create(&api.path("apps/v1", "statefulsets"), set).await;
    let set = api.path("apps/v1", "statefulsets/db");
    api.until("both replicas", &set, |set| {
        set["status"]["readyReplicas"] == 2
    })
    .await;

    let claim = api.path("v1", "persistentvolumeclaims/data-db-0");
    let bound = until_bound(&api, &claim, "1Gi").await;
    let volume = bound["spec"]["volumeName"].as_str().unwrap();
    let volume = format!("/api/v1/persistentvolumes/{volume}");
    api.patch(&claim, grown()).await;
    until_bound(&api, &claim, "2Gi").await;
    let (_, grown) = api.read(&volume).await;
    assert_eq!(grown["spec"]["capacity"]["storage"], "2Gi");

    api.delete(&set).await;
    api.delete(&claim).await;
    api.until_gone(&volume).await;
    let claims = api.path("v1", "persistentvolumeclaims");
    assert_eq!(api.names(&claims).await, ["data-db-1"]);
}

#[tokio::test]
async fn a_class_that_cannot_expand_refuses_growth_and_one_that_is_not_there_leaves_a_claim_pending()
 {
    let api = Api::shared().await;
    let class = format!("fixed-{}", api.namespace);
    let fixed = json!({ "metadata": { "name": class }, "provisioner": "fake.shopplatform.io" });
    api.create("/apis/storage.k8s.io/v1/storageclasses", fixed)
        .await;
    let claims = api.path("v1", "persistentvolumeclaims");
    api.create(&claims, claim("fixed", Some(&class))).await;
    api.create(&claims, claim("lost", Some("nowhere"))).await;

    let fixed = api.path("v1", "persistentvolumeclaims/fixed");
    until_bound(&api, &fixed, "1Gi").await;
    let (status, refusal) = api.try_to_patch(&fixed, grown()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refusal:#}");
    let events = format!(
        "{}?fieldSelector=involvedObject.name=lost",
        api.path("v1", "events")
    );
    let events = api
        .until("the claim to be told why it waits", &events, |events| {
            events["items"] != json!([])
        })
        .await;
    assert_eq!(
        events["items"][0]["message"],
        "storageclass.storage.k8s.io \"nowhere\" not found"
    );
    api.delete(&format!("/apis/storage.k8s.io/v1/storageclasses/{class}"))
        .await;
}
