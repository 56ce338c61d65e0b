//! The rights are enough for everything that people are shown.

use operator::resource::Phase;

use crate::plane::Plane;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_rights_the_operator_makes_every_example_ready() {
    let mut plane = Plane::new().await;
    let operator = plane.operator_without(&[]).await;
    for example in [
        "minimal",
        "production",
        "external-back-ends",
        "cloudnativepg",
        "extra-service",
    ] {
        plane.another_namespace().await;
        let name = plane.apply_example(example).await;
        if example == "cloudnativepg" {
            plane
                .play_cloud_native_pg(&format!("{name}-postgres"))
                .await;
        }
        plane
            .until(&format!("{example} to be ready"), &name, |status| {
                status.phase == Phase::Ready
            })
            .await;
    }
    operator.until_page("/readyz", "\"status\":\"ok\"").await;
    operator
        .until_page("/metrics", "shop_operator_leader 1")
        .await;
    operator
        .until_page("/metrics", "shop_operator_reconciles_total{result=\"ok\"}")
        .await;
    let page = operator.page("/metrics").await.unwrap();
    assert!(!page.contains("code=\"403\""), "{page}");
    operator.stop().await;
}
