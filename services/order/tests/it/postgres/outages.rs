//! What was answered is there once, whatever happens to connections.

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contracts::events::order::OrderStatus;
use contracts::{OrderId, Payload};
use futures_util::future::join_all;
use order::domain::{Input, Order};
use order::store::{PlaceError, StoreError};
use sqlx::PgPool;

use crate::contract::{Fixture, request};
use crate::postgres::{fixture_with, migrated, replica};

const CLIENTS: usize = 8;
const ORDERS_EACH: usize = 10;
const DEADLINE: Duration = Duration::from_mins(3);

/// Once more until the store answers, as a client with an idempotency key and a broker with an unacknowledged message do.
async fn until_answered<T, F: Future<Output = Result<T, StoreError>>>(
    answers: &AtomicUsize,
    attempt: impl Fn() -> F,
) -> T {
    loop {
        match attempt().await {
            Ok(done) => {
                answers.fetch_add(1, Ordering::Relaxed);
                return done;
            }
            Err(StoreError::Away(_)) => tokio::task::yield_now().await,
            Err(broken) => panic!("{broken:?}"),
        }
    }
}

async fn client(fixture: &Fixture, number: usize, answers: &AtomicUsize) -> Vec<Order> {
    let customer = fixture.customer();
    let mut confirmed = Vec::new();
    for turn in 0..ORDERS_EACH {
        let command = fixture.place_command(customer, &format!("k{turn}"), &[("MUG", 1)]);
        let placed = until_answered(answers, async || {
            match fixture.store.place(command.clone()).await {
                Err(PlaceError::Store(error)) => Err(error),
                answer => Ok(answer.unwrap().order),
            }
        })
        .await;
        let store = if number.is_multiple_of(2) {
            &fixture.store
        } else {
            &fixture.other
        };
        until_answered(answers, || {
            let (message_id, context) = (format!("reserved-{}", placed.id), fixture.context());
            store.hear_stock(message_id, placed.id, Input::StockReserved, context)
        })
        .await;
        confirmed.push(
            until_answered(answers, || fixture.store.order(placed.id, None))
                .await
                .unwrap(),
        );
    }
    confirmed
}

/// Ends every connection to the store but its own, again and again, but not before somebody was answered since the last
/// time: on a slow machine nothing would ever get done.
async fn cut(pool: &PgPool, answers: &AtomicUsize) {
    loop {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE 'shop-%'",
        )
        .execute(pool)
        .await
        .unwrap();
        let answered = answers.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        while answers.load(Ordering::Relaxed) == answered {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn what_was_answered_is_there_once_while_connections_are_ended_again_and_again() {
    let (database, settings) = migrated().await;
    let axe = PgPool::connect(database.url()).await.unwrap();
    let fixture = fixture_with(database, replica(&settings).await).await;
    let answers = AtomicUsize::new(0);
    let clients = join_all((0..CLIENTS).map(|number| client(&fixture, number, &answers)));
    let orders = tokio::select! {
        orders = clients => orders.concat(),
        () = cut(&axe, &answers) => unreachable!("it cuts for ever"),
        () = tokio::time::sleep(DEADLINE) => panic!("{answers:?} answers within {DEADLINE:?}"),
    };

    let fresh = replica(&settings).await;
    let everything = Fixture {
        store: std::sync::Arc::new(fresh),
        ..fixture
    };
    for order in &orders {
        assert_eq!((order.status, order.version), (OrderStatus::Confirmed, 2));
        assert_eq!(everything.order(order.id).await, *order);
    }
    let counted = everything.store.count_by_status().await.unwrap();
    assert_eq!(
        counted,
        [(OrderStatus::Confirmed, (CLIENTS * ORDERS_EACH) as u64)]
    );
    let told = told(&everything).await;
    let ids: HashSet<OrderId> = orders.iter().map(|order| order.id).collect();
    for wanted in ["order.placed.v1", "order.confirmed.v1"] {
        let about: Vec<OrderId> = told
            .iter()
            .filter(|(kind, _)| kind == wanted)
            .map(|(_, id)| *id)
            .collect();
        assert_eq!(about.len(), orders.len(), "{wanted}");
        assert_eq!(about.into_iter().collect::<HashSet<_>>(), ids, "{wanted}");
    }
    assert_eq!(told.len(), 2 * orders.len());
}

/// The kind and the order of every event.
async fn told(fixture: &Fixture) -> Vec<(String, OrderId)> {
    let outbox = messaging_of(fixture).await;
    outbox
        .into_iter()
        .map(|payload| {
            let kind = payload.event_type().as_str().to_owned();
            match payload {
                Payload::OrderPlaced(told) => (kind, told.order.order_id),
                Payload::OrderConfirmed(told) => (kind, told.order.order_id),
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

async fn messaging_of(fixture: &Fixture) -> Vec<Payload> {
    // The first attempt may meet a connection that was ended.
    for _ in 0..20 {
        let now = fixture.clock_now();
        if let Ok(messages) = fixture
            .outbox
            .claim(1000, Duration::from_hours(1), now)
            .await
        {
            return messages
                .iter()
                .map(|it| it.decode().unwrap().payload)
                .collect();
        }
    }
    panic!("the outbox does not answer");
}

#[tokio::test]
async fn a_server_that_cannot_write_says_so_and_keeps_the_key_free() {
    let (database, settings) = migrated().await;
    let admin = PgPool::connect(database.url()).await.unwrap();
    let fixture = fixture_with(database, replica(&settings).await).await;
    let customer = fixture.customer();
    for statement in [
        "ALTER TABLE orders RENAME TO gone",
        "ALTER TABLE gone RENAME TO orders",
    ] {
        sqlx::query(statement).execute(&admin).await.unwrap();
        let placed = fixture.try_place(customer, "k", &[("MUG", 1)]).await;
        if statement.ends_with("gone") {
            let broken = matches!(placed, Err(PlaceError::Store(StoreError::Broken(_))));
            assert!(broken, "{placed:?}");
        } else {
            assert!(!placed.unwrap().replayed);
        }
    }
    let before = fixture.store.placed_before(request(customer, "k")).await;
    assert!(before.unwrap().is_some());
}
