//! The fake mail server.

use std::collections::BTreeMap;

use testkit::mail_server::FakeMailServer;
use testkit::{maildir, wait};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Says all that a client says about one mail, and returns the answers.
async fn hand_over(server: &FakeMailServer, said: &str) -> String {
    let mut client = TcpStream::connect(server.address()).await.unwrap();
    let before = "EHLO shop\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
    let all = [before, said].concat();
    client.write_all(all.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    answers
}

#[tokio::test]
async fn a_mail_that_is_sent_twice_is_there_twice_and_one_that_is_broken_off_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeMailServer::start(folder.path()).await.unwrap();
    let mail = |id: &str| format!("Message-ID: <{id}@shop>\r\n\r\n..dots\r\n");
    for id in ["once", "twice", "twice"] {
        let answers = hand_over(&server, &format!("{}.\r\nQUIT\r\n", mail(id))).await;
        assert!(answers.ends_with("250 taken\r\n221 bye\r\n"), "{answers}");
    }
    let answers = hand_over(&server, &mail("broken off")).await;
    assert!(answers.ends_with("354 go ahead\r\n"), "{answers}");

    let expected = [("once@shop", 1), ("twice@shop", 2)];
    let expected = BTreeMap::from(expected.map(|(id, times)| (id.to_owned(), times)));
    wait::until("three mails", || async {
        Ok((maildir::count(folder.path())? == expected).then_some(()))
    })
    .await
    .unwrap();
    let mails = maildir::read(folder.path()).unwrap();
    assert!(
        mails.iter().all(|mail| mail.text == ".dots\r\n"),
        "{mails:?}"
    );
}
