//! Row F: the broker is killed, away, out of memory, or loses its queues. I5, I13: nothing is lost, orders are accepted all the
//! while. Services come to it as in production: as users that `shopctl provision` made, who may do their work and no more.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::customers::Progress;
use testkit::platform::{Platform, Service};
use testkit::wait;

use crate::platform::platform;
use crate::trial::{Trial, lasting, shopctl};

/// How long the broker is away in `make test`; `make nemesis` and the benchmark keep it away for longer.
const AWAY: Duration = Duration::from_secs(15);

async fn trial(name: &str) -> Trial {
    let builder = platform().replicas(2).provisioned();
    Trial::start(builder, name).await.unwrap()
}

/// Waits until the order service says this about the broker.
async fn broker_is(shop: &Platform, what: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
    let admin = shop.replica(Service::Order, 0)?.admin_address()?;
    let client = testkit::client::Client::new(&admin)?;
    wait::until(what, || async {
        let reply = client.get("/readyz").await?;
        // It is ready all the while: orders are accepted without a broker.
        ensure!(reply.status == 200, "not ready: {}", reply.body);
        Ok(holds(&reply.body["details"]["broker"]).then_some(()))
    })
    .await
}

/// Orders that are acknowledged while the broker is not there, to say that the shop goes on.
const MEANWHILE: usize = 20;

/// How many events wait to be told.
async fn waiting(shop: &Platform) -> Result<u64> {
    let status = ["outbox", "status", "--service", "order", "--output", "json"];
    let status: Value = serde_json::from_str(&shopctl(&shop.urls().order, &status).await?)?;
    let pending = status[0]["pending"].as_u64();
    pending.with_context(|| format!("no count: {status}"))
}

/// Waits until customers were answered so many times more, with the events of all these orders in the outbox: nothing of
/// them reached the broker.
async fn accepted_meanwhile(shop: &Platform, progress: &Progress) -> Result<()> {
    let before = waiting(shop).await?;
    progress.further(MEANWHILE).await?;
    let now = waiting(shop).await?;
    ensure!(
        now >= before + u64::try_from(MEANWHILE)?,
        "{before} events waited, and {now} after {MEANWHILE} more orders"
    );
    Ok(())
}

