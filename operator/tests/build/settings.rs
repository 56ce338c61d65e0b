//! What containers are told is what the services understand: their own settings are read from it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use gateway::routes::{Access, RouteFile};
use operator::child::{Child, Kind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_kit::settings::load_from;

use crate::platforms::{child, children, pod_template};
use crate::specs;

const SECRETS: &str = "/etc/shop/secrets";

/// A container as its process finds it: variables, and files that say of which key of which Secret they are.
pub struct Container {
    variables: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

impl Container {
    /// The first container of a child.
    pub fn of(children: &[Child], child: &Child) -> Self {
        let template = pod_template(child).unwrap();
        let container = &template["spec"]["containers"][0];
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in files(template) {
            let path = folder.path().join(&file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
        }
        let mut variables = BTreeMap::new();
        for source in list(&container["envFrom"]) {
            let name = source["configMapRef"]["name"].as_str().unwrap();
            let map = self::child(children, Kind::ConfigMap, name);
            for (key, value) in map.object["data"].as_object().unwrap() {
                variables.insert(key.clone(), value.as_str().unwrap().to_owned());
            }
        }
        for variable in list(&container["env"]) {
            let value = variable["value"].as_str().unwrap_or("from a secret");
            let name = variable["name"].as_str().unwrap().to_owned();
            variables.insert(name, value.to_owned());
        }
        Self { variables, folder }
    }

    /// The settings that a service reads there.
    pub fn settings<T: Default + Serialize + DeserializeOwned>(&self) -> T {
        load_from(None, self.variables())
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.variables))
    }

    /// Its variables, with the paths that files have here.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let folder = self.folder.path().display().to_string();
        let variables = self.variables.iter();
        variables.map(move |(name, value)| (name.clone(), value.replace(SECRETS, &folder)))
    }

    /// The path of a file that it may have.
    pub fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The names of the files that are mounted with what is secret, each with its key and Secret.
fn files(template: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let volumes = list(&template["spec"]["volumes"]);
    volumes
        .iter()
        .flat_map(|volume| list(&volume["projected"]["sources"]))
        .flat_map(|source| {
            let secret = &source["secret"];
            let items = list(&secret["items"]).iter();
            items.map(|item| {
                let content = format!("{} of {}", text(&item["key"]), text(&secret["name"]));
                (text(&item["path"]), content)
            })
        })
        .collect()
}

fn deployed<T: Default + Serialize + DeserializeOwned>(spec: Value, name: &str) -> T {
    let children = children(spec);
    let deployment = child(&children, Kind::Deployment, &format!("demo-{name}"));
    Container::of(&children, deployment).settings()
}

/// Reads the settings of a service as its Deployment and its migration have them.
fn check<T: Default + Serialize + DeserializeOwned + Debug>(children: &[Child], name: &str) {
    let migrates = format!("demo-{name}-migrate-");
    let mut read = 0;
    for child in children {
        let is_its = match child.key.kind {
            Kind::Deployment => child.key.name == format!("demo-{name}"),
            Kind::Job => child.key.name.starts_with(&migrates),
            _ => false,
        };
        if is_its {
            let _: T = Container::of(children, child).settings();
            read += 1;
        }
    }
    assert!(read > 0, "{name} has no container");
}

#[test]
fn every_service_understands_what_it_is_told_in_every_spec() {
    for (_, spec) in specs::all() {
        let children = children(spec);
        check::<gateway::Settings>(&children, "gateway");
        check::<user::Settings>(&children, "user");
        check::<product::Settings>(&children, "product");
        check::<order::Settings>(&children, "order");
        check::<notification::Settings>(&children, "notification");
    }
}

#[test]
fn the_gateway_knows_every_service_and_where_its_health_is() {
    let spec = json!({"services": {"extra": [specs::reviews()]}});
    let settings: gateway::Settings = deployed(spec, "gateway");
    let upstreams: Vec<_> = settings
        .upstreams
        .iter()
        .map(|(name, upstream)| {
            let protocol = serde_json::to_value(upstream.protocol).unwrap();
            json!([name, upstream.url, upstream.admin_url, protocol])
        })
        .collect();
    assert_eq!(
        json!(upstreams),
        json!([
            [
                "notification",
                "http://demo-notification:3004",
                "http://demo-notification:9004",
                "h2c"
            ],
            [
                "order",
                "http://demo-order:3003",
                "http://demo-order:9003",
                "h2c"
            ],
            [
                "product",
                "http://demo-product:3002",
                "http://demo-product:9002",
                "h2c"
            ],
            ["reviews", "http://demo-reviews:8080", "", "http1"],
            [
                "user",
                "http://demo-user:3001",
                "http://demo-user:9001",
                "h2c"
            ],
        ])
    );
    assert_eq!(
        settings.auth.jwks,
        "http://demo-user:3001/.well-known/jwks.json"
    );
}

#[test]
fn limits_origins_and_a_proxy_in_front_reach_the_gateway() {
    let spec = json!({"gateway": {
        "expose": {"type": "Ingress", "host": "shop.example"},
        "rateLimit": {"requestsPerSecond": 20},
        "cors": {"allowedOrigins": ["https://www.shop.example", "https://b.example"]},
    }});
    let settings: gateway::Settings = deployed(spec, "gateway");
    let limit = settings.rate_limit;
    assert_eq!((limit.requests, limit.window_s, limit.burst), (20, 1, 200));
    assert_eq!(
        settings.cors.origins,
        ["https://www.shop.example", "https://b.example"]
    );
    assert_eq!(settings.http.trusted_hops, 1);
    let alone: gateway::Settings = deployed(json!({}), "gateway");
    assert_eq!(alone.http.trusted_hops, 0);
}

#[test]
fn the_gateway_understands_the_routes_and_finds_them_where_they_are_mounted() {
    let children = children(json!({"services": {"extra": [specs::reviews()]}}));
    let deployment = child(&children, Kind::Deployment, "demo-gateway");
    let settings: gateway::Settings = Container::of(&children, deployment).settings();
    assert_eq!(
        settings.routes_file.as_deref(),
        Some(Path::new("/etc/shop/routes/routes.yaml"))
    );
    let template = pod_template(deployment).unwrap();
    let mounts = list(&template["spec"]["containers"][0]["volumeMounts"]);
    assert!(
        mounts
            .iter()
            .any(|mount| mount["mountPath"] == "/etc/shop/routes")
    );

    let mut volumes = list(&template["spec"]["volumes"]).iter();
    let volume = volumes.find(|volume| volume["name"] == "routes").unwrap();
    let map = volume["configMap"]["name"].as_str().unwrap();
    let map = child(&children, Kind::ConfigMap, map);
    let text = map.object["data"]["routes.yaml"].as_str().unwrap();
    let file: RouteFile = serde_json::from_str(text).unwrap();
    let read: Vec<_> = file
        .routes
        .iter()
        .map(|route| {
            (
                route.path.as_str(),
                route.upstream.as_str(),
                &route.access,
                route.streaming,
            )
        })
        .collect();
    let [public, roles, scopes] = read.as_slice() else {
        panic!("{read:?}");
    };
    assert_eq!(
        *public,
        ("/api/v1/reviews", "reviews", &Access::Public, false)
    );
    assert!(matches!(roles.2, Access::Roles(_)));
    assert!(matches!(scopes.2, Access::Scopes(_)) && scopes.3);
    let limit = file.routes[1].rate_limit.unwrap();
    assert_eq!(
        (limit.requests, limit.window_s, limit.burst),
        (10, 60, None)
    );
    assert_eq!(file.routes[1].timeout_ms, Some(5_000));
}

#[test]
fn a_service_signs_in_at_managed_servers_as_the_user_in_use() {
    let settings: order::Settings = deployed(json!({}), "order");
    let store = &settings.store;
    assert_eq!(store.url, "postgres://demo-postgres:5432/order");
    assert_eq!(
        (store.username.as_str(), store.password.expose()),
        ("order_a", "store-password of demo-order-credentials-1")
    );
    let broker = &settings.broker;
    assert_eq!(broker.url, "amqp://demo-rabbitmq:5672/shop");
    assert_eq!(
        (broker.username.as_str(), broker.password.expose()),
        ("order_a", "broker-password of demo-order-credentials-1")
    );
    let settings: product::Settings = deployed(json!({"profile": "Production"}), "product");
    assert_eq!(
        settings.store.url,
        "mongodb://demo-mongodb-0.demo-mongodb-members:27017,demo-mongodb-1.demo-mongodb-members:27017,\
         demo-mongodb-2.demo-mongodb-members:27017/product?replicaSet=shop"
    );
}

#[test]
fn with_external_servers_each_service_is_told_what_their_secrets_leave_open() {
    let (_, spec) = specs::all().swap_remove(2);
    let told = |settings: &service_kit::settings::StoreSettings| {
        json!([
            settings.url,
            settings.database,
            settings.username,
            settings.password.expose(),
            settings.tls.ca_file().map(|path| path
                .file_name()
                .unwrap()
                .to_owned()
                .into_string()
                .unwrap()),
        ])
    };
    let product: product::Settings = deployed(spec.clone(), "product");
    assert_eq!(
        told(&product.store),
        json!(["uri of servers", "product", "", "", "store-ca.crt"])
    );
    let order: order::Settings = deployed(spec.clone(), "order");
    assert_eq!(
        told(&order.store),
        json!(["order.uri of postgres", "", "", "", null])
    );
    let notification: notification::Settings = deployed(spec, "notification");
    assert_eq!(
        told(&notification.store),
        json!([
            "uri of postgres",
            "notification",
            "notification_a",
            "store-password of demo-notification-credentials-1",
            null
        ])
    );
    let broker = &notification.broker;
    assert_eq!(
        (broker.url.as_str(), broker.username.as_str()),
        ("uri of broker", "notification_a")
    );
}

#[test]
fn an_own_variable_takes_the_place_of_ours_also_of_one_that_names_a_file() {
    let spec = json!({"services": {"user": {"env": [
        {"name": "SHOP__BOOTSTRAP_ADMIN__PASSWORD", "value": "own"},
        {"name": "SHOP__HTTP__TRUSTED_HOPS", "value": "2"},
    ]}}});
    let settings: user::Settings = deployed(spec, "user");
    assert_eq!(settings.bootstrap_admin.password.expose(), "own");
    assert_eq!(settings.http.trusted_hops, 2);
}

#[test]
fn an_extra_service_is_told_urls_with_users_whose_passwords_are_no_literals() {
    let children = children(json!({"services": {"extra": [specs::reviews()]}}));
    let deployment = child(&children, Kind::Deployment, "demo-reviews");
    let container = &pod_template(deployment).unwrap()["spec"]["containers"][0];
    let variables: Vec<_> = list(&container["env"])
        .iter()
        .map(|variable| {
            let secret = &variable["valueFrom"]["secretKeyRef"];
            match variable["value"].as_str() {
                Some(value) => format!("{}={value}", variable["name"].as_str().unwrap()),
                None => format!(
                    "{} from {} of {}",
                    variable["name"].as_str().unwrap(),
                    secret["key"].as_str().unwrap(),
                    secret["name"].as_str().unwrap()
                ),
            }
        })
        .collect();
    assert_eq!(
        variables,
        [
            "PORT=8080",
            "JWKS_URL=http://demo-user:3001/.well-known/jwks.json",
            "MONGODB_USERNAME=reviews_a",
            "MONGODB_PASSWORD from store-password of demo-reviews-credentials-1",
            "MONGODB_URL=mongodb://reviews_a:$(MONGODB_PASSWORD)@demo-mongodb-0.demo-mongodb-members:27017/reviews?replicaSet=shop",
            "POSTGRES_USERNAME=reviews_a",
            "POSTGRES_PASSWORD from store-password of demo-reviews-credentials-1",
            "POSTGRES_URL=postgres://reviews_a:$(POSTGRES_PASSWORD)@demo-postgres:5432/reviews",
            "BROKER_USERNAME=reviews_a",
            "BROKER_PASSWORD from broker-password of demo-reviews-credentials-1",
            "BROKER_URL=amqp://reviews_a:$(BROKER_PASSWORD)@demo-rabbitmq:5672/shop",
            "STORE_URL=$(POSTGRES_URL)",
            "TOKEN from token of tokens",
        ]
    );
}

#[test]
fn pods_are_replaced_when_a_secret_of_theirs_holds_something_else() {
    use crate::platforms::{built, found, named};
    use operator::names::SETTINGS_HASH;

    let spec = json!({
        "postgres": {"mode": "External", "external": {"secretRef": {"name": "postgres"}}},
        "services": {"extra": [specs::reviews()]},
    });
    let hashes = |secret: &str| {
        let mut found = found();
        if let Some(Some(content)) = found.secrets.get_mut(secret) {
            content.hash.push('x');
        }
        let children = built(&named("demo", spec.clone(), &found));
        ["gateway", "user", "order", "reviews"].map(|name| {
            let deployment = child(&children, Kind::Deployment, &format!("demo-{name}"));
            let annotations = &pod_template(deployment).unwrap()["metadata"]["annotations"];
            annotations[SETTINGS_HASH].as_str().unwrap().to_owned()
        })
    };
    let before = hashes("");
    let changed = |secret: &str| {
        let after = hashes(secret);
        [0, 1, 2, 3].map(|index| before[index] != after[index])
    };
    assert_eq!(changed("postgres"), [false, false, true, true]);
    assert_eq!(changed("tokens"), [false, false, false, true]);
}
