//! What the Job that provisions is told is what `shopctl` understands, and the users it makes are those that services sign in as.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use operator::child::{Child, Kind};
use operator::dereference::{Found, SecretContent};
use serde_json::{Value, json};
use service_kit::settings::{StoreSettings, load_from};
use shopctl::settings::{Service, Settings, Tenant};

use crate::platforms::{built, child, children, found, named};
use crate::settings::Container;
use crate::specs;

const CONFIG: &str = "/etc/shopctl/config.yaml";

/// The Job that provisions; none if there is nothing to provision.
fn job(children: &[Child]) -> Option<&Child> {
    children
        .iter()
        .find(|child| child.key.kind == Kind::Job && child.key.name.starts_with("demo-provision-"))
}

fn arguments(job: &Child) -> Vec<&str> {
    let arguments = &job.object["spec"]["template"]["spec"]["containers"][0]["args"];
    let arguments = arguments.as_array().unwrap().iter();
    arguments
        .map(|argument| argument.as_str().unwrap())
        .collect()
}

/// The settings that `shopctl` reads in the Job.
fn settings(children: &[Child], job: &Child) -> Settings {
    assert_eq!(arguments(job)[..3], ["provision", "--config", CONFIG]);
    let volumes = job.object["spec"]["template"]["spec"]["volumes"].as_array();
    let map = volumes
        .unwrap()
        .iter()
        .find_map(|volume| volume["configMap"]["name"].as_str());
    let map = child(children, Kind::ConfigMap, map.unwrap());
    let text = map.object["data"]["config.yaml"].as_str().unwrap();
    let container = Container::of(children, job);
    let file = container.path("config.yaml");
    std::fs::write(&file, text).unwrap();
    load_from(Some(&file), container.variables()).unwrap()
}

/// Whether all that is provisioned has a password: without one `shopctl` refuses to begin.
fn check(settings: &Settings, tenant: &Tenant) {
    let stored = tenant.on_postgres && !settings.postgres.url.is_empty()
        || tenant.on_mongodb && !settings.mongodb.url.is_empty();
    assert!(
        !stored || !tenant.user.password.is_empty(),
        "{}",
        tenant.name
    );
    if let (Some(broker), false) = (&tenant.broker, settings.broker.url.is_empty()) {
        assert!(!broker.login.password.is_empty(), "{}", tenant.name);
    }
    if tenant.service.is_none() {
        assert!(!tenant.on_postgres || !settings.postgres.url.is_empty());
        assert!(!tenant.on_mongodb || !settings.mongodb.url.is_empty());
        assert!(tenant.broker.is_none() || !settings.broker.url.is_empty());
    }
}

#[test]
fn shopctl_understands_what_it_is_told_in_every_spec() {
    let mut jobs = 0;
    for (name, spec) in specs::all() {
        let children = children(spec);
        let Some(job) = job(&children) else {
            assert_eq!(name, "hibernating");
            continue;
        };
        let settings = settings(&children, job);
        for tenant in settings.tenants().unwrap() {
            check(&settings, &tenant);
        }
        jobs += 1;
    }
    assert_eq!(jobs, specs::all().len() - 1);
}

/// Where a service's data is, and as whom it signs in there: URL, user, password.
type Store = (String, String, String);

fn store_of(children: &[Child], service: Service) -> Store {
    let deployment = child(children, Kind::Deployment, &format!("demo-{service}"));
    let container = Container::of(children, deployment);
    let store = match service {
        Service::User => container.settings::<user::Settings>().store,
        Service::Product => container.settings::<product::Settings>().store,
        Service::Order => container.settings::<order::Settings>().store,
        Service::Notification => container.settings::<notification::Settings>().store,
    };
    signs_in(&store)
}

fn signs_in(store: &StoreSettings) -> Store {
    let password = store.password.expose().to_owned();
    (store.url.clone(), store.username.clone(), password)
}

#[test]
fn each_service_signs_in_as_the_user_that_the_job_makes_where_it_makes_them() {
    for (spec, generation) in [(json!({}), 1), (json!({"profile": "Production"}), 2)] {
        let mut found = found();
        found.credentials = generation;
        let children = built(&named("demo", spec, &found));
        let job = job(&children).unwrap();
        let settings = settings(&children, job);
        for service in Service::ALL {
            let made = settings.store_of(service, None).unwrap();
            assert_eq!(signs_in(&made), store_of(&children, service));
        }
        assert!(arguments(job).contains(&"--initiate-replica-set"));
    }
}

#[test]
fn three_members_are_waited_for_and_named() {
    let children = children(json!({"profile": "Production"}));
    let settings = settings(&children, job(&children).unwrap());
    assert_eq!(settings.broker_api.nodes, 3);
    assert_eq!(
        settings.mongodb.url,
        "mongodb://demo-mongodb-0.demo-mongodb-members:27017,demo-mongodb-1.demo-mongodb-members:27017,\
         demo-mongodb-2.demo-mongodb-members:27017/admin?replicaSet=shop"
    );
}