/// Waits until nothing waits any more but what customers have just caused.
async fn caught_up(shop: &Platform) -> Result<()> {
    wait::until("the outbox to be told", || async {
        Ok((waiting(shop).await? == 0).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_a_broker_that_is_killed_loses_nothing() {
    let mut trial = trial("f1").await;
    let progress = trial.load.progress();
    trial
        .during(async |shop| {
            shop.rabbit()?.kill().await?;
            accepted_meanwhile(shop, &progress).await?;
            shop.rabbit()?.start().await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
    // Nobody had to wait for the broker.
    assert_eq!(trial.load.troubles(), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_orders_are_accepted_while_the_broker_is_away_and_finished_when_it_is_back() {
    let mut trial = trial("f2").await;
    let progress = trial.load.progress();
    trial
        .during(async |shop| {
            shop.rabbit()?.stop().await?;
            broker_is(shop, "the broker to be missed", |broker| {
                broker["status"] == "degraded"
            })
            .await?;
            lasting(AWAY).await;
            accepted_meanwhile(shop, &progress).await?;
            shop.rabbit()?.start().await?;
            broker_is(shop, "the broker to be found", |broker| {
                broker["status"] == "ok"
            })
            .await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
    assert_eq!(trial.load.troubles(), Vec::<&str>::new());
}

/// The broker takes no events because of an alarm; the shop goes on, says so, and catches up when it is over.
async fn an_alarm(name: &str, raise: &[&str], end: &[&str]) {
    let mut trial = trial(name).await;
    let progress = trial.load.progress();
    trial
        .during(async |shop| {
            let rabbit = shop.rabbit()?;
            rabbit.control(raise).await?;
            broker_is(shop, "the alarm to be told", |broker| {
                let reason = broker["reason"].as_str().unwrap_or_default();
                reason.contains("blocked")
            })
            .await?;
            accepted_meanwhile(shop, &progress).await?;
            rabbit.control(end).await?;
            broker_is(shop, "the end of the alarm", |broker| {
                broker["status"] == "ok"
            })
            .await?;
            caught_up(shop).await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
    assert_eq!(trial.load.troubles(), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_broker_without_memory_makes_events_wait_and_says_so() {
    let watermark = "set_vm_memory_high_watermark";
    an_alarm(
        "f3 memory",
        &[watermark, "absolute", "1MB"],
        &[watermark, "0.4"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_broker_without_room_on_its_disk_makes_events_wait_and_says_so() {
    // More than any disk has.
    let limit = "set_disk_free_limit";
    an_alarm("f3 disk", &[limit, "1000000GB"], &[limit, "1MB"]).await;
}

/// Tells everything again, as the log says to.
async fn replay(shop: &Platform) -> Result<()> {
    let urls = shop.urls();
    let stores = [
        ("user", &urls.user),
        ("product", &urls.product),
        ("order", &urls.order),
        ("notification", &urls.notification),
    ];
    for (service, url) in stores {
        let arguments = ["outbox", "replay", "--since", "1h", "--service", service];
        shopctl(url, &arguments).await?;
    }
    Ok(())
}

fn told_of_the_loss(shop: &Platform, service: Service) -> bool {
    let replicas = shop.replicas_of(service);
    let mut logs = replicas.iter().map(testkit::platform::Replica::log);
    logs.any(|log| log.contains("shopctl outbox replay"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_a_queue_that_was_deleted_is_made_again_and_what_it_held_is_told_again() {
    let mut trial = trial("f4 queue").await;
    trial
        .during(async |shop| {
            let rabbit = shop.rabbit()?;
            rabbit.control(&["delete_queue", "order.stock"]).await?;
            wait::until("the loss to be noticed", || async {
                Ok(told_of_the_loss(shop, Service::Order).then_some(()))
            })
            .await
        })
        .await
        .unwrap();
    replay(&trial.shop).await.unwrap();
    trial.exact().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_an_exchange_that_was_deleted_is_missed_until_the_administrator_makes_it_again() {
    let mut trial = trial("f4 exchange").await;
    trial
        .during(async |shop| {
            let api = format!("{}/api", shop.rabbit_api_url());
            let http = reqwest::Client::builder().no_proxy().build()?;
            let exchange = format!("{api}/exchanges/%2f/shop.events");
            let bindings = async || -> Result<usize> {
                let list = http.get(format!("{exchange}/bindings/source")).send();
                let list: Value = list.await?.json().await?;
                Ok(list.as_array().map_or(0, Vec::len))
            };
            let before = bindings().await?;
            http.delete(&exchange).send().await?.error_for_status()?;
            // A service may not make it, and says who may.
            broker_is(shop, "the exchange to be missed", |broker| {
                let reason = broker["reason"].as_str().unwrap_or_default();
                reason.contains("shop.events") && reason.contains("shopctl provision")
            })
            .await?;
            // The product service misses it only if it has something to tell meanwhile, and no order reaches it.
            let admin = shop.admin().await?;
            admin.create_product("MEANWHILE", 100, 1).await?;
            wait::until("the product service to miss it, too", || async {
                let products = shop.replicas_of(Service::Product).iter();
                let mut logs = products.map(testkit::platform::Replica::log);
                let missed = logs.any(|log| log.contains("no exchange 'shop.events'"));
                Ok(missed.then_some(()))
            })
            .await?;
            // The notification service by its look, which it makes every few seconds.
            wait::until("the notification service to miss it, too", || async {
                let replicas = shop.replicas_of(Service::Notification).iter();
                let mut logs = replicas.map(testkit::platform::Replica::log);
                let missed =
                    |line: &str| line.contains("shop.events") && line.contains("shopctl provision");
                Ok(logs.any(|log| log.lines().any(missed)).then_some(()))
            })
            .await?;
            shop.provision().await?;
            // All but the tap's.
            let (after, expected) = (bindings().await?, before - 1);
            ensure!(
                after == expected,
                "{after} bindings of the exchange were made again, not {expected}"
            );
            let hearers = [Service::Product, Service::Order, Service::Notification];
            wait::until("the loss to be noticed", || async {
                let all = hearers
                    .iter()
                    .all(|service| told_of_the_loss(shop, *service));
                Ok(all.then_some(()))
            })
            .await?;
            // The tap is bound again by hand: nobody but the test knows of it.
            let tap = format!("{api}/bindings/%2f/e/shop.events/q/testkit.tap");
            let binding = serde_json::json!({ "routing_key": "#" });
            let bound = http.post(tap).json(&binding).send().await?;
            bound.error_for_status()?;
            Ok(())
        })
        .await
        .unwrap();
    replay(&trial.shop).await.unwrap();
    trial.exact().await.unwrap();
}
