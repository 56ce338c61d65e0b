//! The manifest that people apply, and what it has to agree with the service about.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::process::Process;

/// The service, as the manifest asks for it.
pub fn extra() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/extra-service.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let manifest: Value = serde_yaml::from_str(&text).unwrap();
    manifest["spec"]["services"]["extra"][0].clone()
}

/// The texts of a list.
pub fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// The variables of its pods; `given` is what the operator puts in place of `$(NAME)`, which is there, too.
pub fn variables(given: &[(&str, String)]) -> Vec<(String, String)> {
    let filled = |value: &str| {
        given.iter().fold(value.to_owned(), |value, (name, text)| {
            value.replace(&format!("$({name})"), text)
        })
    };
    let extra = extra();
    let own = extra["env"].as_array().unwrap().iter().map(|variable| {
        let text = |key: &str| variable[key].as_str().unwrap().to_owned();
        (text("name"), filled(&text("value")))
    });
    let given = given
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone()));
    given.chain(own).collect()
}

/// Messages that nobody could handle are described for all services alike, and routed for each.
fn is_of_parked_messages(path: &str) -> bool {
    path.contains("/parked-messages")
}

#[tokio::test]
async fn the_manifest_routes_what_the_service_answers() {
    let described: Value = serde_json::from_str(&Process::said(&["openapi"], &[]).await).unwrap();
    let answered: BTreeSet<_> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| !is_of_parked_messages(path))
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let extra = extra();
    let listed = extra["routes"].as_array().unwrap();
    let routed: BTreeSet<_> = listed
        .iter()
        .map(|route| (route["path"].as_str().unwrap(), texts(&route["methods"])))
        .filter(|(path, _)| !is_of_parked_messages(path))
        .flat_map(|(path, methods)| {
            methods
                .into_iter()
                .map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(routed, answered);
}

#[tokio::test]
async fn the_manifest_names_the_port_and_settings_that_there_are() {
    let urls = [
        (
            "POSTGRES_URL",
            "postgres://reviews_a:secret@demo-postgres:5432/reviews",
        ),
        (
            "BROKER_URL",
            "amqp://reviews_a:secret@demo-rabbitmq:5672/shop",
        ),
        ("JWKS_URL", "http://demo-user:3001/.well-known/jwks.json"),
    ];
    let variables = variables(&urls.map(|(name, url)| (name, url.to_owned())));
    let settings = Process::said(&["--check-config"], &variables).await;
    let settings: Value = serde_yaml::from_str(&settings).unwrap();
    let shown = |url: &str| json!(url.replace("secret", "<redacted>"));
    assert_eq!(settings["http"]["port"], extra()["port"]);
    assert_eq!(settings["http"]["host"], "0.0.0.0");
    assert_eq!(settings["store"]["url"], shown(urls[0].1));
    assert_eq!(settings["broker"]["url"], shown(urls[1].1));
    assert_eq!(settings["auth"]["jwks"], urls[2].1);
}
