//! A service that people add: `services/template`, as `examples/extra-service.yaml` asks for it.

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{Client, Reply, send};
use testkit::wait;

use crate::cluster::{PATIENCE, Space};
use crate::platform::Platform;
use crate::traffic::{Traffic, busy};

const OF_REVIEWS: &str = "app.kubernetes.io/name in (reviews, reviews-migrate)";

/// What the example asks for, with the image that was built together with those of the platform.
async fn extra(space: &Space) -> Result<Value> {
    let example = std::fs::read_to_string("../examples/extra-service.yaml")?;
    let example: Value = serde_yaml::from_str(&example)?;
    let mut extra = example["spec"]["services"]["extra"].clone();
    let order = space.all::<Deployment>().get("demo-order").await?;
    let pod = order.spec.and_then(|spec| spec.template.spec);
    let image = pod.and_then(|pod| pod.containers.into_iter().next()?.image);
    let image = image.context("the order service has no image")?;
    extra[0]["image"] = json!(image.replace("/order:", "/template:"));
    Ok(extra)
}

/// What the platform has for it, but disks and Secrets.
async fn children(space: &Space) -> Result<Vec<String>> {
    Ok([
        space.names::<Pod>(OF_REVIEWS).await?,
        space.names::<Deployment>(OF_REVIEWS).await?,
        space.names::<Job>(OF_REVIEWS).await?,
        space.names::<Service>(OF_REVIEWS).await?,
        space.names::<ServiceAccount>(OF_REVIEWS).await?,
        space.names::<ConfigMap>(OF_REVIEWS).await?,
        space.names::<NetworkPolicy>(OF_REVIEWS).await?,
    ]
    .concat())
}

/// Orders one piece, and sees it delivered.
async fn get_delivered(customer: &Client, admin: &Client, sku: &str) -> Result<()> {
    let placed = customer.place_order("to-review", sku, 1).await?;
    let order = placed.expect(201)?.text("/id")?.to_owned();
    customer.settled_order(&order).await?;
    let order = format!("/api/v1/admin/orders/{order}");
    let shipments = format!("{order}/shipments");
    let parcel = json!({"carrier": "DHL", "tracking_number": "1"});
    let shipment = admin.post(&shipments, &parcel).await?.expect(201)?;
    let order = admin.get(&order).await?.expect(200)?;
    let etag = order.header("etag").context("the order has no ETag")?;
    let path = format!("{shipments}/{}", shipment.text("/id")?);
    let arrived = admin
        .request(Method::PATCH, &path)
        .header("if-match", etag)
        .json(&json!({"status": "delivered"}));
    send(arrived).await?.expect(200)?;
    Ok(())
}

async fn review(client: &Client, sku: &str) -> Result<Reply> {
    let path = format!("/api/v1/me/reviews/{sku}");
    send(
        client
            .request(Method::PUT, &path)
            .json(&json!({"stars": 4})),
    )
    .await
}

async fn rating(client: &Client, sku: &str) -> Result<Value> {
    let rating = client.get(&format!("/api/v1/reviews/{sku}")).await?;
    Ok(rating.expect(200)?.body)
}

/// Waits until the gateway answers so for it: replicas that go still answer as before, for those whose connections they have.
/// Returns who saw it, on the connection that is known to lead to a new one.
async fn until_routed(shop: &Platform, sku: &str, status: u16) -> Result<Client> {
    let stranger = shop.front().stranger()?;
    let path = format!("/api/v1/reviews/{sku}");
    wait::until(&format!("{path} to be {status}"), || async {
        Ok((stranger.get(&path).await?.status == status).then_some(()))
    })
    .await?;
    Ok(stranger)
}

/// Goes its routes through the gateway, as everybody whom they let in and as those whom they do not; it hears of a delivery.
async fn walk(shop: &Platform, sku: &str) -> Result<()> {
    let front = shop.front();
    let (stranger, admin) = (front.stranger()?, front.admin().await?);
    let ada = front.customer("ada").await?;
    front.product(&admin, sku, 1_000, 1).await?;
    until_routed(shop, sku, 200).await?;
    assert_eq!(
        rating(&stranger, sku).await?,
        json!({"reviews": 0, "stars": 0.0})
    );
    review(&stranger, sku).await?.expect(401)?;
    let early = review(&ada, sku).await?.expect(403)?;
    assert_eq!(early.text("/code")?, "not_delivered");

    get_delivered(&ada, &admin, sku).await?;
    wait::until("the service to hear of the delivery", || async {
        Ok((review(&ada, sku).await?.status == 204).then_some(()))
    })
    .await?;
    assert_eq!(
        rating(&stranger, sku).await?,
        json!({"reviews": 1, "stars": 4.0})
    );

    let parked = "/api/v1/admin/services/reviews/parked-messages";
    ada.get(parked).await?.expect(403)?;
    let parked = admin.get(parked).await?.expect(200)?;
    assert_eq!(parked.body["data"], json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_added_and_removed_while_customers_order_and_hears_of_their_orders() {
    let shop = Platform::new("extra", &busy(json!({}))).await.unwrap();
    let extra = extra(&shop.space).await.unwrap();
    let with_it = busy(json!({"services": {"extra": extra}}));
    let mut traffic = Traffic::at(&shop, "extra").await.unwrap();
    let adding = shop.carry_out(&with_it);
    traffic
        .unaware_of("adding a service", Box::pin(adding))
        .await
        .unwrap();
    traffic.exact(&shop).await.unwrap();
    walk(&shop, "TO-REVIEW").await.unwrap();

    let removing = async {
        shop.carry_out(&busy(json!({}))).await?;
        wait::until_within(PATIENCE, "all of it to be gone", || async {
            Ok(children(&shop.space).await?.is_empty().then_some(()))
        })
        .await
    };
    traffic
        .unaware_of("removing it", Box::pin(removing))
        .await
        .unwrap();
    until_routed(&shop, "TO-REVIEW", 404).await.unwrap();

    shop.change(&with_it).await.unwrap();
    let stranger = until_routed(&shop, "TO-REVIEW", 200).await.unwrap();
    let kept = rating(&stranger, "TO-REVIEW").await.unwrap();
    assert_eq!(kept, json!({"reviews": 1, "stars": 4.0}), "its data stayed");
    let left = shop.quiescent().await.unwrap();
    assert_eq!(left.parked(), Vec::<String>::new());
    shop.space.remove().await.unwrap();
}
