//! The named moments of `docs/reliability.md` at which a process dies: rows A, B, C and D of the fault matrix.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::process::{ShopHarness, crashed};
use testkit::wait::{self, PATIENCE};

use crate::shop::{Mailbox, Shop, harness, repeats};

const SKU: &str = "CRASH";
const KEY: &str = "the-order";
const STOCK: i64 = 5;

/// What the customer saw of the request that ran into the crash.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    /// No reply.
    Nothing,
    /// Either: the crash is not tied to the request.
    Whatever,
}

/// How often mails may come (I10).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mails {
    /// Once: the process had none in hand when it died.
    Once,
    /// Once, and those that it had in hand when it died perhaps once more: all services die in one process, so that this may
    /// happen wherever it dies while an event is on its way to others.
    PerhapsTwice,
    /// One of them twice: it died after the mail server's yes.
    OneTwice,
}

/// Runs a shop into the crash at `point` while an order is placed, starts it again and repeats the request: there must be one
/// order, confirmed, and one mail of each kind.
async fn an_order_survives(point: &str, seen: Seen, mails: Mails) {
    let (mailbox, harness) = Mailbox::start(harness()).await.unwrap();
    let shop = Shop::start(harness).await.unwrap();
    shop.product(SKU, 1_000, u32::try_from(STOCK).unwrap())
        .await
        .unwrap();
    let customer = shop.customer("crash").await.unwrap();
    // What was told before is not in hand when it dies.
    mailbox.of(&shop.harness).quiescent().await.unwrap();
    let harness = stopped(shop).await;

    let mut process = harness
        .spawn_with(&[("SHOP_CRASH_AT", &format!("{point}:1"))])
        .unwrap();
    let run = process.ready().await.unwrap();
    let customer = customer.at(run.address("gateway").unwrap());
    let first = customer.place_order(KEY, SKU, 1).await.ok();
    let first = first.filter(|reply| reply.status == 201);
    let status = process.ended(PATIENCE).await.unwrap();
    assert!(
        crashed(status),
        "{point} was not reached: {status}\n{}",
        harness.log()
    );
    if seen == Seen::Nothing {
        assert!(first.is_none(), "{point} struck after the reply");
    }

    let (_process, run) = harness.start().await.unwrap();
    let customer = customer.at(run.address("gateway").unwrap());
    let again = customer
        .place_order(KEY, SKU, 1)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let id = again.text("/id").unwrap().to_owned();
    if let Some(first) = first {
        assert_eq!(first.text("/id").unwrap(), id, "one key, one order");
    }
    let order = customer.settled_order(&id).await.unwrap();
    assert_eq!(order["status"], "confirmed", "{order}");
    let stores = mailbox.of(&harness);
    let stores = match mails {
        Mails::Once => stores,
        Mails::PerhapsTwice | Mails::OneTwice => stores.mails_may_repeat(),
    };
    let stores = stores.quiescent().await.unwrap();
    let most = stores.mails.unwrap().arrived.into_values().max();
    match mails {
        Mails::Once => assert_eq!(most, Some(1)),
        Mails::PerhapsTwice => assert!(most <= Some(2), "{most:?}"),
        Mails::OneTwice => assert_eq!(most, Some(2)),
    }

    let orders = customer.get("/api/v1/orders").await.unwrap();
    assert_eq!(orders.body["data"].as_array().unwrap().len(), 1);
    let admin = crate::shop::admin(&harness, &run).await.unwrap();
    assert_eq!(stock(&admin).await, (STOCK - 1, 0, 1));
    each_kind_of_mail_once(&mailbox);
}

/// Stops the shop in order and keeps its folder.
async fn stopped(shop: Shop) -> ShopHarness {
    let status = shop.process.stop(PATIENCE).await.unwrap();
    assert!(status.success(), "{status}\n{}", shop.harness.log());
    shop.harness
}

/// Available, reserved and sold pieces.
async fn stock(admin: &testkit::client::Client) -> (i64, i64, i64) {
    let reply = admin
        .get(&format!("/api/v1/admin/inventory/{SKU}"))
        .await
        .unwrap();
    let number = |pointer| reply.number(pointer).unwrap();
    (number("/available"), number("/reserved"), number("/sold"))
}

/// I10: however often a mail came, it is one by its message id, and nothing was told in two mails.
fn each_kind_of_mail_once(mailbox: &Mailbox) {
    let mails = mailbox.mails();
    let distinct = mails
        .iter()
        .map(|mail| (&mail.message_id, &mail.to, &mail.subject));
    let distinct: BTreeSet<_> = distinct.collect();
    let kinds = distinct.iter().map(|(_, to, subject)| (to, subject));
    let kinds: BTreeSet<_> = kinds.collect();
    assert_eq!(kinds.len(), distinct.len(), "{distinct:?}");
    assert!(
        kinds
            .iter()
            .any(|(_, subject)| subject.contains("confirmed")),
        "{kinds:?}"
    );
}

