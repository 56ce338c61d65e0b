//! Deployments, Jobs, owners and namespaces.

use serde_json::json;

use super::api::{Api, condition, template};

#[tokio::test]
async fn a_deployment_gets_available_and_its_pods_go_with_it() {
    let api = Api::shared().await;
    let deployments = api.path("apps/v1", "deployments");
    let spec = json!({
        "replicas": 3,
        "selector": { "matchLabels": { "app": "test" } },
        "template": template("shop:1", "Always"),
    });
    api.create(
        &deployments,
        json!({ "metadata": { "name": "web" }, "spec": spec }),
    )
    .await;
    let web = api.path("apps/v1", "deployments/web");
    api.until("the deployment to be available", &web, |web| {
        condition(web, "Available") == "True" && web["status"]["readyReplicas"] == 3
    })
    .await;
    api.delete(&web).await;
    api.until(
        "the pods to be collected",
        &api.path("v1", "pods"),
        |pods| pods["items"] == json!([]),
    )
    .await;
}

#[tokio::test]
async fn a_job_completes_unless_its_image_crashes_or_never_ends() {
    let api = Api::shared().await;
    for (name, image) in [
        ("good", "shop:1"),
        ("bad", "shop:crashing"),
        ("endless", "shop:unready"),
    ] {
        let spec = json!({ "backoffLimit": 0, "template": template(image, "Never") });
        let job = json!({ "metadata": { "name": name }, "spec": spec });
        api.create(&api.path("batch/v1", "jobs"), job).await;
    }
    for (name, ended) in [("good", "Complete"), ("bad", "Failed")] {
        let job = api.path("batch/v1", &format!("jobs/{name}"));
        api.until("the job to end", &job, |job| {
            condition(job, ended) == "True"
        })
        .await;
    }
    let endless = api.path("batch/v1", "jobs/endless");
    let endless = api
        .until("the job to have begun", &endless, |job| {
            job["status"]["active"] == 1
        })
        .await;
    assert_eq!(endless["status"]["ready"], 0);
}

#[tokio::test]
async fn what_an_object_of_a_custom_kind_owns_goes_with_it() {
    let api = Api::shared().await;
    let widgets = api.path("test.shopplatform.io/v1", "widgets");
    let widget = json!({
        "apiVersion": "test.shopplatform.io/v1", "kind": "Widget", "metadata": { "name": "owner" },
    });
    let owner = api.create(&widgets, widget).await;
    let reference = json!({
        "apiVersion": "test.shopplatform.io/v1", "kind": "Widget", "name": "owner", "uid": owner["metadata"]["uid"],
    });
    let child = json!({ "metadata": { "name": "owned", "ownerReferences": [reference] } });
    api.create(&api.path("v1", "configmaps"), child).await;
    api.delete(&format!("{widgets}/owner")).await;
    api.until_gone(&api.path("v1", "configmaps/owned")).await;
}

#[tokio::test]
async fn a_namespace_takes_everything_in_it_along() {
    let api = Api::shared().await;
    let spec = json!({
        "serviceName": "test",
        "replicas": 2,
        "selector": { "matchLabels": { "app": "test" } },
        "template": template("shop:1", "Always"),
    });
    let set = json!({ "metadata": { "name": "db" }, "spec": spec });
    api.create(&api.path("apps/v1", "statefulsets"), set).await;
    let set = api.path("apps/v1", "statefulsets/db");
    api.until("both replicas", &set, |set| {
        set["status"]["readyReplicas"] == 2
    })
    .await;
    let namespace = format!("/api/v1/namespaces/{}", api.namespace);
    api.delete(&namespace).await;
    api.until_gone(&namespace).await;
    assert_eq!(api.names(&api.path("v1", "pods")).await, [""; 0]);
}
