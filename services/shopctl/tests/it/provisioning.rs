//! `provision` and `doctor` on private servers that ask who one is.

use messaging::rabbitmq::admin::Admin;
use mongo_store::mongodb::Client;
use mongo_store::mongodb::bson::doc;
use mongo_store::mongodb::error::ErrorKind;
use serde_json::json;
use service_kit::settings::Secret;
use shopctl::doctor::{Check, Verdict};
use shopctl::provision::{Journal, Options, State, provision};
use shopctl::settings::{Service, Settings};
use sqlx::{Connection as _, PgConnection};
use testkit::servers::Postgres;
use testkit::wait;

use crate::command::{program, run};
use crate::servers::{Servers, servers, store};

fn steps(journal: &Journal, state: State) -> Vec<String> {
    let steps = journal.steps().iter().filter(|step| step.state == state);
    steps
        .map(|step| format!("{}: {}", step.server, step.thing))
        .collect()
}

fn not_ok(checks: &[Check]) -> Vec<String> {
    let checks = checks.iter().filter(|check| check.verdict != Verdict::Ok);
    checks
        .map(|check| {
            let Check {
                verdict,
                place,
                subject,
                finding,
            } = check;
            format!("{} {place} {subject}: {finding}", verdict.as_str())
        })
        .collect()
}

const DRY: Options = Options {
    dry_run: true,
    initiate_replica_set: false,
};

#[tokio::test]
async fn empty_servers_are_provisioned_once_and_are_then_as_the_services_need_them() {
    let servers = servers().await;
    let dry = servers.provision(DRY).await;
    assert_eq!(dry.count(State::Failed) + dry.count(State::Changed), 0);
    let would = steps(&dry, State::WouldChange);
    assert!(
        would.contains(&"postgres: database order exists".to_owned()),
        "{would:?}"
    );

    let first = servers.provision(Options::default()).await;
    assert_eq!(steps(&first, State::Failed), [""; 0]);
    assert_eq!(first.count(State::Changed), would.len());
    let again = servers.provision(Options::default()).await;
    assert_eq!(steps(&again, State::Changed), [""; 0]);
    assert_eq!(steps(&again, State::Failed), [""; 0]);
    let dry = servers.provision(DRY).await;
    assert_eq!(steps(&dry, State::WouldChange), [""; 0]);

    servers.migrate().await;
    assert_eq!(not_ok(&servers.examine().await), [""; 0]);
    let again = servers.provision(Options::default()).await;
    assert_eq!(
        steps(&again, State::Changed),
        [""; 0],
        "also on what was migrated"
    );

    commands_find_the_stores(&servers);
    neighbours_are_closed(&servers).await;
    a_worker_cannot_change_the_schema(&servers).await;
    servers.remove().await;
}

/// With the same settings, commands on all services reach their stores as the services' users.
fn commands_find_the_stores(servers: &Servers) {
    let mut command = program(&["outbox", "status"]);
    command.env("SHOP__POSTGRES__URL", servers.postgres.url());
    command.env("SHOP__MONGODB__URL", servers.mongo.url());
    for service in ["USER", "PRODUCT", "ORDER", "NOTIFICATION"] {
        let password = format!("{}-1", service.to_lowercase());
        command.env(format!("SHOP__SERVICES__{service}__PASSWORD"), password);
    }
    let status = run(command).json();
    let empty = |service: &str| json!({"service": service, "pending": 0, "oldest": null, "oldest_seconds": 0});
    assert_eq!(
        status,
        json!(["user", "product", "order", "notification"].map(empty))
    );
}

/// PostgreSQL lets nobody connect to another's database, MongoDB nobody read it.
async fn neighbours_are_closed(servers: &Servers) {
    for (user, database) in [
        ("order", "notification"),
        ("notification", "order"),
        ("reviews", "order"),
    ] {
        let refused = servers.postgres(user, database).await.unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("permission denied for database"),
            "{refused}"
        );
    }
    let product = servers.settings.store_of(Service::Product, None).unwrap();
    let url = product
        .url
        .replace("mongodb://", "mongodb://product:product-1@");
    let client = Client::with_uri_str(&url).await.unwrap();
    let look = |database: &str| {
        let database = client.database(database);
        async move { database.run_command(doc! { "find": "outbox" }).await }
    };
    look("product").await.unwrap();
    let refused = look("user").await.unwrap_err();
    assert!(
        matches!(&*refused.kind, ErrorKind::Command(error) if error.code_name == "Unauthorized"),
        "{refused}"
    );
}