macro_rules! an_order_survives {
    ($($test:ident: $point:literal, $seen:ident, $mails:ident;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            an_order_survives($point, Seen::$seen, Mails::$mails).await;
        })+
    };
}

an_order_survives! {
    a1_before_the_commit_of_an_order: "order.before_commit", Nothing, Once;
    a2_after_the_commit_before_the_reply: "order.after_commit", Nothing, Once;
    a3_after_the_relay_claimed: "relay.after_claim", Whatever, Once;
    a4_after_the_relay_published: "relay.after_publish", Whatever, PerhapsTwice;
    a5_after_the_broker_confirmed: "relay.after_confirm", Whatever, PerhapsTwice;
    a6_after_the_relay_stamped: "relay.after_stamp", Whatever, PerhapsTwice;
    b1_when_stock_received_the_order: "consumer.product.orders.on_receipt", Whatever, PerhapsTwice;
    b2_in_the_middle_of_the_reservation: "product.mid_transaction", Whatever, PerhapsTwice;
    b3_after_the_reservation_before_the_ack: "consumer.product.orders.after_commit", Whatever, PerhapsTwice;
    b4_after_the_ack: "consumer.product.orders.after_ack", Whatever, PerhapsTwice;
    d0_after_the_notification_was_taken_in: "consumer.notification.intake.after_commit", Whatever, PerhapsTwice;
    d1_after_the_mail_was_sent: "notification.sender.after_send", Whatever, OneTwice;
    d2_after_the_mail_was_recorded: "notification.sender.after_record", Whatever, PerhapsTwice;
}

/// An order that nobody answers passes its deadline; the sweeper dies at `point` and the next one finishes the job.
async fn an_overdue_order_is_cancelled_once(point: &str) {
    let (mailbox, harness) = Mailbox::start(harness()).await.unwrap();
    let shop = Shop::start(harness).await.unwrap();
    shop.product(SKU, 1_000, u32::try_from(STOCK).unwrap())
        .await
        .unwrap();
    let customer = shop.customer("late").await.unwrap();
    let harness = stopped(shop)
        .await
        .variable("SHOP__ORDER__DEADLINES__RESERVE_S", "1");

    // Without the product service nobody answers.
    let others = harness.only("gateway,user,order,notification");
    let mut process = others
        .spawn_with(&[("SHOP_CRASH_AT", &format!("{point}:1"))])
        .unwrap();
    let run = process.ready().await.unwrap();
    let customer = customer.at(run.address("gateway").unwrap());
    // Whose reply may come too late, for the deadline counts from before the commit.
    let _ = customer.place_order(KEY, SKU, 1).await;
    let status = process.ended(PATIENCE).await.unwrap();
    assert!(
        crashed(status),
        "{point} was not reached: {status}\n{}",
        others.log()
    );

    // The next sweeper gives the order up before stock can answer.
    let (process, run) = others.start().await.unwrap();
    let customer = customer.at(run.address("gateway").unwrap());
    let placed = customer.place_order(KEY, SKU, 1).await.unwrap();
    let placed = placed.expect(201).unwrap();
    assert_eq!(placed.header("idempotency-replayed"), Some("true"));
    let order = format!("/api/v1/orders/{}", placed.text("/id").unwrap());
    wait::until("the sweeper to give the order up", || async {
        let status = customer.get(&order).await?.text("/status")?.to_owned();
        Ok((status == "cancelling").then_some(()))
    })
    .await
    .unwrap();
    assert!(process.stop(PATIENCE).await.unwrap().success());

    let harness = others.everything();
    let (_process, run) = harness.start().await.unwrap();
    let customer = customer.at(run.address("gateway").unwrap());
    let order = customer
        .settled_order(placed.text("/id").unwrap())
        .await
        .unwrap();
    assert_eq!(order["status"], "cancelled", "{order}");
    // When it died, the mail about the placed order may have been in hand.
    let stores = mailbox.of(&harness).mails_may_repeat();
    let stores = stores.quiescent().await.unwrap();
    assert!(repeats(&stores) <= 1, "{:?}", stores.mails);
    let admin = crate::shop::admin(&harness, &run).await.unwrap();
    assert_eq!(stock(&admin).await, (STOCK, 0, 0));
    let timeline = customer
        .get(&format!(
            "/api/v1/orders/{}/timeline",
            placed.text("/id").unwrap()
        ))
        .await
        .unwrap();
    let cancelled = timeline.body["data"].as_array().unwrap();
    let count = |entry: &&Value| entry["type"] == "cancelled";
    assert_eq!(
        cancelled.iter().filter(count).count(),
        1,
        "{}",
        timeline.body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_after_the_sweeper_selected() {
    an_overdue_order_is_cancelled_once("sweeper.after_select").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c2_after_the_sweeper_committed() {
    an_overdue_order_is_cancelled_once("sweeper.after_commit").await;
}
