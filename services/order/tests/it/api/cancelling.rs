//! Cancelling.

use contracts::Role;
use serde_json::json;

use crate::service::{just, problem, released, start};

#[tokio::test]
async fn a_customer_cancels_an_order_and_reads_why_it_cannot_be_done_twice() {
    let service = start().await;
    let customer = service.customer();
    let id = service.confirmed(&customer).await;
    let path = format!("/api/v1/orders/{id}/cancel");
    let cancelling = customer.post(&path, &json!({})).await.unwrap();
    let cancelling = cancelling.expect(202).unwrap();
    assert_eq!(cancelling.body["status"], "cancelling");
    assert_eq!(cancelling.body["cancel_reason"], "customer");
    assert_eq!(cancelling.header("etag"), Some("\"3\""));

    service.tell(1, released(id)).await;
    service.wait_for_status(&customer, id, "cancelled").await;
    let again = customer.post(&path, &json!({})).await.unwrap();
    assert_eq!(problem(&again), just(409, "invalid_transition"));
    assert_eq!(again.body["allowed"], json!([]));
    assert_eq!(again.body["detail"], "the order is cancelled");
    service.stop().await;
}

#[tokio::test]
async fn a_cancellation_with_a_key_may_be_sent_again() {
    let service = start().await;
    let customer = service.customer();
    let id = service.placed(&customer).await;
    let other = service.placed(&customer).await;
    let cancel = async |id| {
        let path = format!("/api/v1/orders/{id}/cancel");
        customer.post_once(&path, "k", &json!({})).await.unwrap()
    };
    let first = cancel(id).await.expect(202).unwrap();
    let again = cancel(id).await.expect(202).unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    let reused = cancel(other).await;
    assert_eq!(problem(&reused), just(422, "idempotency_key_reused"));
    service.stop().await;
}

#[tokio::test]
async fn support_cancels_for_customers_until_something_has_been_shipped() {
    let service = start().await;
    let (customer, admin) = (service.customer(), service.admin());
    let support = service.signed_in(&[Role::Support]);
    let id = service.confirmed(&customer).await;
    let parcels = format!("/api/v1/admin/orders/{id}/shipments");
    let parcel =
        json!({"items": [{"sku": "MUG", "quantity": 1}], "carrier": "DHL", "tracking_number": "1"});
    admin
        .post(&parcels, &parcel)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let path = format!("/api/v1/admin/orders/{id}/cancel");
    let late = support.post(&path, &json!({})).await.unwrap();
    assert_eq!(problem(&late), just(409, "invalid_transition"));
    assert_eq!(late.body["allowed"], json!(["ship", "deliver"]));

    let id = service.placed(&customer).await;
    let path = format!("/api/v1/admin/orders/{id}/cancel");
    let reply = support.post(&path, &json!({})).await.unwrap();
    let reply = reply.expect(202).unwrap();
    assert_eq!(reply.body["cancel_reason"], "administrator");
    service.stop().await;
}