async fn a_worker_cannot_change_the_schema(servers: &Servers) {
    let mut worker = servers
        .postgres("notification", "notification")
        .await
        .unwrap();
    for statement in [
        "CREATE TABLE mine (id int)",
        "DROP TABLE outbox",
        "ALTER TABLE outbox ADD COLUMN mine int",
    ] {
        let refused = sqlx::query(statement).execute(&mut worker).await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("permission denied") || refused.contains("must be owner"),
            "{statement}: {refused}"
        );
    }
    let counted = sqlx::query("DELETE FROM outbox").execute(&mut worker).await;
    counted.unwrap();
}

#[tokio::test]
async fn a_changed_password_is_changed_everywhere_and_nothing_else_is() {
    let mut servers = servers().await;
    servers.provision(Options::default()).await;
    let services = &mut servers.settings.services;
    services.order.password = Secret::from("order-2");
    services.user.password = Secret::from("user-2");
    let dry = servers.provision(DRY).await;
    let changed = servers.provision(Options::default()).await;
    let expected = [
        "mongodb: user user of database user has the password of the settings",
        "postgres: role order has the password of the settings",
        "rabbitmq: user user exists and has the password of the settings",
        "rabbitmq: user order exists and has the password of the settings",
    ];
    assert_eq!(steps(&dry, State::WouldChange), expected);
    assert_eq!(steps(&changed, State::Changed), expected);
    let again = servers.provision(Options::default()).await;
    assert_eq!(again.count(State::Changed), 0);
    servers.remove().await;
}

/// As an operator rotates credentials: each service has two users in turns.
#[tokio::test]
async fn users_take_turns_and_who_was_replaced_is_locked_out() {
    let mut servers = servers().await;
    let turn = |servers: &mut Servers, name: &str, retired: &[&str]| {
        let retired = |service: &str| {
            let names = retired.iter();
            names.map(|name| format!("{service}_{name}")).collect()
        };
        let services = &mut servers.settings.services;
        for (service, settings) in [("order", &mut services.order), ("user", &mut services.user)] {
            settings.username = format!("{service}_{name}");
            settings.password = Secret::from(format!("{service}-{name}").as_str());
            settings.retired = retired(service);
        }
    };
    turn(&mut servers, "a", &[]);
    servers.provision(Options::default()).await;
    servers.migrate().await;
    let mut session = servers.postgres("order_a", "order").await.unwrap();
    let mongo = servers.mongodb_as("user", "user_a", "user-a").await;
    let mongo = mongo.database("user");
    let find = || mongo.run_command(doc! { "find": "outbox" });
    find().await.unwrap();
    let amqp = servers
        .settings
        .broker
        .url
        .replace("guest:guest", "user_a:user-a");
    let line = lapin::Connection::connect(&amqp, lapin::ConnectionProperties::default());
    let line = line.await.unwrap();

    turn(&mut servers, "b", &[]);
    servers.provision(Options::default()).await;
    sqlx::query("SELECT count(*) FROM outbox")
        .execute(&mut session)
        .await
        .unwrap();
    find().await.unwrap();
    assert!(line.status().connected(), "the one before works on");
    servers.migrate().await;

    turn(&mut servers, "b", &["a"]);
    let dry = servers.provision(DRY).await;
    let locked = servers.provision(Options::default()).await;
    let expected = [
        "mongodb: there is no user user_a in database user",
        "postgres: role order_a may not sign in",
        "postgres: nobody is signed in as order_a",
        "rabbitmq: there is no user user_a",
        "rabbitmq: there is no user order_a",
    ];
    assert_eq!(steps(&dry, State::WouldChange), expected);
    assert_eq!(steps(&locked, State::Changed), expected);
    assert!(session.ping().await.is_err(), "its connections ended");
    let refused = servers.postgres("order_a", "order").await.unwrap_err();
    assert!(
        refused.to_string().contains("not permitted to log in"),
        "{refused}"
    );
    assert!(find().await.is_err());
    wait::until("RabbitMQ to end the connection", || async {
        Ok((!line.status().connected()).then_some(()))
    })
    .await
    .unwrap();
    servers.postgres("order_b", "order").await.unwrap();
    let again = servers.provision(Options::default()).await;
    assert_eq!(steps(&again, State::Changed), [""; 0]);

    turn(&mut servers, "a", &["b"]);
    let back = servers.provision(Options::default()).await;
    assert_eq!(steps(&back, State::Failed), [""; 0]);
    servers.postgres("order_a", "order").await.unwrap();
    servers.migrate().await;
    assert_eq!(not_ok(&servers.examine().await), [""; 0]);
    servers.remove().await;
}

