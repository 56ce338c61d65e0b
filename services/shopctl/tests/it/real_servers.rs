//! The commands on messages and stores, of a shop on servers that ask who one is.

use contracts::{Clock as _, SystemClock, Timestamp, UserId};
use order::domain::Deadlines;
use serde_json::{Value, json};
use shopctl::settings::Service;
use user::domain::{Email, Name, PasswordHash};
use user::store::NewAccount;

use crate::command::{Run, program, run};
use crate::files::{context, poison, published};
use crate::servers::{Servers, servers};

const PARKED_AT: i64 = 1_795_464_400_000;

/// Runs the program with the settings of an installation.
fn shopctl(servers: &Servers, arguments: &[&str]) -> Run {
    let mut command = program(arguments);
    command.args(["--output", "json"]);
    command.env("SHOP__POSTGRES__URL", servers.postgres.url());
    command.env("SHOP__MONGODB__URL", servers.mongo.url());
    command.env("BROKER_URL", &servers.settings.broker.url);
    command.env("SHOP__BROKER_API__URL", servers.rabbit.api_url());
    for service in ["USER", "PRODUCT", "ORDER", "NOTIFICATION"] {
        let password = format!("{}-1", service.to_lowercase());
        command.env(format!("SHOP__SERVICES__{service}__PASSWORD"), password);
    }
    let migrator = "SHOP__SERVICES__NOTIFICATION__MIGRATOR__PASSWORD";
    command.env(migrator, "migrator-1");
    run(command)
}

/// What the program lists of a parked message.
fn waiting(service: &str, id: &str) -> Value {
    json!({
        "service": service, "id": id, "queue": format!("{service}.queue"), "type": "stock.reserved.v1",
        "reason": "poison", "attempts": 1, "parked_at": "2026-11-23T20:06:40.000Z",
        "body": "{\"not\": \"understood\"}",
    })
}

fn empty(service: &str) -> Value {
    json!({"service": service, "pending": 0, "oldest": null, "oldest_seconds": 0})
}

/// What the doctor complains of, after a look at its code: 1 if anything fails. A full disk is this machine's matter.
fn complaints(looked: &Run) -> Vec<Value> {
    let mut findings: Vec<Value> = serde_json::from_str(&looked.out).unwrap();
    let failed = findings.iter().any(|finding| finding["verdict"] == "fail");
    assert_eq!(looked.code, i32::from(failed), "{}", looked.out);
    findings.retain(|finding| finding["verdict"] != "ok" && finding["subject"] != "disk");
    findings
}

#[tokio::test]
async fn messages_are_listed_replayed_and_told_again_and_the_doctor_sees_them() {
    let servers = servers().await;
    assert_eq!(shopctl(&servers, &["provision"]).code, 0);
    servers.migrate().await;
    assert_eq!(
        complaints(&shopctl(&servers, &["doctor"])),
        [json!(null); 0]
    );

    parked_messages(&servers).await;
    outbox_and_resync(&servers).await;
    servers.remove().await;
}

/// What the program says when it has done all that it was asked to.
fn settled(service: &str, ids: &[&str]) -> Value {
    let queue = format!("{service}.queue");
    let done: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "queue": queue}))
        .collect();
    json!({"service": service, "done": done, "not_parked": [], "queue_required": []})
}

