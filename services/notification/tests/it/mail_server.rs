//! A mail server that is silent, or refuses, at every moment of a conversation.

use std::collections::BTreeMap;

use contracts::UserId;
use futures_util::future::join_all;
use notification::domain::Contact;
use notification::mail::{Composer, Mail, Mailer as _, SendError, Smtp, Templates};
use notification::settings::SmtpSettings;
use notification::store::Claimed;
use testkit::wait;

use crate::fake_smtp::{Answer, FakeSmtp, GREETING};
use crate::sending::claimed;

fn compose(delivery: &Claimed) -> Mail {
    let from = "Shop <shop@shop.example>".parse().unwrap();
    let composer = Composer::new(Templates::new().unwrap(), from, "Shop", "");
    composer.compose(delivery).unwrap()
}

fn mail_to(address: &str) -> Mail {
    let contact = Contact {
        user_id: UserId::at(crate::samples::start()),
        email: address.to_owned(),
        name: "Ada".to_owned(),
    };
    compose(&Claimed {
        contact,
        ..claimed(1)
    })
}

fn smtp(server: &FakeSmtp) -> Smtp {
    let settings = SmtpSettings {
        timeout_s: 5,
        ..server.settings()
    };
    Smtp::new(&settings, 8).unwrap()
}

async fn wait_for_open(server: &FakeSmtp, count: usize, what: &str) {
    wait::until(what, || async {
        Ok((server.open() == count).then_some(()))
    })
    .await
    .unwrap();
}

/// Tries at a server that falls silent, all of which run out of time.
const TRIES: usize = 50;

async fn no_socket_is_left_behind(silent_at: Option<&'static str>) {
    let server = FakeSmtp::start().await;
    match silent_at {
        Some(command) => server.be_silent_at(command),
        None => server.always(Some(Answer::Stall)),
    }
    let smtp = smtp(&server);
    let mail = compose(&claimed(1));
    let tries = join_all((0..TRIES).map(|_| smtp.send(&mail))).await;
    let too_long = "the mail server did not take the mail within 5s".to_owned();
    assert_eq!(tries, vec![Err(SendError::Away(too_long)); TRIES]);
    let what = format!("no connection to be open after silence at {silent_at:?}");
    wait_for_open(&server, 0, &what).await;
}

#[tokio::test]
async fn tries_that_a_silent_server_lets_run_out_of_time_leave_no_socket_behind() {
    let moments = [GREETING, "EHLO", "MAIL", "RCPT", "DATA"];
    let moments = moments.map(Some).into_iter().chain([None]);
    join_all(moments.map(no_socket_is_left_behind)).await;
}

#[tokio::test]
async fn connections_that_were_kept_are_not_kept_when_the_server_falls_silent() {
    let server = FakeSmtp::start().await;
    let smtp = smtp(&server);
    let mail = compose(&claimed(1));
    let sent = join_all((0..8).map(|_| smtp.send(&mail))).await;
    assert_eq!(sent, vec![Ok(()); 8]);
    assert_eq!(server.open(), 8);
    server.be_silent_at("NOOP");
    server.be_silent_at(GREETING);
    smtp.send(&mail).await.unwrap_err();
    wait_for_open(&server, 0, "no connection to be open").await;
}

#[tokio::test]
async fn at_the_end_every_connection_is_closed_whether_the_server_answers_or_not() {
    for silent in [false, true] {
        let server = FakeSmtp::start().await;
        let smtp = smtp(&server);
        let mail = compose(&claimed(1));
        smtp.send(&mail).await.unwrap();
        smtp.tidy().await;
        assert_eq!(server.open(), 1, "it was used just now");
        if silent {
            server.be_silent_at("QUIT");
        }
        smtp.close().await;
        wait_for_open(&server, 0, "the connection to be closed").await;
    }
}

/// What a try comes to if the server gives this answer to this command.
async fn answered(command: &'static str, answer: &'static str) -> SendError {
    let server = FakeSmtp::start().await;
    server.answer_to(command, answer);
    let smtp = Smtp::new(&server.settings_with_account(), 8).unwrap();
    let sent = smtp.send(&compose(&claimed(1))).await;
    assert_eq!(server.mails().len(), 0);
    sent.unwrap_err()
}

#[tokio::test]
async fn a_server_that_refuses_us_is_away_and_only_one_that_refuses_the_recipient_or_the_mail_refuses_for_good()
 {
    let mut kinds = BTreeMap::new();
    for command in [GREETING, "EHLO", "AUTH", "MAIL", "RCPT", "DATA"] {
        let kind = match answered(command, "554 5.7.1 no").await {
            SendError::Permanent(reason) => format!("permanent: {reason}"),
            SendError::Transient(reason) => format!("transient: {reason}"),
            SendError::Away(reason) => format!("away: {reason}"),
        };
        kinds.insert(command, kind);
    }
    let away = "away: the mail server takes no mail from us now: it answered 554 5.7.1";
    let permanent = "permanent: the mail server refused the mail with 554 5.7.1";
    let expected = [
        (GREETING, away.to_owned()),
        ("EHLO", away.to_owned()),
        ("AUTH", away.to_owned()),
        ("MAIL", away.to_owned()),
        ("RCPT", permanent.to_owned()),
        ("DATA", permanent.to_owned()),
    ];
    assert_eq!(kinds, BTreeMap::from(expected));
}

#[tokio::test]
async fn an_address_beyond_ascii_is_refused_and_holds_up_no_other_mail() {
    let server = FakeSmtp::start().await;
    let smtp = smtp(&server);
    let sent = smtp.send(&mail_to("ada.bücher@example.com")).await;
    let refused = "the mail server takes no addresses beyond ASCII".to_owned();
    assert_eq!(sent, Err(SendError::Permanent(refused)));
    smtp.send(&mail_to("ada@example.com")).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_refused_mail_leaves_its_connection_to_the_next_one() {
    let server = FakeSmtp::start().await;
    server.answer(&[Answer::Say("550 5.1.1 no such mailbox")]);
    let smtp = smtp(&server);
    let mail = compose(&claimed(1));
    smtp.send(&mail).await.unwrap_err();
    smtp.send(&mail).await.unwrap();
    assert_eq!((server.open(), server.connections()), (1, 1));
}
