//! The tutorial is true in production, too.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::platform::platform;

/// Walks through the tutorial at a gateway whose administrator's password is in the folder.
pub async fn walk(gateway: &str, data: &Path) -> std::io::Result<Output> {
    Command::new("../../examples/journey.sh")
        .env("SHOP_URL", format!("http://{gateway}"))
        .env("SHOP_DATA", data)
        .output()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_of_a_customer_works_on_real_servers() {
    let shop = platform().start().await.unwrap();
    let output = walk(&shop.address(), shop.folder()).await.unwrap();
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