#[test]
fn what_others_see_to_is_left_alone() {
    let external =
        |secret: &str| json!({"mode": "External", "external": {"secretRef": {"name": secret}}});
    let spec = json!({
        "mongodb": external("servers"), "postgres": external("postgres"), "rabbitmq": external("broker"),
    });
    let external = children(spec);
    let job_of = job(&external).unwrap();
    let settings = settings(&external, job_of);
    // There is no administrator's URI for MongoDB, and a URI of its own for orders.
    assert!(settings.mongodb.url.is_empty());
    let tenants = settings.tenants().unwrap();
    let on_postgres = tenants.iter().filter(|tenant| tenant.on_postgres);
    let on_postgres: Vec<_> = on_postgres.map(|tenant| tenant.name.as_str()).collect();
    assert_eq!(on_postgres, ["notification"]);
    assert!(tenants.iter().all(|tenant| tenant.broker.is_some()));
    assert!(!arguments(job_of).contains(&"--initiate-replica-set"));

    let nobody =
        |secret: &str| json!({"mode": "External", "external": {"secretRef": {"name": secret}}});
    let mut found = found();
    found.secrets.insert(
        "rabbit".to_owned(),
        Some(secret(&[("uri", "amqp://rabbit.example/shop")])),
    );
    found.secrets.insert(
        "db".to_owned(),
        Some(secret(&[("uri", "postgres://db.example/")])),
    );
    let spec = json!({"mongodb": nobody("servers"), "postgres": nobody("db"), "rabbitmq": nobody("rabbit")});
    let none = built(&named("demo", spec, &found));
    assert!(job(&none).is_none());
    let migrations = none.iter().filter(|child| child.key.kind == Kind::Job);
    assert_eq!(migrations.count(), 4);
}

fn secret(data: &[(&str, &str)]) -> SecretContent {
    let data = data.iter();
    let data = data.map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
    SecretContent::of(&data.collect::<BTreeMap<_, _>>())
}

#[test]
fn users_of_the_generation_before_are_locked_out_once_nobody_has_them() {
    let retired = |credentials: u32, lock_previous: bool| -> Vec<Vec<String>> {
        let found = Found {
            credentials,
            lock_previous,
            ..found()
        };
        let spec = json!({"services": {"extra": [specs::reviews()]}});
        let children = built(&named("demo", spec, &found));
        let settings = settings(&children, job(&children).unwrap());
        let tenants = settings.tenants().unwrap().into_iter();
        tenants.map(|tenant| tenant.retired).collect()
    };
    let none = vec![Vec::<String>::new(); 5];
    assert_eq!(retired(1, true), none, "there was nobody before");
    assert_eq!(retired(2, false), none, "some may still be signed in");
    let first = [
        "user_a",
        "product_a",
        "order_a",
        "notification_a",
        "reviews_a",
    ];
    assert_eq!(retired(2, true), first.map(|name| vec![name.to_owned()]));
    let second = [
        "user_b",
        "product_b",
        "order_b",
        "notification_b",
        "reviews_b",
    ];
    assert_eq!(retired(3, true), second.map(|name| vec![name.to_owned()]));
}

/// The names of the Jobs, without those of their components.
fn jobs(spec: Value, found: &Found) -> BTreeMap<String, String> {
    let children = built(&named("demo", spec, found));
    let jobs = children.iter().filter(|child| child.key.kind == Kind::Job);
    jobs.map(|job| {
        let (component, hash) = job.key.name.rsplit_once('-').unwrap();
        (component.to_owned(), hash.to_owned())
    })
    .collect()
}

/// Which Jobs there are others of.
fn others(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let changed = after
        .iter()
        .filter(|(name, hash)| before.get(*name) != Some(*hash));
    changed.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_job_runs_again_when_what_it_does_changes_and_only_then() {
    let found = found();
    let before = jobs(json!({}), &found);
    assert_eq!(before.len(), 5);
    let nothing = [
        json!({"services": {"order": {"replicas": 5}}, "gateway": {"replicas": 3}}),
        json!({"postgres": {"managed": {"storage": {"size": "1Ti"}}}}),
        json!({"gateway": {"expose": {"type": "NodePort"}, "cors": {"allowedOrigins": ["https://a.example"]}}}),
        json!({"deletionPolicy": "Delete", "administrator": {"email": "a@b.example"}}),
    ];
    for spec in nothing {
        assert_eq!(
            others(&before, &jobs(spec.clone(), &found)),
            [""; 0],
            "{spec}"
        );
    }
    let image = json!({"images": {"overrides": {"order": "registry.example/order:2"}}});
    assert_eq!(
        others(&before, &jobs(image, &found)),
        ["demo-order-migrate"]
    );
    let members = json!({"rabbitmq": {"managed": {"members": 3}}});
    assert_eq!(others(&before, &jobs(members, &found)), ["demo-provision"]);
    let rotated = Found {
        credentials: 2,
        ..found.clone()
    };
    assert_eq!(others(&before, &jobs(json!({}), &rotated)).len(), 5);
    let locked = Found {
        lock_previous: true,
        ..rotated.clone()
    };
    let rotated = jobs(json!({}), &rotated);
    assert_eq!(
        others(&rotated, &jobs(json!({}), &locked)),
        ["demo-provision"]
    );
}

#[test]
fn another_server_behind_the_same_secret_is_provisioned_and_migrated() {
    let spec = json!({"postgres": {"mode": "External", "external": {"secretRef": {"name": "db"}}}});
    let with = |host: &str| {
        let (uri, admin) = (
            format!("postgres://{host}/"),
            format!("postgres://root:secret@{host}/"),
        );
        let mut found = found();
        let data = [("uri", uri.as_str()), ("adminUri", admin.as_str())];
        found.secrets.insert("db".to_owned(), Some(secret(&data)));
        jobs(spec.clone(), &found)
    };
    assert_eq!(
        others(&with("one.example"), &with("two.example")),
        [
            "demo-notification-migrate",
            "demo-order-migrate",
            "demo-provision"
        ]
    );
}
