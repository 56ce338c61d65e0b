//! Each service's user can do that service's work on RabbitMQ, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use contracts::EventType;
use contracts::topology::BINDINGS;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use messaging::rabbitmq::admin::Admin;
use messaging::rabbitmq::{EXCHANGE, RabbitBroker};
use messaging::{Broker, BrokerSettings, Message, dead_letters_of};
use service_kit::settings::Secret;
use testkit::isolated::{Vhost, vhost};

use crate::fixtures::{cancel_requested, life, message_of, until};
use crate::rabbitmq_bench::{admin_of, rebuilt, settings};

const SERVICES: [&str; 4] = ["user", "product", "order", "notification"];
const PASSWORD: &str = "p@ss:word/of?tests";

/// A vhost in which each service has a user, as `shopctl provision` makes it.
struct Provisioned {
    vhost: Vhost,
    admin: Admin,
}

impl Provisioned {
    async fn new() -> Self {
        let vhost = vhost().await.unwrap();
        let admin = admin_of(vhost.api_url());
        let provisioned = Self { vhost, admin };
        provisioned.declare().await;
        // Twice: it may be done again.
        for service in SERVICES.iter().chain(&SERVICES) {
            let (vhost, user) = (provisioned.vhost.name(), provisioned.user(service));
            let admin = &provisioned.admin;
            admin
                .make_user(&user, &Secret::from(PASSWORD))
                .await
                .unwrap();
            admin.grant_service(vhost, &user, service).await.unwrap();
        }
        provisioned
    }

    /// Makes the exchange and all queues, as the administrator.
    async fn declare(&self) {
        let life = life();
        let broker = RabbitBroker::connect(&settings(self.vhost.url()), "shopctl", &life).unwrap();
        broker.declare(BINDINGS).await.unwrap();
        broker.close().await;
    }

    /// Users are not of one vhost, so their names tell it.
    fn user(&self, service: &str) -> String {
        format!("{service}_{}", self.vhost.name())
    }

    fn settings(&self, service: &str) -> BrokerSettings {
        BrokerSettings {
            username: self.user(service),
            password: PASSWORD.into(),
            ..settings(self.vhost.url())
        }
    }

    fn broker(&self, service: &'static str) -> Arc<RabbitBroker> {
        RabbitBroker::connect(&self.settings(service), service, &life()).unwrap()
    }

    async fn connection(&self, service: &str) -> Connection {
        let mut uri: lapin::uri::AMQPUri = self.vhost.url().parse().unwrap();
        uri.authority.userinfo.username = self.user(service);
        PASSWORD.clone_into(&mut uri.authority.userinfo.password);
        Connection::connect_uri(uri, ConnectionProperties::default())
            .await
            .unwrap()
    }

    async fn forget_users(self) {
        for service in SERVICES {
            self.admin.delete_user(&self.user(service)).await.unwrap();
        }
    }
}

fn event_of(event_type: EventType) -> Message {
    Message {
        event_type: event_type.as_str().to_owned(),
        producer: event_type.producer().as_str().to_owned(),
        ..message_of(&cancel_requested())
    }
}

#[tokio::test]
async fn each_service_can_do_its_work() {
    let provisioned = Provisioned::new().await;
    let brokers = SERVICES.map(|service| provisioned.broker(service));
    for broker in &brokers {
        until("the service to have its queues", async || {
            broker.trouble().is_none().then_some(())
        })
        .await;
    }
    let [user, product, order, notification] = &brokers;
    for (teller, event_type, hearer, queue) in [
        (
            user,
            EventType::UserRegistered,
            notification,
            "notification.intake",
        ),
        (product, EventType::StockReserved, order, "order.stock"),
        (product, EventType::ProductUpdated, order, "order.catalog"),
        (order, EventType::OrderPlaced, product, "product.orders"),
    ] {
        let event = event_of(event_type);
        let reached = teller.publish(vec![event.clone()]).await.unwrap().reached;
        assert_eq!(reached.len(), 1, "{event_type}");
        let mut subscription = hearer.subscribe(queue, 10).await.unwrap();
        let delivery = tokio::time::timeout(Duration::from_mins(1), subscription.next());
        let delivery = delivery.await.expect("it is heard").unwrap();
        assert_eq!(delivery.message, event);
        assert!(delivery.ack().await.unwrap());
        hearer.subscribe(&dead_letters_of(queue), 10).await.unwrap();
    }
    let unheard = event_of(EventType::NotificationDelivered);
    assert_eq!(
        notification
            .publish(vec![unheard])
            .await
            .unwrap()
            .reached
            .len(),
        0
    );
    provisioned.forget_users().await;
}

#[tokio::test]
async fn nothing_is_told_before_everybody_who_should_hear_it_has_a_queue() {
    let provisioned = Provisioned::new().await;
    for queue in ["product.orders", "notification.intake"] {
        let (admin, vhost) = (&provisioned.admin, provisioned.vhost.name());
        admin.delete_queue(vhost, queue).await.unwrap();
    }
    let (order, _product) = (provisioned.broker("order"), provisioned.broker("product"));
    let event = event_of(EventType::OrderPlaced);
    let refused = until("product to have its queue", async || {
        let refused = order.publish(vec![event.clone()]).await.unwrap_err();
        let refused = refused.to_string();
        refused.contains("notification.intake").then_some(refused)
    })
    .await;
    assert!(refused.contains("run `shopctl provision`"), "{refused}");
    let _notification = provisioned.broker("notification");
    until("the event to be told", async || {
        order.publish(vec![event.clone()]).await.ok()
    })
    .await;
    provisioned.forget_users().await;
}