#[tokio::test]
async fn nothing_is_made_on_the_broker_before_all_its_nodes_run() {
    let mut servers = servers().await;
    servers.settings.broker_api.nodes = 2;
    let early = servers.provision(Options::default()).await;
    let failed: Vec<_> = early
        .steps()
        .iter()
        .filter(|step| step.state == State::Failed)
        .collect();
    assert_eq!(
        failed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "rabbitmq: failed all 2 nodes of the cluster run: 1 run; those that are missing may still be starting"
        ]
    );
    let admin = Admin::new(&servers.rabbit.api_url(), "", &Secret::default()).unwrap();
    assert!(!admin.has_vhost("shop").await.unwrap());
    servers.settings.broker_api.nodes = 1;
    let all = servers.provision(Options::default()).await;
    assert_eq!(steps(&all, State::Failed), [""; 0]);
    servers.remove().await;
}

#[tokio::test]
async fn what_failed_is_told_and_the_next_run_goes_on() {
    let servers = servers().await;
    servers.postgres.stop().await.unwrap();
    let first = servers.provision(Options::default()).await;
    assert_eq!(
        steps(&first, State::Failed),
        ["postgres: the administrator is let in"]
    );
    assert!(
        first.count(State::Changed) > 0,
        "the other servers' part is done"
    );
    servers.postgres.start().await.unwrap();
    let second = servers.provision(Options::default()).await;
    assert_eq!(second.count(State::Failed), 0);
    let changed = steps(&second, State::Changed);
    assert!(
        changed.iter().all(|step| step.starts_with("postgres: ")),
        "{changed:?}"
    );

    // A database that is somebody else's is left alone.
    let mut root = servers.postgres("postgres", "postgres").await.unwrap();
    let taken = "ALTER DATABASE \"order\" OWNER TO postgres";
    sqlx::query(taken).execute(&mut root).await.unwrap();
    let third = servers.provision(Options::default()).await;
    assert_eq!(
        steps(&third, State::Failed),
        ["postgres: database order belongs to order_owner"]
    );
    assert_eq!(third.count(State::Changed), 0);
    servers.remove().await;
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let servers = servers().await;
    servers.provision(Options::default()).await;
    let unmigrated = not_ok(&servers.examine().await);
    assert_eq!(
        unmigrated
            .iter()
            .filter(|check| check.contains("migrate`"))
            .count(),
        4,
        "{unmigrated:?}"
    );
    servers.migrate().await;

    let admin = Admin::new(&servers.rabbit.api_url(), "", &Secret::default()).unwrap();
    admin.delete_queue("shop", "order.stock").await.unwrap();
    admin.grant_all("shop", "product").await.unwrap();
    let mut root = servers.postgres("postgres", "postgres").await.unwrap();
    for statement in [
        "GRANT CONNECT ON DATABASE \"order\" TO notification",
        "ALTER ROLE \"order\" CREATEROLE",
    ] {
        sqlx::query(statement).execute(&mut root).await.unwrap();
    }
    let mongo = Client::with_uri_str(servers.mongo.url()).await.unwrap();
    let grant = doc! { "grantRolesToUser": "user", "roles": [{ "role": "read", "db": "product" }] };
    mongo.database("user").run_command(grant).await.unwrap();

    let found = not_ok(&servers.examine().await);
    assert_eq!(
        found,
        [
            "fail mongodb user user of user: has privileges on the database product; run `shopctl provision`",
            "fail postgres user order of order: makes roles; run `shopctl provision`",
            "fail postgres user notification of notification: may connect to the databases order; run `shopctl provision`",
            "fail rabbitmq queues: missing: queue order.stock; run `shopctl provision`, then `shopctl outbox replay --since` a \
             time before they went missing",
            "fail rabbitmq user product of product: may make, write to or read from other queues than it should; run `shopctl \
             provision`",
        ]
    );
    servers.provision(Options::default()).await;
    assert_eq!(not_ok(&servers.examine().await), [""; 0]);
    servers.remove().await;
}

#[tokio::test]
async fn an_administrator_of_postgresql_need_not_be_its_super_user() {
    let postgres = Postgres::start().await.unwrap();
    let mut root = PgConnection::connect(&postgres.url()).await.unwrap();
    let make = "CREATE ROLE administrator LOGIN CREATEROLE CREATEDB";
    sqlx::query(make).execute(&mut root).await.unwrap();
    let mut settings = Settings {
        postgres: store(postgres.url().replace("postgres@", "administrator@")),
        ..Settings::default()
    };
    settings.services.order.password = Secret::from("order-1");
    settings.services.notification.password = Secret::from("notification-1");
    settings.services.notification.migrator.password = Secret::from("migrator-1");
    let first = provision(&settings, Options::default()).await.unwrap();
    assert_eq!(steps(&first, State::Failed), [""; 0]);
    let again = provision(&settings, Options::default()).await.unwrap();
    assert_eq!(steps(&again, State::Failed), [""; 0]);
    assert_eq!(steps(&again, State::Changed), [""; 0]);
    let order = settings.store_of(Service::Order, None).unwrap();
    order::store::migrate(&order).await.unwrap();
    postgres.remove().await.unwrap();
}
