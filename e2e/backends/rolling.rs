//! Row R: all replicas are replaced one after the other under load, as an upgrade does. I14: nobody notices.

use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::customers::Visitors;
use testkit::platform::{Platform, Service};
use tokio_util::sync::CancellationToken;

use crate::platform::platform;
use crate::trial::{Trial, lasting};

/// Between two replicas.
const PERIOD: Duration = Duration::from_secs(3);
/// Every replica is replaced so many times: more than a minute in all.
const ROUNDS: usize = 2;
/// Who order and cancel are the load; so many others look at everything else.
const VISITORS: usize = 3;

async fn replace_all(shop: &Platform) -> Result<()> {
    for _ in 0..ROUNDS {
        for service in Service::BEHIND.into_iter().chain([Service::Gateway]) {
            for replica in shop.replicas_of(service) {
                let code = replica.stop().await?;
                ensure!(
                    code == 0,
                    "{} ended with {code}:\n{}",
                    replica.name(),
                    replica.log()
                );
                replica.start().await?;
                lasting(PERIOD).await;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_replacing_all_replicas_under_load_fails_no_request() {
    let builder = platform().replicas(2).replicas_of(Service::Gateway, 2);
    let mut trial = Trial::start(builder, "r1").await.unwrap();
    trial.load.place(VISITORS).await.unwrap();
    let visitors = Visitors::among(&trial.load, VISITORS).await.unwrap();
    let mut visits = None;
    trial
        .during(async |shop| {
            let over = CancellationToken::new();
            let replacing = async {
                let replaced = replace_all(shop).await;
                over.cancel();
                replaced
            };
            let (visited, replaced) = tokio::join!(visitors.until(over.clone()), replacing);
            visits = Some(visited?);
            replaced
        })
        .await
        .unwrap();
    let visits = visits.unwrap();
    eprintln!(
        "{} requests to order and cancel, {} failed; {} to look around, {} failed: {:?}",
        trial.load.tries(),
        trial.load.troubles().len(),
        visits.count() + visits.failed.len(),
        visits.failed.len(),
        visits.answered,
    );
    assert_eq!(trial.load.troubles(), Vec::<&str>::new());
    assert_eq!(visits.failed, Vec::<String>::new());
    trial.exact().await.unwrap();
}