#[tokio::test]
async fn a_service_that_misses_the_exchange_says_who_can_make_it_and_goes_on_when_it_is_there() {
    let provisioned = Provisioned::new().await;
    let (admin, vhost) = (&provisioned.admin, provisioned.vhost.name());
    admin.delete_exchange(vhost, EXCHANGE).await.unwrap();
    let order = provisioned.broker("order");
    let reason = until("the exchange to be missed", async || {
        let reason = order.trouble()?.to_string();
        (reason != "not connected yet").then_some(reason)
    })
    .await;
    assert!(
        reason.contains("run `shopctl provision`") && reason.contains(EXCHANGE),
        "{reason}"
    );
    provisioned.declare().await;
    let event = event_of(EventType::OrderPlaced);
    until("the event to be told", async || {
        let reached = order.publish(vec![event.clone()]).await.ok()?.reached;
        (reached.len() == 1).then_some(())
    })
    .await;
    provisioned.forget_users().await;
}

/// No other test of this process lets `product` lose something.
#[tokio::test]
async fn a_service_whose_exchange_an_administrator_made_again_binds_its_queues_and_tells_of_the_loss()
 {
    assert_eq!(rebuilt("product"), "0");
    let provisioned = Provisioned::new().await;
    let product = provisioned.broker("product");
    until("the service to have its queues", async || {
        product.trouble().is_none().then_some(())
    })
    .await;
    let (admin, vhost) = (&provisioned.admin, provisioned.vhost.name());
    admin.delete_exchange(vhost, EXCHANGE).await.unwrap();
    let reason = until("the exchange to be missed", async || {
        Some(product.trouble()?.to_string())
    })
    .await;
    assert!(reason.contains(EXCHANGE), "{reason}");
    assert_eq!(rebuilt("product"), "0", "it is not made again yet");

    // Without the bindings.
    let administrator = provisioned.vhost.url();
    let administrator = Connection::connect(administrator, ConnectionProperties::default());
    let administrator = administrator.await.unwrap();
    let channel = administrator.create_channel().await.unwrap();
    let made = attempt(&channel, "make the exchange of all events");
    made.await.unwrap();
    let event = event_of(EventType::OrderPlaced);
    let mut subscription = until("the queue to be read", async || {
        product.subscribe("product.orders", 10).await.ok()
    })
    .await;
    let publish = BasicPublishOptions::default();
    let properties = BasicProperties::default().with_message_id(event.id.as_str().into());
    channel
        .basic_publish(
            EXCHANGE.into(),
            event.event_type.as_str().into(),
            publish,
            b"{}",
            properties,
        )
        .await
        .unwrap();
    let delivery = tokio::time::timeout(Duration::from_mins(1), subscription.next());
    let delivery = delivery.await.expect("it is heard").unwrap();
    assert_eq!(delivery.message.id, event.id);
    assert!(delivery.ack().await.unwrap());
    assert_eq!(rebuilt("product"), "1");
    provisioned.forget_users().await;
}

/// What somebody with the credentials of the order service might try.
async fn attempt(channel: &Channel, what: &str) -> lapin::Result<()> {
    let none = FieldTable::default;
    let publish = async |exchange: &str, key: &str| -> lapin::Result<()> {
        let options = ConfirmSelectOptions::default();
        channel.confirm_select(options).await?;
        channel
            .basic_publish(
                exchange.into(),
                key.into(),
                BasicPublishOptions::default(),
                b"{}",
                BasicProperties::default(),
            )
            .await?
            .await?;
        Ok(())
    };
    match what {
        "tell an event of another service" => publish(EXCHANGE, "stock.reserved.v1").await,
        "put a message into another service's queue" => publish("", "product.orders").await,
        "put a dead letter to another service" => publish("product.dead-letters", "x").await,
        "read another service's queue" => channel
            .basic_consume(
                "product.orders".into(),
                "".into(),
                BasicConsumeOptions::default(),
                none(),
            )
            .await
            .map(|_| ()),
        "hear an event it has no business with" => {
            channel
                .queue_bind(
                    "order.stock".into(),
                    EXCHANGE.into(),
                    "user.registered.v1".into(),
                    QueueBindOptions::default(),
                    none(),
                )
                .await
        }
        "hear everything" => {
            channel
                .queue_bind(
                    "order.stock".into(),
                    EXCHANGE.into(),
                    "#".into(),
                    QueueBindOptions::default(),
                    none(),
                )
                .await
        }
        "make a queue under another name" => channel
            .queue_declare("tap".into(), QueueDeclareOptions::default(), none())
            .await
            .map(|_| ()),
        "delete the exchange of all events" => {
            channel
                .exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default())
                .await
        }
        "make the exchange of all events" => {
            let durable = ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            };
            channel
                .exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, none())
                .await
        }
        "delete another service's queue" => channel
            .queue_delete("product.orders".into(), QueueDeleteOptions::default())
            .await
            .map(|_| ()),
        _ => panic!("{what} is no attempt"),
    }
}

#[tokio::test]
async fn a_service_can_do_nothing_in_anothers_name() {
    let provisioned = Provisioned::new().await;
    let brokers = SERVICES.map(|service| provisioned.broker(service));
    for broker in &brokers {
        until("the service to have its queues", async || {
            broker.trouble().is_none().then_some(())
        })
        .await;
    }
    let connection = provisioned.connection("order").await;
    for what in [
        "tell an event of another service",
        "put a message into another service's queue",
        "put a dead letter to another service",
        "read another service's queue",
        "hear an event it has no business with",
        "hear everything",
        "make a queue under another name",
        "delete another service's queue",
        "delete the exchange of all events",
        "make the exchange of all events",
    ] {
        let channel = connection.create_channel().await.unwrap();
        let refused = attempt(&channel, what).await.unwrap_err().to_string();
        assert!(refused.contains("ACCESS_REFUSED"), "{what}: {refused}");
    }
    provisioned.forget_users().await;
}
