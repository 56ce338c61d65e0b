//! Each part can be killed, halted and started again.

use reqwest::StatusCode;
use serde_json::json;
use testkit::kubernetes::ControlPlane;

use super::api::{Api, template};

#[tokio::test]
async fn a_killed_api_server_and_its_store_come_back_with_what_they_had_and_the_controllers_go_on()
{
    let plane = ControlPlane::start().await.unwrap();
    let api = Api::of(plane.access()).await;
    let configured = json!({ "metadata": { "name": "kept" }, "data": { "a": "b" } });
    api.create(&api.path("v1", "configmaps"), configured).await;

    plane.apiserver().kill().await.unwrap();
    let kept = api.path("v1", "configmaps/kept");
    assert_eq!(api.read(&kept).await.0, StatusCode::SERVICE_UNAVAILABLE);
    plane.etcd().kill().await.unwrap();
    plane.etcd().start().await.unwrap();
    plane.apiserver().start().await.unwrap();
    let (_, found) = api.read(&kept).await;
    assert_eq!(found["data"], json!({ "a": "b" }));

    let job = json!({ "metadata": { "name": "later" }, "spec": { "template": template("shop:1", "Never") } });
    api.create(&api.path("batch/v1", "jobs"), job).await;
    let later = api.path("batch/v1", "jobs/later");
    api.until("the job to end", &later, |job| {
        job["status"]["succeeded"] == 1
    })
    .await;
    plane.remove().await.unwrap();
}
