//! Each server can be killed, halted, stopped and started again, and keeps what it promised.

mod mongo;
mod postgres;
mod rabbit;

use std::time::Duration;

/// Long enough for a server on this machine that is not halted.
const A_MOMENT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let options = testkit::servers::RabbitOptions {
        settings: vec!["no_such_setting = 1".to_owned()],
        ..Default::default()
    };
    let refused = testkit::servers::Rabbit::start_with(&options).await;
    let error = format!("{:#}", refused.err().unwrap());
    assert!(error.contains("no_such_setting"), "{error}");
}
