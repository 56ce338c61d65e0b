//! A whole process: signals, exit codes, and a log with one JSON object a line.

use crate::child::Running;
use crate::support::{Client, spawn};

async fn listening(child: &mut Running) -> Client {
    let event = child.wait_for("listening");
    let address = event["address"].as_str().unwrap().parse().unwrap();
    Client::connect(address).await.unwrap()
}

#[tokio::test]
async fn a_signal_ends_a_process_in_order() {
    for signal in ["TERM", "INT"] {
        let mut child = Running::start(&[]);
        let mut client = listening(&mut child).await;
        assert_eq!(client.get("/traceparent").await.unwrap().status(), 200);
        child.signal(signal);
        child.wait_for("ending");
        assert_eq!(child.wait().code(), Some(0));
    }
}

#[tokio::test]
async fn a_process_that_still_waits_for_its_store_ends_too() {
    let mut child = Running::start(&[("SHOP__WAIT_FOR_STORE", "true")]);
    child.wait_for("waiting for the store");
    child.signal("TERM");
    assert_eq!(child.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_work_is_an_error_and_a_second_signal_waits_for_nothing() {
    for (signals, grace, code, last) in [
        (
            1,
            "300",
            1,
            "tasks of child did not finish within the grace period and were abandoned",
        ),
        (
            2,
            "600000",
            130,
            "a second signal: ending without finishing",
        ),
    ] {
        let mut child = Running::start(&[
            ("SHOP__SHUTDOWN__GRACE_MS", grace),
            ("SHOP__LOG__FILTER", "info,service_kit=debug"),
        ]);
        let event = child.wait_for("listening");
        let address = event["address"].as_str().unwrap().parse().unwrap();
        let mut stuck = Client::connect(address).await.unwrap();
        spawn(async move { stuck.get("/stuck").await });
        child.wait_for("stuck");
        child.signal("TERM");
        child.wait_for("ending");
        for _ in 1..signals {
            child.signal("TERM");
        }
        assert_eq!(child.wait().code(), Some(code));
        let line = child.last_line();
        assert!(line.contains(last), "{line}");
    }
}

#[tokio::test]
async fn a_panic_is_one_line_of_the_log_and_a_500_names_its_request() {
    let mut child = Running::start(&[]);
    let mut client = listening(&mut child).await;
    let reply = client.get("/panic").await.unwrap();
    assert_eq!(reply.status(), 500);
    assert_eq!(child.wait_for("panicked")["level"], "ERROR");
    let event = child.wait_for("a request was not carried out");
    assert_eq!(
        (&event["status"], event["span"]["request_id"].as_str()),
        (
            &serde_json::json!(500),
            reply.headers()["x-request-id"].to_str().ok()
        )
    );
}

#[tokio::test]
async fn a_setting_that_does_not_exist_ends_a_process_with_one_sentence() {
    let mut child = Running::start(&[("SHOP__HTTP__PROT", "1")]);
    assert_eq!(child.wait().code(), Some(1));
    let line = child.last_line();
    assert!(
        line.starts_with("unknown setting `http.prot` (SHOP__HTTP__PROT); known here: "),
        "{line}"
    );
}
