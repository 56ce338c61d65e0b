//! The tutorial is true in production, too.

use std::process::Command;

use crate::platform::platform;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_of_a_customer_works_on_real_servers() {
    let shop = platform().start().await.unwrap();
    let script = "../../examples/journey.sh";
    let gateway = format!("http://{}", shop.address());
    let data = shop.folder().to_owned();
    let walked = move || {
        Command::new(script)
            .env("SHOP_URL", gateway)
            .env("SHOP_DATA", data)
            .output()
    };
    let output = tokio::task::spawn_blocking(walked).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("journey complete"),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let left = shop.quiescent().await.unwrap();
    assert_eq!(left.parked(), Vec::<String>::new());
    for replica in shop.replicas() {
        assert_eq!(replica.stop().await.unwrap(), 0, "{}", replica.log());
    }
}
