//! Row R: all replicas are replaced one after the other under load, as an upgrade does. I14: nobody notices.

use std::time::Duration;

use testkit::platform::Service;

use crate::platform::platform;
use crate::trial::{Trial, lasting};

/// Between two replicas.
const PERIOD: Duration = Duration::from_secs(3);
/// Every replica behind the gateway is replaced so many times: a minute in all.
const ROUNDS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_replacing_all_replicas_under_load_fails_no_request() {
    let mut trial = Trial::start(platform().replicas(2), "r1").await.unwrap();
    trial
        .during(async |shop| {
            for _ in 0..ROUNDS {
                for service in Service::BEHIND {
                    for replica in shop.replicas_of(service) {
                        let code = replica.stop().await?;
                        assert_eq!(code, 0, "{}", replica.log());
                        replica.start().await?;
                        lasting(PERIOD).await;
                    }
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(trial.load.troubles(), Vec::<&str>::new());
    trial.exact().await.unwrap();
}
