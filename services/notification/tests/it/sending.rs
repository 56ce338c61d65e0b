//! Mails on their way: to a folder, and to a mail server that behaves and misbehaves.

use std::path::PathBuf;
use std::time::Duration;

use contracts::{DeliveryId, EventId, EventType, Role, UserId};
use mail_parser::MessageParser;
use notification::Settings;
use notification::domain::{Channel, Contact};
use notification::mail::{Composer, Maildir, Mailer, Templates};
use notification::settings::{SmtpSettings, TlsMode};
use notification::store::Claimed;
use serde_json::json;
use testkit::wait;

use crate::fake_smtp::{Answer, FakeSmtp};
use crate::samples;
use crate::service::{start, start_in, start_with};

/// Mails go to this server.
fn to(smtp: SmtpSettings) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.smtp = smtp;
        settings.maildir = PathBuf::new();
    }
}

async fn wait_for_mails(server: &FakeSmtp, count: usize) -> Vec<Vec<u8>> {
    wait::until(&format!("{count} mails at the server"), || async {
        let mails = server.mails();
        Ok((mails.len() >= count).then_some(mails))
    })
    .await
    .unwrap()
}

pub fn message_ids(mails: &[Vec<u8>]) -> Vec<String> {
    let parser = MessageParser::default();
    let parsed = mails.iter().map(|mail| parser.parse(mail).unwrap());
    parsed
        .map(|mail| mail.message_id().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn mails_reach_a_server_without_tls_by_starttls_and_by_tls() {
    for tls in [TlsMode::None, TlsMode::StartTls, TlsMode::Tls] {
        let folder = tempfile::tempdir().unwrap();
        let server = FakeSmtp::start_with(tls, folder.path()).await;
        let service = start_with(to(server.settings_with_account())).await;
        let admin = service.admin().await;
        service.wait_for_states(&admin, "", &["sent"]).await;
        let mails = wait_for_mails(&server, 1).await;
        let parsed = MessageParser::default().parse(&mails[0]).unwrap();
        assert_eq!(parsed.subject(), Some("Welcome, Admin"), "{tls:?}");
        // RFC 4616: an empty identity, the name and the password, in base64.
        assert_eq!(server.sign_ins(), ["AUTH PLAIN AHNob3AAaHVudGVyMg=="]);
        service.stop().await;
    }
}

#[tokio::test]
async fn a_server_whose_certificate_nobody_vouches_for_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeSmtp::start_with(TlsMode::StartTls, folder.path()).await;
    let smtp = SmtpSettings {
        ca_file: PathBuf::new(),
        ..server.settings_with_account()
    };
    let service = start_with(to(smtp)).await;
    let admin = service.admin().await;
    let log = wait::until("the first try to fail", || async {
        let log = service.wait_for_states(&admin, "", &["queued"]).await;
        Ok((log[0]["attempts"] == 1).then_some(log))
    })
    .await
    .unwrap();
    let error = log[0]["last_error"].as_str().unwrap();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(server.sign_ins(), [""; 0]);
    assert_eq!(server.mails().len(), 0);
    service.stop().await;
}

#[tokio::test]
async fn a_server_that_offers_no_starttls_gets_nothing() {
    let server = FakeSmtp::start().await;
    let smtp = SmtpSettings {
        tls: TlsMode::StartTls,
        ..server.settings_with_account()
    };
    let service = start_with(to(smtp)).await;
    let admin = service.admin().await;
    wait::until("the first try to fail", || async {
        let log = service.wait_for_states(&admin, "", &["queued"]).await;
        Ok((log[0]["attempts"] == 1).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(server.sign_ins(), [""; 0]);
    assert_eq!(server.mails().len(), 0);
    service.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_at_once_and_one_put_off_is_tried_again() {
    let server = FakeSmtp::start().await;
    server.answer(&[
        Answer::Say("550 5.1.1 <admin@example.com>: no such mailbox"),
        Answer::Say("451 4.3.0 try later"),
    ]);
    let service = start_with(to(server.settings())).await;
    let admin = service.admin().await;
    let log = service.wait_for_states(&admin, "", &["failed"]).await;
    assert_eq!(log[0]["attempts"], 1);
    let error = log[0]["last_error"].as_str();
    assert_eq!(
        error,
        Some("the mail server refused the mail with 550 5.1.1")
    );

    service.tell(1, samples::low()).await;
    let log = wait::until("the second mail to be put off", || async {
        let log = service
            .wait_for_states(&admin, "", &["queued", "failed"])
            .await;
        Ok((log[0]["attempts"] == 1).then_some(log))
    })
    .await
    .unwrap();
    assert_eq!(log[0]["next_try_at"], "2026-11-23T20:06:18.000Z");
    assert_eq!(server.mails().len(), 0);
    service.clock.advance(Duration::from_secs(5));
    let log = service
        .wait_for_states(&admin, "", &["sent", "failed"])
        .await;
    assert_eq!(log[0]["attempts"], 2);
    assert_eq!(server.mails().len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn a_mail_is_given_up_after_its_last_try() {
    let server = FakeSmtp::start().await;
    server.always(Some(Answer::Say("451 4.3.0 try later")));
    let service = start_with(|settings| {
        to(server.settings())(settings);
        settings.senders.attempts = 3;
    })
    .await;
    let admin = service.admin().await;
    let log = wait::until("the delivery to fail", || async {
        service.clock.advance(Duration::from_secs(1));
        let path = "/api/v1/admin/notifications?state=failed";
        let log = admin.client.get(path).await?.expect(200)?.body;
        Ok((log["data"] != json!([])).then_some(log))
    })
    .await
    .unwrap();
    assert_eq!(log["data"][0]["attempts"], 3);
    service.stop().await;
}

#[tokio::test]
async fn a_wrong_password_gives_no_mail_up_and_shows_in_the_health() {
    let server = FakeSmtp::start().await;
    server.answer_to("AUTH", "535 5.7.8 bad credentials");
    let service = start_with(to(server.settings_with_account())).await;
    let admin = service.admin().await;
    let ready = wait::until("the mail server to be degraded", || async {
        let ready = service.admin_port.get("/readyz").await?;
        Ok((ready.body["details"]["mail"]["status"] == "degraded").then_some(ready))
    })
    .await
    .unwrap();
    assert_eq!(ready.status, 200, "never unready because of mail");
    let reason = ready.text("/details/mail/reason").unwrap();
    assert!(reason.ends_with("it answered 535 5.7.8"), "{reason}");
    service.wait_for_states(&admin, "", &["queued"]).await;
    server.answer_to("AUTH", "235 welcome");
    wait::until("the mail to be sent", || async {
        service.clock.advance(Duration::from_mins(1));
        let log = admin
            .client
            .get("/api/v1/admin/notifications?state=sent")
            .await?;
        Ok((log.body["data"] != json!([])).then_some(()))
    })
    .await
    .unwrap();
    let ready = service.admin_port.get("/readyz").await.unwrap();
    assert_eq!(ready.body["details"]["mail"]["status"], "ok");
    service.stop().await;
}

#[tokio::test]
async fn a_server_that_never_answers_delays_neither_the_list_nor_the_stream() {
    let server = FakeSmtp::start().await;
    server.always(Some(Answer::Stall));
    let service = start_with(|settings| {
        to(server.settings())(settings);
        settings.senders.concurrency = 1;
        settings.smtp.timeout_s = 60;
    })
    .await;
    let ada = service.customer().await;
    wait_for_mails(&server, 1).await;
    // The only sender is stuck in the first mail now.
    let mut stream = crate::streaming::open(&ada, None).await;
    for version in 1..=20 {
        service.tell(version, samples::placed(ada.user_id)).await;
    }
    service.wait_for_titles(&ada, 21).await;
    let ids = stream.ids(20).await;
    assert_eq!(ids, (2..=21).collect::<Vec<i64>>());
    assert_eq!(server.mails().len(), 1, "still the first");
    drop((stream, server)); // Or the end would wait for the mail.
    service.stop().await;
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_answer_to_the_next_mail() {
    let server = FakeSmtp::start().await;
    let late = Duration::from_millis(7_500);
    server.answer(&[
        Answer::SayAfter(late, "250 taken, at last"),
        Answer::Say("550 5.1.1 no such mailbox"),
    ]);
    let service = start_with(|settings| {
        to(server.settings())(settings);
        settings.senders.concurrency = 1;
        settings.smtp.timeout_s = 5;
    })
    .await;
    let admin = service.admin().await;
    service.tell(1, samples::low()).await;
    let log = service
        .wait_for_states(&admin, "", &["failed", "queued"])
        .await;
    let error = log[1]["last_error"].as_str().unwrap();
    assert!(error.contains("within 5s"), "{error}");
    service.clock.advance(Duration::from_secs(5));
    service
        .wait_for_states(&admin, "", &["failed", "sent"])
        .await;
    let ids = message_ids(&server.mails());
    assert_eq!(ids.len(), 2, "taken twice, because nobody knew: {ids:?}");
    assert_eq!(ids[0], ids[1], "and recognisable as one mail");
    service.stop().await;
}

#[tokio::test]
async fn a_reply_that_is_lost_makes_a_second_mail_with_the_same_message_id() {
    let server = FakeSmtp::start().await;
    server.answer(&[Answer::HangUp]);
    let service = start_with(to(server.settings())).await;
    let admin = service.admin().await;
    wait_for_mails(&server, 1).await;
    wait::until("the mail to be sent", || async {
        service.clock.advance(Duration::from_secs(5));
        let log = admin
            .client
            .get("/api/v1/admin/notifications?state=sent")
            .await?;
        Ok((log.body["data"] != json!([])).then_some(()))
    })
    .await
    .unwrap();
    let ids = message_ids(&server.mails());
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    service.stop().await;
}

#[tokio::test]
async fn many_mails_go_over_few_connections_and_none_is_lost_or_doubled() {
    let server = FakeSmtp::start().await;
    let service = start_with(to(server.settings())).await;
    let ada = service.customer().await;
    for version in 1..=50 {
        service.tell(version, samples::placed(ada.user_id)).await;
    }
    let mails = wait_for_mails(&server, 51).await;
    let mut ids = message_ids(&mails);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 51);
    let admin = service.admin().await;
    service.wait_for_states(&admin, "", &["sent"; 52]).await;
    assert_eq!(server.mails().len(), 52);
    service.stop().await;
}

#[tokio::test]
async fn what_was_taken_in_before_the_end_is_sent_after_the_next_start() {
    let server = FakeSmtp::start().await;
    server.always(Some(Answer::Say("451 4.3.0 try later")));
    let service = start_with(to(server.settings())).await;
    let ada = service.customer().await;
    service.tell(1, samples::placed(ada.user_id)).await;
    service.wait_for_titles(&ada, 2).await;
    let folder = service.stop().await;
    assert_eq!(server.mails().len(), 0);
    server.always(None);
    let service = start_in(folder, to(server.settings())).await;
    service.clock.advance(Duration::from_mins(1));
    let ids = message_ids(&wait_for_mails(&server, 2).await);
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    service.stop().await;
}

#[tokio::test]
async fn deliveries_are_counted_by_state_and_sending_is_timed() {
    let service = start().await;
    let admin = service.admin().await;
    service.wait_for_states(&admin, "", &["sent"]).await;
    let page = service.metrics().await;
    for series in [
        "shop_deliveries{channel=\"email\",state=\"queued\"}",
        "shop_deliveries{channel=\"email\",state=\"sending\"}",
        "shop_deliveries_ended_total{channel=\"email\",state=\"sent\"}",
        "shop_mail_seconds",
    ] {
        assert!(page.contains(series), "{series} in {page}");
    }
    service.stop().await;
}

/// A delivery of an order's confirmation, at this try.
pub fn claimed(attempt: u32) -> Claimed {
    let user_id: UserId = "usr_019abcde000070008000000000000001".parse().unwrap();
    let confirmed = samples::event(1, samples::confirmed(user_id));
    Claimed {
        id: "dlv_019abcde000070008000000000000005"
            .parse::<DeliveryId>()
            .unwrap(),
        attempt,
        event_id: "evt_019abcde000070008000000000000009"
            .parse::<EventId>()
            .unwrap(),
        event_type: EventType::OrderConfirmed,
        payload: confirmed.payload.to_json().unwrap(),
        title: "Order K7Q2-41ZD confirmed".to_owned(),
        channel: Channel::Email,
        contact: Contact {
            user_id,
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
        },
        created_at: samples::start(),
    }
}

#[tokio::test]
async fn a_mail_that_is_written_to_the_folder_again_is_there_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop/mail");
    let maildir = Maildir::open(&path).unwrap();
    let from = "Shop <shop@shop.example>".parse().unwrap();
    let composer = Composer::new(Templates::new().unwrap(), from, "Shop", "");
    let names = |part: &str| -> Vec<_> {
        let entries = std::fs::read_dir(path.join(part)).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    for attempt in 1..=3 {
        let mail = composer.compose(&claimed(attempt)).unwrap();
        maildir.send(&mail).await.unwrap();
        assert_eq!(names("new").len(), 1, "try {attempt}");
        assert_eq!(names("tmp").len(), 0);
    }
    let name = names("new").remove(0);
    let written = path.join("new").join(&name);
    let mode = std::fs::metadata(&written).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(testkit::maildir::read(&path).unwrap().len(), 1);
    // A mail reader has seen it.
    let mut seen = name.clone();
    seen.push(":2,S");
    std::fs::rename(&written, path.join("cur").join(seen)).unwrap();
    let mail = composer.compose(&claimed(4)).unwrap();
    maildir.send(&mail).await.unwrap();
    assert_eq!((names("new").len(), names("cur").len()), (0, 1));
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail");
    std::fs::write(&file, "").unwrap();
    let error = Maildir::open(&file).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot be made or written to"), "{text}");
    let service = start().await;
    let roles = [Role::Customer];
    service.register("Ada", &roles).await;
    assert_eq!(service.wait_for_mails(1).await[0].subject, "Welcome, Ada");
    service.stop().await;
}
