//! SIGTERM under load (I14); no mail comes twice for it (I10).

use anyhow::{Result, bail};
use testkit::client::Client;
use testkit::wait::{self, PATIENCE};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::shop::{Mailbox, Shop, harness};

const BUYERS: usize = 8;
const SKU: &str = "TERM";

/// Orders until nobody listens any more, and returns the ids. A request that reached the shop must be answered.
async fn buy_until_gone(
    client: Client,
    name: String,
    answered: watch::Sender<usize>,
) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    loop {
        match client
            .place_order(&format!("{name}-{}", ids.len()), SKU, 1)
            .await
        {
            Ok(reply) => {
                ids.push(reply.expect(201)?.text("/id")?.to_owned());
                answered.send_modify(|count| *count += 1);
            }
            Err(error) => match error.downcast_ref::<reqwest::Error>() {
                Some(refused) if refused.is_connect() => return Ok(ids),
                _ => bail!("a request failed: {error:#}"),
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sigterm_under_load_fails_no_request_and_loses_no_order() {
    // For a moment the gateway still takes requests and tells clients to move away, as it does behind a load balancer.
    let harness = harness().variable("SHOP__GATEWAY__SHUTDOWN__DELAY_MS", "500");
    let (mailbox, harness) = Mailbox::start(harness).await.unwrap();
    let shop = Shop::start(harness).await.unwrap();
    shop.product(SKU, 1_000, 100_000).await.unwrap();
    let (answered, mut progress) = watch::channel(0);
    let mut buying = JoinSet::new();
    for (index, customer) in shop
        .customers("term", BUYERS)
        .await
        .unwrap()
        .into_iter()
        .enumerate()
    {
        buying.spawn(buy_until_gone(
            customer,
            format!("term-{index}"),
            answered.clone(),
        ));
    }
    progress.wait_for(|count| *count >= 50).await.unwrap();
    let status = shop.process.stop(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", shop.harness.log());
    let mut ids = Vec::new();
    for buyer in buying.join_all().await {
        ids.extend(buyer.unwrap());
    }

    let (_process, run) = shop.harness.start().await.unwrap();
    let admin = shop.admin.at(run.address("gateway").unwrap());
    for id in &ids {
        let order = admin
            .get(&format!("/api/v1/admin/orders/{id}"))
            .await
            .unwrap();
        order.expect(200).unwrap();
    }
    wait::until("all pieces to be sold", || async {
        let stock = admin.get(&format!("/api/v1/admin/inventory/{SKU}")).await?;
        Ok((stock.number("/sold")? == i64::try_from(ids.len())?).then_some(()))
    })
    .await
    .unwrap();
    mailbox.of(&shop.harness).quiescent().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_live_stream_does_not_hold_up_the_end() {
    let shop = Shop::start(harness()).await.unwrap();
    let customer = shop.customer("listener").await.unwrap();
    let request = customer.request(reqwest::Method::GET, "/api/v1/me/events");
    let mut stream = request.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    stream
        .chunk()
        .await
        .unwrap()
        .expect("the first bytes say that the stream is open");
    let status = shop.process.stop(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", shop.harness.log());
}
