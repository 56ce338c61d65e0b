//! From the broker to the list.

use std::time::Duration;

use contracts::{EventType, Payload, Role};
use messaging::Message;
use serde_json::json;
use testkit::wait;

use crate::samples;
use crate::service::{start, start_with};

#[tokio::test]
async fn every_step_of_an_order_is_told_to_its_customer_by_list_and_mail() {
    use contracts::events::order::OrderStatus::{PartiallyShipped, Shipped};
    let service = start().await;
    let ada = service.customer().await;
    let id = ada.user_id;
    let steps: [Payload; 7] = [
        samples::placed(id).into(),
        samples::confirmed(id).into(),
        samples::shipped(id, PartiallyShipped).into(),
        samples::shipped(id, Shipped).into(),
        samples::delivered(id).into(),
        samples::rejected(id).into(),
        samples::cancelled(id).into(),
    ];
    for (version, step) in (1..).zip(steps) {
        service.tell(version, step).await;
        let count = usize::try_from(version).unwrap() + 1;
        service.wait_for_titles(&ada, count).await;
    }
    let titles = service.wait_for_titles(&ada, 8).await;
    assert_eq!(
        titles,
        [
            "Order K7Q2-41ZD cancelled",
            "Order K7Q2-41ZD rejected",
            "Order K7Q2-41ZD delivered",
            "Order K7Q2-41ZD shipped",
            "Order K7Q2-41ZD partly shipped",
            "Order K7Q2-41ZD confirmed",
            "Order K7Q2-41ZD received",
            "Welcome, Ada",
        ]
    );
    let mut subjects: Vec<_> = service.wait_for_mails(8).await;
    assert!(subjects.iter().all(|mail| mail.to == "ada@example.com"));
    subjects.sort_by(|a, b| b.subject.cmp(&a.subject));
    let mut sorted = titles;
    sorted.sort_by(|a, b| b.cmp(a));
    let subjects: Vec<_> = subjects.into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, sorted);
    service.stop().await;
}

#[tokio::test]
async fn a_message_that_comes_three_times_is_told_once() {
    let service = start().await;
    let ada = service.customer().await;
    let event = samples::event(2, samples::confirmed(ada.user_id));
    for _ in 0..3 {
        service.publish(&event).await;
    }
    service.tell(3, samples::delivered(ada.user_id)).await;
    let titles = service.wait_for_titles(&ada, 3).await;
    assert_eq!(titles.len(), 3, "{titles:?}");
    assert_eq!(service.wait_for_mails(3).await.len(), 3);
    service.stop().await;
}

#[tokio::test]
async fn an_event_for_an_unknown_customer_waits_until_the_contact_is_known() {
    let service = start().await;
    let bob = service.stranger(&[Role::Customer]);
    service.tell(2, samples::confirmed(bob.user_id)).await;
    let admin = service.admin().await;
    // No other test of this process has an event deferred.
    let deferred = "shop_messages_total{queue=\"notification.intake\",outcome=\"retry\"}";
    wait::until("the message to be deferred", || async {
        Ok(service.metrics().await.contains(deferred).then_some(()))
    })
    .await
    .unwrap();
    service
        .tell(
            1,
            samples::registered(bob.user_id, "Bob", &[Role::Customer]),
        )
        .await;
    service.wait_for_titles(&bob, 1).await;
    let titles = wait::until("the deferred message", || async {
        service.clock.advance(Duration::from_secs(10));
        let list = bob.client.get("/api/v1/me/notifications").await?;
        let found = list.body["data"].as_array().unwrap().len();
        Ok((found == 2).then_some(list.body))
    })
    .await
    .unwrap();
    assert_eq!(titles["data"][0]["title"], "Order K7Q2-41ZD confirmed");
    let parked = admin
        .client
        .get("/api/v1/admin/services/notification/parked-messages")
        .await
        .unwrap();
    assert_eq!(parked.body["data"], json!([]));
    service.stop().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_parked_and_what_is_behind_it_is_told() {
    let service = start().await;
    let admin = service.admin().await;
    let event = samples::event(1, samples::confirmed(admin.user_id));
    let mut message = Message::from_event(&event, None).unwrap();
    message.body = "{".to_owned();
    service.broker.publish(vec![message]).await.unwrap();
    service.tell(1, samples::delivered(admin.user_id)).await;
    service.wait_for_titles(&admin, 2).await;
    let path = "/api/v1/admin/services/notification/parked-messages";
    let parked = wait::until("the poison to be parked", || async {
        let parked = admin.client.get(path).await?.expect(200)?.body;
        Ok((parked["data"] != json!([])).then_some(parked))
    })
    .await
    .unwrap();
    assert_eq!(parked["data"][0]["id"], event.id.to_string());
    assert_eq!(
        parked["data"][0]["type"],
        EventType::OrderConfirmed.as_str()
    );
    let customer = service.customer().await;
    let refused = customer.client.get(path).await.unwrap();
    assert_eq!(refused.status, 403);
    service.stop().await;
}

#[tokio::test]
async fn without_a_mail_server_and_a_folder_deliveries_are_skipped_and_the_list_is_kept() {
    let service = start_with(|settings| settings.maildir = std::path::PathBuf::new()).await;
    let admin = service.admin().await;
    let log = service.wait_for_states(&admin, "", &["skipped"]).await;
    assert_eq!(log[0]["attempts"], 0);
    assert_eq!(log[0]["next_try_at"], json!(null));
    let ready = service.admin_port.get("/readyz").await.unwrap();
    assert_eq!(ready.body["back_ends"]["mail"], "none");
    service.stop().await;
}
