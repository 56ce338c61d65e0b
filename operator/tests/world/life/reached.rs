//! Where a platform says that it is reached.

use kube::api::{Patch, PatchParams};
use operator::child::Kind;
use serde_json::json;

use super::Tended;
use crate::harness::World;

async fn until_reached_at(world: &World, endpoint: Option<&str>) {
    let what = format!("to be reached at {endpoint:?}");
    world
        .until("demo", &what, |status| {
            status.endpoint.as_deref() == endpoint
        })
        .await;
}

#[tokio::test]
async fn the_endpoint_names_the_port_that_the_gateways_service_has() {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    let inside = format!("http://demo-gateway.{}.svc:3000", world.namespace);
    until_reached_at(&world, Some(&inside)).await;
    world
        .until_is(Kind::Service, "demo-gateway", "that port", |service| {
            service["spec"]["ports"][0]["port"] == 3000
        })
        .await;

    let by_cloud = json!({"gateway": {"expose": {"type": "LoadBalancer"}}});
    world.apply("demo", &by_cloud).await;
    until_reached_at(&world, None).await;
    for (given, endpoint) in [
        (json!({"ip": "192.0.2.7"}), "http://192.0.2.7:3000"),
        (json!({"ip": "2001:db8::7"}), "http://[2001:db8::7]:3000"),
        (json!({"hostname": "lb.example"}), "http://lb.example:3000"),
    ] {
        // As a cloud does it.
        let status = json!({"status": {"loadBalancer": {"ingress": [given]}}});
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(&status));
        let services = world.api(Kind::Service);
        let patched = services.patch_status("demo-gateway", &parameters, &patch);
        patched.await.unwrap();
        until_reached_at(&world, Some(endpoint)).await;
    }

    let by_ingress = json!({"gateway": {"expose": {"type": "Ingress", "host": "shop.example"}}});
    world.apply("demo", &by_ingress).await;
    until_reached_at(&world, Some("http://shop.example")).await;
    world.delete().await;
}
