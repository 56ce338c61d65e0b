use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    host: String,
    port: u16,
    origins: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BackEnd {
    url: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    http: Http,
    store: BackEnd,
    routes: Vec<Route>,
    password: Secret,
    ca_file: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    path: String,
    #[serde(default)]
    seconds: Option<u32>,
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn refusal(file: Option<&Path>, pairs: &[(&str, &str)]) -> String {
    load_from::<Settings>(file, variables(pairs))
        .unwrap_err()
        .to_string()
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = file("http:\n  host: filehost\n  port: 1\n");
    let settings: Settings = load_from(
        Some(file.path()),
        variables(&[("SHOP__HTTP__PORT", "2"), ("PATH", "/bin")]),
    )
    .unwrap();
    assert_eq!(
        settings.http,
        Http {
            host: "filehost".to_owned(),
            port: 2,
            origins: Vec::new()
        }
    );
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AtPort {
    http: Http,
}

impl Default for AtPort {
    fn default() -> Self {
        let http = Http {
            host: "localhost".to_owned(),
            port: 3003,
            origins: Vec::new(),
        };
        Self { http }
    }
}

#[test]
fn the_default_of_one_place_stays_in_force_when_a_key_beside_it_is_set() {
    let settings: AtPort = load_from(None, variables(&[("SHOP__HTTP__HOST", "0.0.0.0")])).unwrap();
    assert_eq!(
        (settings.http.host.as_str(), settings.http.port),
        ("0.0.0.0", 3003)
    );
}

#[test]
fn a_text_that_looks_like_a_number_stays_a_text_and_a_list_is_a_list() {
    let settings: Settings = load_from(
        None,
        variables(&[
            ("SHOP__HTTP__HOST", "127"),
            ("SHOP__HTTP__ORIGINS", "[a, b]"),
        ]),
    )
    .unwrap();
    assert_eq!(settings.http.host, "127");
    assert_eq!(settings.http.origins, ["a", "b"]);
}

#[test]
fn an_unknown_key_is_refused_by_its_path_and_origin() {
    assert_eq!(
        refusal(None, &[("SHOP__HTTP__PROT", "1")]),
        "unknown setting `http.prot` (SHOP__HTTP__PROT); known here: host, port, origins"
    );
    let file = file("http:\n  prot: 1\n");
    assert_eq!(
        refusal(Some(file.path()), &[]),
        format!(
            "unknown setting `http.prot` ({}); known here: host, port, origins",
            file.path().display()
        )
    );
}

#[test]
fn a_value_that_does_not_fit_is_refused_by_its_path_and_origin() {
    for (text, message) in [
        ("many", "\"many\" is not a whole number from 0 to 65535"),
        ("65536", "65536 is not a whole number from 0 to 65535"),
        ("-1", "-1 is not a whole number from 0 to 65535"),
    ] {
        assert_eq!(
            refusal(None, &[("SHOP__HTTP__PORT", text)]),
            format!("setting `http.port` (SHOP__HTTP__PORT): {message}")
        );
    }
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_never_shown() {
    let secret = file("hunter2\n");
    let path = secret.path().to_str().unwrap();
    let settings: Settings = load_from(
        None,
        variables(&[("SHOP__PASSWORD_FILE", path), ("SHOP__CA_FILE", "/ca.pem")]),
    )
    .unwrap();
    assert_eq!(settings.password.expose(), "hunter2");
    assert_eq!(
        settings.ca_file, "/ca.pem",
        "a key that ends in _file is itself"
    );
    let shown = redacted_yaml(&settings).unwrap() + &format!("{settings:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(
        refusal(None, &[("SHOP__PASSWORD_FILE", "/nowhere")]),
        "SHOP__PASSWORD_FILE names /nowhere, which cannot be read"
    );
}

#[test]
fn a_secret_that_is_not_a_text_is_refused_without_being_shown() {
    let file = file("password: 123456\n");
    assert_eq!(
        refusal(Some(file.path()), &[]),
        format!(
            "setting `password` ({}): a secret is a text: put it in quotes, or in a file",
            file.path().display()
        )
    );
    let settings: Settings = load_from(None, variables(&[("SHOP__PASSWORD", "123456")])).unwrap();
    assert_eq!(
        settings.password.expose(),
        "123456",
        "a variable is a text already"
    );
}

#[test]
fn a_back_end_may_be_named_by_a_variable_or_by_a_file_and_its_password_is_never_shown() {
    let url = file("postgres://shop:hunter2@db:5432/order?sslmode=require\n");
    let path = url.path().to_str().unwrap();
    for pair in [
        ("STORE_URL_FILE", path),
        (
            "STORE_URL",
            "postgres://shop:hunter2@db:5432/order?sslmode=require",
        ),
    ] {
        let settings: Settings = load_from(None, variables(&[pair])).unwrap();
        assert_eq!(
            settings.store.url,
            "postgres://shop:hunter2@db:5432/order?sslmode=require"
        );
        assert!(
            redacted_yaml(&settings)
                .unwrap()
                .contains("url: postgres://shop:<redacted>@db:5432/order?sslmode=require\n")
        );
    }
}

#[test]
fn a_text_without_a_password_is_shown_as_it_is() {
    for text in [
        "sqlite:///data/user.db",
        "amqp://broker:5672/a@b:c",
        "amqp://shop@broker",
        "a:b@c",
        "",
    ] {
        assert_eq!(redacted_url(text), text);
    }
    assert_eq!(redacted_url("amqp://a:p@ss@h"), "amqp://a:<redacted>@h");
}

#[test]
fn a_mistake_inside_a_list_is_refused_by_its_place() {
    for (text, refused) in [
        (
            "routes:\n- path: /a\n- path: /b\n  secs: 1\n",
            "unknown setting `routes.1.secs` (FILE); known here: path, seconds",
        ),
        (
            "routes:\n- seconds: 1\n",
            "setting `routes.0` (FILE): missing field `path`",
        ),
        (
            "routes:\n- path: /a\n  seconds: many\n",
            "setting `routes.0.seconds` (FILE): \"many\" is not a whole number from 0 to 4294967295",
        ),
        ("- a\n", "FILE is not a YAML mapping"),
    ] {
        let file = file(text);
        let name = file.path().display().to_string();
        assert_eq!(
            refusal(Some(file.path()), &[]).replace(&name, "FILE"),
            refused
        );
    }
}

#[test]
fn variables_that_an_orchestrator_sets_are_not_settings() {
    let settings: Settings = load_from(
        None,
        variables(&[
            ("SHOP_USER_SERVICE_HOST", "10.0.0.1"),
            ("SHOP__HTTP__PORT", "7"),
        ]),
    )
    .unwrap();
    assert_eq!(settings.http.port, 7);
}