/// One in PostgreSQL and one in MongoDB.
async fn parked_messages(servers: &Servers) {
    let of = |service| servers.settings.store_of(service, None).unwrap();
    let orders = order::store::open(&of(Service::Order), Deadlines::default()).await;
    let orders = orders.unwrap().messages;
    let rules = product::Settings::default().stock.rules();
    let products = product::store::open(&of(Service::Product), rules).await;
    let products = products.unwrap().messages;
    for (messages, queue, id) in [
        (&products, "product.queue", "p1"),
        (&orders, "order.queue", "o1"),
        (&orders, "order.queue", "o2"),
    ] {
        let at = Timestamp::from_unix_millis(PARKED_AT);
        let parked = messages.park(queue, poison(id), "poison", at);
        parked.await.unwrap();
    }

    let listed = shopctl(servers, &["parked", "list"]).json();
    let all = [("product", "p1"), ("order", "o1"), ("order", "o2")];
    assert_eq!(listed, json!(all.map(|(service, id)| waiting(service, id))));
    let looked = shopctl(servers, &["doctor"]);
    let warning = |service: &str, count: u32| {
        json!({
            "verdict": "warn", "place": service, "subject": "parked messages",
            "finding": format!("{count} wait for a person; see `shopctl parked list --service {service}`"),
        })
    };
    assert_eq!(
        complaints(&looked),
        [warning("product", 1), warning("order", 2)]
    );
    for (service, id) in all {
        let shown = shopctl(servers, &["parked", "show", id, "--service", service]);
        assert_eq!(shown.json(), waiting(service, id));
    }

    for (service, id, messages) in [("product", "p1", &products), ("order", "o1", &orders)] {
        let replayed = shopctl(servers, &["parked", "replay", id, "--service", service]);
        assert_eq!(replayed.json(), settled(service, &[id]));
        let due = messages.due(SystemClock.now(), 9).await.unwrap();
        let due: Vec<_> = due.iter().map(|due| &due.message).collect();
        assert_eq!(due, [&poison(id)]);
    }
    let discard = ["parked", "discard", "--all", "--service", "order"];
    assert_eq!(shopctl(servers, &discard).json(), settled("order", &["o2"]));
    let gone = shopctl(servers, &["parked", "replay", "p1", "--service", "product"]);
    assert_eq!(
        (gone.code, gone.out.parse::<Value>().unwrap()),
        (
            1,
            json!({"service": "product", "done": [], "not_parked": ["p1"], "queue_required": []})
        )
    );
    assert_eq!(shopctl(servers, &["parked", "list"]).json(), json!([]));
}

async fn outbox_and_resync(servers: &Servers) {
    let of = |service| servers.settings.store_of(service, None).unwrap();
    let rules = product::Settings::default().stock.rules();
    let products = product::store::open(&of(Service::Product), rules).await;
    let products = products.unwrap();
    let mut last_product = None;
    for sku in ["CUP", "MUG", "POT"] {
        let new = json!({"sku": sku, "title": sku, "price": {"amount": 100, "currency": "EUR"}});
        let new = serde_json::from_value(new).unwrap();
        let created = products.store.create(new, None, None, context());
        let product::store::Once::Done(created) = created.await.unwrap() else {
            panic!("{sku} is there already")
        };
        last_product = last_product.max(Some(created.product.id.to_string()));
    }
    let users = user::store::open(&of(Service::User)).await.unwrap();
    let account = UserId::at(SystemClock.now());
    let ada = NewAccount {
        id: account,
        email: Email::try_from("ada@example.com").unwrap(),
        name: Name::try_from("Ada").unwrap(),
        roles: Vec::new(),
        password_hash: PasswordHash("hash".to_owned()),
    };
    assert!(users.store.register(ada, context()).await.unwrap());

    let outbox = products.messages.outbox_stats().await.unwrap();
    let pending = outbox.pending;
    let mut status = shopctl(servers, &["outbox", "status"]).json();
    for place in [0, 1] {
        status[place]["oldest_seconds"] = json!("some");
    }
    let oldest = users.messages.outbox_stats().await.unwrap().oldest;
    assert_eq!(
        status,
        json!([
            {"service": "user", "pending": 1, "oldest": oldest, "oldest_seconds": "some"},
            {"service": "product", "pending": pending, "oldest": outbox.oldest, "oldest_seconds": "some"},
            empty("order"),
            empty("notification"),
        ])
    );

    let told = published(&products.messages).await;
    published(&users.messages).await;
    let since = "2026-01-01T00:00:00Z";
    let replay = ["outbox", "replay", "--since", since, "--batch", "2"];
    let replayed = shopctl(servers, &replay);
    let again = |service: &str, events: usize| json!({"service": service, "since": "2026-01-01T00:00:00.000Z", "events": events});
    assert_eq!(
        replayed.json(),
        json!([
            again("user", 1),
            again("product", told.len()),
            again("order", 0),
            again("notification", 0)
        ])
    );
    let batches = replayed.err.lines().count();
    assert_eq!(batches, 1 + told.len().div_ceil(2), "{}", replayed.err);
    assert_eq!(
        published(&products.messages).await,
        told,
        "with the same ids"
    );
    published(&users.messages).await;

    assert_eq!(
        shopctl(servers, &["resync", "catalog"]).json(),
        json!({"told": 3, "last": last_product})
    );
    assert_eq!(published(&products.messages).await.len(), 3);
    assert_eq!(
        shopctl(servers, &["resync", "contacts"]).json(),
        json!({"told": 1, "last": account.to_string()})
    );
    let retold: Vec<_> = published(&users.messages).await;
    let mut types: Vec<_> = retold.iter().map(|told| told.event_type.as_str()).collect();
    types.sort_unstable();
    assert_eq!(types, ["user.profile_updated.v1", "user.roles_changed.v1"]);
}
