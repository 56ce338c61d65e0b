//! In which order a new release is rolled out.

use operator::child::Kind;
use operator::resource::Phase;
use serde_json::json;

use super::{Tended, image};
use crate::harness::condition;

#[tokio::test]
async fn the_gateway_is_replaced_last_and_its_number_of_replicas_waits_for_nobody() {
    let world = Tended::new().await;
    let reviews = |image: &str| json!([{"name": "pages", "image": image, "port": 80}]);
    let spec = json!({"images": {"tag": "1"}, "services": {"extra": reviews("pages:1")}});
    world.apply("demo", &spec).await;
    world.until_good("demo").await;

    // An extra service that does not get ready, for as long as it is given.
    let spec = json!({
        "images": {"tag": "2"},
        "gateway": {"replicas": 2},
        "services": {"extra": reviews("pages:unready")},
    });
    world.apply("demo", &spec).await;
    for service in ["user", "product", "order", "notification"] {
        let deployment = format!("demo-{service}");
        world
            .until_is(Kind::Deployment, &deployment, "the new image", |found| {
                image(found).ends_with(":2")
            })
            .await;
    }
    let status = world
        .until("demo", "the gateway to wait", |status| {
            let mut components = status.components.iter();
            components.any(|component| {
                component.name == "gateway"
                    && component.message.as_deref() == Some("waits until demo-pages is rolled out")
            })
        })
        .await;
    let (progressing, reason, _) = condition(&status, "Progressing");
    assert_eq!((progressing, reason), ("True", "RollingOut"));
    let gateway = world.get(Kind::Deployment, "demo-gateway").await;
    assert!(image(&gateway).ends_with(":1"), "{gateway:#}");

    // It gets another spec before it is given up.
    let spec = json!({
        "images": {"tag": "2"},
        "gateway": {"replicas": 2},
        "services": {"extra": reviews("pages:2")},
    });
    world.apply("demo", &spec).await;
    world.until_phase("demo", Phase::Ready).await;
    let gateway = world.get(Kind::Deployment, "demo-gateway").await;
    assert!(image(&gateway).ends_with(":2"), "{gateway:#}");

    // While something else is rolled out, a number that changes alone changes at once.
    let spec = json!({
        "images": {"tag": "2"},
        "gateway": {"replicas": 3},
        "services": {"extra": reviews("pages:unready")},
    });
    world.apply("demo", &spec).await;
    let more = |found: &serde_json::Value| found["status"]["readyReplicas"] == 3;
    world
        .until_is(Kind::Deployment, "demo-gateway", "three gateways", more)
        .await;
    world.delete().await;
}
