//! Rows D1 and D2 of the fault matrix, and the consumer's: the process is killed at a named moment, started again on what
//! it left behind, and everything was told once, or twice where a mail server's yes was lost (I10).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use contracts::{Role, UserId};
use notification::Settings;
use testkit::wait;

use crate::fake_smtp::FakeSmtp;
use crate::samples;
use crate::service::{Account, Service, start_at};

const SIGABRT: i32 = 6;

/// The account that the killed process welcomes.
const ADA: &str = "usr_019abcde000070008000000000000001";

/// Where a killed process keeps its data and where its mails go, and the process after it too.
#[derive(Clone, Default)]
struct Setup {
    /// A mail server's port; without it mails go to a folder.
    server: Option<u16>,
    /// The URL of the store; without it a file in the folder.
    store: Option<String>,
}

fn set(setup: &Setup) -> impl FnOnce(&mut Settings) {
    let Setup { server, store } = setup.clone();
    move |settings| {
        if let Some(store) = store {
            settings.store.url = store;
            // After its start a process leaves alone for that long what others may yet record.
            (
                settings.store.pool.wait_ms,
                settings.store.pool.statement_ms,
            ) = (2_000, 2_000);
        }
        if let Some(port) = server {
            settings.smtp.host = "localhost".to_owned();
            settings.smtp.port = port;
            settings.smtp.tls = notification::settings::TlsMode::None;
        }
    }
}

/// The process that is killed: does nothing unless [`killed_at`] runs it.
#[tokio::test]
async fn child() {
    let Ok(folder) = std::env::var("NOTIFICATION_CHILD_FOLDER") else {
        return;
    };
    let server = std::env::var("NOTIFICATION_CHILD_SMTP").ok();
    let port = server.map(|port| port.parse().unwrap());
    let store = std::env::var("NOTIFICATION_CHILD_STORE").ok();
    let setup = Setup {
        server: port,
        store,
    };
    let service = start_at(Path::new(&folder), set(&setup)).await;
    let ada: UserId = ADA.parse().unwrap();
    service
        .tell(1, samples::registered(ada, "Ada", &[Role::Admin]))
        .await;
    std::future::pending::<()>().await;
}

/// Runs a service that is killed when it passes `point` for the first time.
fn killed_at(point: &str, folder: PathBuf, setup: &Setup) {
    use std::os::unix::process::ExitStatusExt as _;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "crashing::child", "--quiet"])
        .env("NOTIFICATION_CHILD_FOLDER", folder)
        .env("SHOP_CRASH_AT", format!("{point}:1"));
    if let Some(port) = setup.server {
        child.env("NOTIFICATION_CHILD_SMTP", port.to_string());
    }
    if let Some(store) = &setup.store {
        child.env("NOTIFICATION_CHILD_STORE", store);
    }
    let status = child.output().unwrap().status;
    assert_eq!(status.signal(), Some(SIGABRT), "{point}: {status}");
}

/// A folder that a service killed at `point` left behind, and a new service on it.
async fn restarted(point: &'static str, setup: &Setup) -> (tempfile::TempDir, Service, Account) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let child = setup.clone();
    let killing = tokio::task::spawn_blocking(move || killed_at(point, path, &child));
    killing.await.unwrap();
    let service = start_at(folder.path(), set(setup)).await;
    // Where several replicas work on the store, what the killed one was sending is its own until its lease ends.
    service.clock.advance(Duration::from_mins(10));
    let user_id = ADA.parse().unwrap();
    let roles = [Role::Customer, Role::Admin];
    let client = service.signed_in(user_id, &roles, Duration::from_hours(24));
    (folder, service, Account { user_id, client })
}

const POINTS: [&str; 5] = [
    "consumer.notification.intake.on_receipt",
    "consumer.notification.intake.after_commit",
    "consumer.notification.intake.after_ack",
    "notification.sender.after_send",
    "notification.sender.after_record",
];

async fn told_once_after(point: &'static str, setup: &Setup) {
    let (_folder, service, ada) = restarted(point, setup).await;
    service.wait_for_titles(&ada, 1).await;
    service.wait_for_states(&ada, "", &["sent"]).await;
    // What comes later is told too, and by then the first would have come again if it ever did.
    service.tell(2, samples::confirmed(ada.user_id)).await;
    service.wait_for_states(&ada, "", &["sent", "sent"]).await;
    let mut titles = service.wait_for_titles(&ada, 2).await;
    titles.sort_unstable();
    assert_eq!(
        titles,
        ["Order K7Q2-41ZD confirmed", "Welcome, Ada"],
        "{point}"
    );
    assert_eq!(service.wait_for_mails(2).await.len(), 2, "{point}");
    service.end().await;
}

#[tokio::test]
async fn killed_at_any_moment_an_event_is_told_once_by_list_and_folder() {
    for point in POINTS {
        Box::pin(told_once_after(point, &Setup::default())).await;
    }
}

#[tokio::test]
async fn killed_at_any_moment_an_event_is_told_once_from_postgres_too() {
    for point in POINTS {
        let place = testkit::isolated::postgres_database().await.unwrap();
        let setup = Setup {
            store: Some(crate::postgres::migrated(&place).await),
            ..Setup::default()
        };
        Box::pin(told_once_after(point, &setup)).await;
    }
}

#[tokio::test]
async fn a_mail_server_gets_a_mail_twice_only_if_its_yes_was_not_recorded() {
    for (point, times) in [
        ("notification.sender.after_send", 2),
        ("notification.sender.after_record", 1),
    ] {
        let server = FakeSmtp::start().await;
        let setup = Setup {
            server: Some(server.settings().port),
            ..Setup::default()
        };
        let (_folder, service, ada) = restarted(point, &setup).await;
        service.wait_for_states(&ada, "", &["sent"]).await;
        service.tell(2, samples::confirmed(ada.user_id)).await;
        service.wait_for_states(&ada, "", &["sent", "sent"]).await;
        let ids = wait::until("the mails", || async {
            let mails = crate::sending::message_ids(&server.mails());
            Ok((mails.len() > times).then_some(mails))
        })
        .await
        .unwrap();
        assert_eq!(ids.len(), times + 1, "{point}");
        let first = ids.iter().filter(|id| **id == ids[0]);
        assert_eq!(first.count(), times, "{point}");
        service.end().await;
    }
}
