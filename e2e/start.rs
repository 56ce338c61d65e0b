//! What somebody sees who starts it wrongly: one clear sentence and an exit code.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use testkit::process::ShopHarness;

use crate::shop::harness;

/// Runs the shop to its end on the harness's folder.
fn run(data: &std::path::Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shop"))
        .arg("--data")
        .arg(data)
        .args(arguments)
        .envs([
            ("SHOP__GATEWAY__HTTP__PORT", "0"),
            ("SHOP__GATEWAY__HTTP__ADMIN_PORT", "0"),
            ("SHOP__USER__HTTP__PORT", "0"),
            ("SHOP__USER__HTTP__ADMIN_PORT", "0"),
            ("SHOP__PRODUCT__HTTP__PORT", "0"),
            ("SHOP__PRODUCT__HTTP__ADMIN_PORT", "0"),
            ("SHOP__ORDER__HTTP__PORT", "0"),
            ("SHOP__ORDER__HTTP__ADMIN_PORT", "0"),
            ("SHOP__NOTIFICATION__HTTP__PORT", "0"),
            ("SHOP__NOTIFICATION__HTTP__ADMIN_PORT", "0"),
        ])
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// The one sentence, besides lines of the log, on stderr of a shop that refused to start.
#[track_caller]
fn refusal(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let is_log = |line: &&str| line.contains(" INFO ");
    let lines: Vec<&str> = stderr.lines().filter(|line| !is_log(line)).collect();
    assert_eq!(lines.len(), 1, "one sentence, not {lines:?}");
    lines[0].to_owned()
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let harness = harness();
    let output = run(harness.data(), &[], &[("SHOP__ORDER__HTTP__PORT", &port)]);
    let sentence = refusal(&output);
    assert!(
        sentence.contains(&port) && sentence.contains("order"),
        "{sentence}"
    );
}

#[test]
fn an_unknown_setting_is_named_by_its_path() {
    let harness = harness();
    let output = run(harness.data(), &[], &[("SHOP__ORDER__HTTP__PROT", "4003")]);
    let sentence = refusal(&output);
    assert!(sentence.to_lowercase().contains("prot"), "{sentence}");

    let file = harness.data().join("settings.yaml");
    std::fs::write(&file, "order:\n  http:\n    prot: 4003\n").unwrap();
    let output = run(harness.data(), &["--config", file.to_str().unwrap()], &[]);
    let sentence = refusal(&output);
    assert!(
        sentence.contains("order.http") && sentence.contains("prot"),
        "{sentence}"
    );
}

#[test]
fn an_unknown_url_scheme_is_refused_by_name() {
    let harness = harness();
    let output = run(harness.data(), &[], &[("BROKER_URL", "kafka://localhost")]);
    assert!(refusal(&output).contains("kafka"));
    let output = run(
        harness.data(),
        &[],
        &[("SHOP__ORDER__STORE__URL", "oracle://localhost")],
    );
    assert!(refusal(&output).contains("oracle"));
}

#[test]
fn the_one_store_of_one_service_is_not_taken_for_all_of_them() {
    let harness = harness();
    let output = run(harness.data(), &[], &[("STORE_URL", "sqlite:///order.db")]);
    assert_eq!(
        refusal(&output),
        "STORE_URL names the one store of one service, and the one binary has four: unset it, or set \
         SHOP__ORDER__STORE__URL and the like"
    );
}

#[test]
fn a_server_is_refused_by_its_setting_before_anything_is_made() {
    let url = "postgres://user:secret@host/shop";
    for arguments in [&["--check-config"][..], &[]] {
        let harness: ShopHarness = harness();
        let output = run(
            harness.data(),
            arguments,
            &[("SHOP__ORDER__STORE__URL", url)],
        );
        assert_eq!(
            refusal(&output),
            "setting `order.store.url` (in `shop` every store is a file; servers are for the binary `order`): STORE_URL has the \
             scheme `postgres`, which this service does not support; use sqlite:///absolute/path.db"
        );
        assert!(!harness.data().join("user.db").exists(), "{arguments:?}");
    }
}

#[test]
fn a_damaged_store_is_not_opened() {
    let harness = harness();
    std::fs::write(harness.data().join("order.db"), [0x5a; 8192]).unwrap();
    let sentence = refusal(&run(harness.data(), &[], &[]));
    assert!(sentence.contains("order.db"), "{sentence}");
}

#[tokio::test]
async fn a_store_damaged_in_its_middle_is_not_opened_either() {
    let harness = harness();
    let (process, _) = harness.start().await.unwrap();
    assert!(
        process
            .stop(testkit::wait::PATIENCE)
            .await
            .unwrap()
            .success()
    );
    let path = harness.data().join("product.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // Past the first page, which holds the header and the schema.
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let sentence = refusal(&run(harness.data(), &[], &[]));
    assert!(sentence.contains("product.db"), "{sentence}");
}

#[tokio::test]
async fn a_second_shop_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let harness = harness();
    let (process, shop) = harness.start().await.unwrap();
    let sentence = refusal(&run(harness.data(), &[], &[]));
    assert!(sentence.contains("another shop is running"), "{sentence}");
    let stranger = testkit::client::Client::new(shop.address("gateway").unwrap()).unwrap();
    stranger
        .get("/api/v1/products")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    process.stop(testkit::wait::PATIENCE).await.unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    // Root may write anywhere, except where the file system itself refuses.
    let output = run(std::path::Path::new("/proc/shop-data"), &[], &[]);
    assert!(refusal(&output).contains("/proc/shop-data"));
}

#[tokio::test]
async fn the_first_start_makes_private_keys_and_an_administrator_and_says_where() {
    let harness = harness();
    let (process, _) = harness.start().await.unwrap();
    process.stop(testkit::wait::PATIENCE).await.unwrap();
    for secret in ["signing-key.pem", "admin-password"] {
        let mode = std::fs::metadata(harness.data().join(secret))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let password = std::fs::read_to_string(harness.data().join("admin-password")).unwrap();
    let log = harness.log();
    assert!(log.contains("admin-password"), "{log}");
    assert!(log.contains("/mail"), "the maildir is named: {log}");
    assert!(
        !log.contains(password.trim()),
        "the password itself is never printed"
    );
}

#[test]
fn the_effective_settings_are_printed_without_secrets() {
    let harness: ShopHarness = harness();
    let output = run(
        harness.data(),
        &["--check-config"],
        &[("SHOP__NOTIFICATION__SMTP__PASSWORD", "hunter2")],
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("notification:"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}
