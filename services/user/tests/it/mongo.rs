//! The MongoDB store keeps the contract, also with two replicas at work, and finds everything along an index.

use std::sync::Arc;

use contracts::{ManualClock, Role, SessionId};
use futures_util::future::join_all;
use futures_util::stream::TryStreamExt as _;
use messaging::mongo::MongoMessages;
use mongo_store::mongodb::ClientSession;
use mongo_store::mongodb::bson::{Document, doc};
use service_kit::http::etag::IfMatch;
use service_kit::settings::StoreSettings;
use testkit::isolated::{self, MongoDatabase};
use user::store::mongo::MongoUsers;
use user::store::{ChangeError, Refreshed};

use crate::contract::{Fixture, address, start, token, whole_contract};

fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        ..StoreSettings::default()
    }
}

async fn fixture() -> Fixture {
    replicas().await.0
}

/// A database whose server writes down how it carries out everything. In the end nothing may have been searched for without
/// an index: so every test here proves it for the statements it used, and together they use all.
struct Watched(MongoDatabase);

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let settings = settings(self.0.url());
        let scans = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async {
                let store = MongoUsers::open(&settings).await.unwrap();
                let database = store.database();
                let scans = database.scans().await.unwrap();
                [scans, database.sorts().await.unwrap()].concat()
            })
        });
        assert_eq!(scans.join().unwrap(), Vec::<String>::new());
    }
}

/// Two processes on one database.
async fn replicas() -> (Fixture, Fixture, MongoUsers) {
    let database = isolated::mongo_database().unwrap();
    let mut settings = settings(database.url());
    settings.pool.statement_ms = 30_000;
    MongoUsers::migrate(&settings).await.unwrap();
    let one = MongoUsers::open(&settings).await.unwrap();
    let other = MongoUsers::open(&settings).await.unwrap();
    one.database().watch_plans().await.unwrap();
    let of = |store: &MongoUsers, guard| Fixture {
        store: Arc::new(store.clone()),
        outbox: Arc::new(MongoMessages::new(store.database().clone())),
        clock: ManualClock::at(start()),
        _guard: guard,
    };
    (
        of(&one, Box::new(Watched(database))),
        of(&other, Box::new(())),
        one,
    )
}

whole_contract!(fixture);

#[tokio::test]
async fn of_registrations_of_one_address_at_two_replicas_one_makes_an_account() {
    let (one, other, _) = replicas().await;
    let registrations = (0..20).map(|n| {
        let replica = if n % 2 == 0 { &one } else { &other };
        replica
            .store
            .register(replica.new_account("ada", &[]), replica.context())
    });
    let made = join_all(registrations).await;
    let made = made.into_iter().filter(|made| *made.as_ref().unwrap());
    assert_eq!(made.count(), 1);
    assert_eq!(other.events().await.len(), 1);
}

#[tokio::test]
async fn of_two_administrators_who_step_down_at_two_replicas_one_stays() {
    let (one, other, _) = replicas().await;
    let ada = one.account("ada", &[Role::Admin]).await;
    let bob = one.account("bob", &[Role::Admin]).await;
    let step_down = |replica: &Fixture, id| {
        let context = replica.context();
        let store = Arc::clone(&replica.store);
        async move { store.set_roles(id, IfMatch::Any, vec![], context).await }
    };
    let (first, second) = futures_util::join!(step_down(&one, ada.id), step_down(&other, bob.id));
    let refused = [first, second]
        .into_iter()
        .filter(|result| matches!(result, Err(ChangeError::LastAdministrator)));
    assert_eq!(refused.count(), 1);
}

#[tokio::test]
async fn one_token_at_two_replicas_at_once_rotates_once_and_is_repeated_once() {
    let (one, other, _) = replicas().await;
    let ada = one.account("ada", &[]).await;
    one.signed_in(&ada, "1").await;
    let names: Vec<String> = (0..10).map(|n| format!("successor-{n}")).collect();
    let uses = names.iter().enumerate().map(|(n, name)| {
        let replica = if n % 2 == 0 { &one } else { &other };
        replica.refresh("1", name)
    });
    let mut counts = [0; 3];
    for refreshed in join_all(uses).await {
        match refreshed {
            Refreshed::Rotated(_) => counts[0] += 1,
            Refreshed::Repeated(_) => counts[1] += 1,
            Refreshed::Reused => counts[2] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(counts, [1, 1, 8]);
}

#[tokio::test]
async fn a_book_and_the_number_of_sessions_have_their_bounds_at_two_replicas_too() {
    let (one, other, _) = replicas().await;
    let ada = one.account("ada", &[]).await;
    let writes = (0..10).map(|n| {
        let replica = if n % 2 == 0 { &one } else { &other };
        let entry = address("Berlin");
        replica
            .store
            .add_address(ada.id, entry, None, 3, replica.context())
    });
    join_all(writes).await;
    assert_eq!(one.store.addresses(ada.id).await.unwrap().len(), 3);
    let names: Vec<String> = (0..10).map(|n| format!("first-{n}")).collect();
    let sign_ins = names.iter().enumerate().map(|(n, name)| {
        let replica = if n % 2 == 0 { &one } else { &other };
        let command = replica.sign_in_command(&ada, name);
        replica.store.sign_in(command, 3, replica.context())
    });
    for signed_in in join_all(sign_ins).await {
        assert!(signed_in.unwrap().is_some());
    }
    assert_eq!(other.sessions(&ada).await.len(), 3);
}

#[tokio::test]
async fn no_refresh_token_is_in_the_database() {
    let (fixture, _, store) = replicas().await;
    let account = fixture.account("ada", &[]).await;
    fixture.signed_in(&account, "a-secret-token").await;
    fixture
        .refresh("a-secret-token", "another-secret-token")
        .await;
    let database = store.database().mongo();
    let unwatched = database.run_command(doc! { "profile": 0 }).await;
    unwatched.unwrap();
    for name in database.list_collection_names().await.unwrap() {
        let collection = database.collection::<Document>(&name);
        let all: Vec<Document> = collection
            .find(doc! {})
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert!(!format!("{all:?}").contains("secret-token"), "{name}");
    }
}

/// A process that wrote a session and died: its transaction stays open.
async fn die_with(store: &MongoUsers, session: SessionId) -> ClientSession {
    let database = store.database().mongo();
    let mut dead = database.client().start_session().await.unwrap();
    dead.start_transaction().await.unwrap();
    let sessions = database.collection::<Document>("session");
    let used = doc! { "$set": { "last_used_at": 1_i64 } };
    let used = sessions.update_one(doc! { "_id": session.to_string() }, used);
    let used = used.session(&mut dead).await.unwrap();
    assert_eq!(used.modified_count, 1);
    dead
}

#[tokio::test]
async fn sessions_that_a_process_died_with_can_be_ended() {
    let (one, other, store) = replicas().await;
    let ada = one.account("ada", &[]).await;
    let first = one.signed_in(&ada, "1").await;
    let second = one.signed_in(&ada, "2").await;
    let _dead = die_with(&store, first.session_id).await;
    let _dead = die_with(&store, second.session_id).await;
    // The server would end them after a minute and more; whoever asks waits for half of one.
    let (ended, signed_out) = futures_util::join!(
        one.store
            .end_session(ada.id, first.session_id, one.context()),
        other.store.sign_out(token("2"), other.context()),
    );
    assert!(ended.unwrap());
    signed_out.unwrap();
    assert_eq!(one.sessions(&ada).await, []);
}
