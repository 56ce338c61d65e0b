//! Nothing is broken: everything is exact, and nobody was refused.

use testkit::customers::Load;
use testkit::platform::Service;
use testkit::seed;

use crate::platform::platform;

const ORDERS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_under_load_with_two_replicas_end_exact() {
    let mut random = seed::generator("orders under load");
    let shop = platform().replicas(2).start().await.unwrap();
    let stock = [("PLENTY", 10_000), ("SCARCE", 40), ("NONE", 0)];
    let mut load = Load::new(shop.front().unwrap(), &mut random, 8, &stock)
        .await
        .unwrap();

    load.place(ORDERS).await.unwrap();
    assert_eq!(load.troubles(), Vec::<&str>::new());

    let stores = shop.quiescent().await.unwrap();
    load.compare(&stores).unwrap();
    load.repeat_all().await.unwrap();
    assert_eq!(stores.parked(), Vec::<String>::new());
    let outcomes = load.outcomes(&stores);
    for status in ["confirmed", "rejected", "cancelled"] {
        assert!(outcomes.contains_key(status), "{outcomes:?}");
    }
    for replica in shop.replicas() {
        let counter = match replica.service() {
            Service::Gateway | Service::User => "shop_http_requests_total",
            _ => "shop_messages_total",
        };
        let did = replica.counted(counter).await.unwrap();
        assert!(did > 0, "{} did none of the work", replica.name());
    }
    for replica in shop.replicas() {
        assert_eq!(replica.stop().await.unwrap(), 0, "{}", replica.log());
    }
}
