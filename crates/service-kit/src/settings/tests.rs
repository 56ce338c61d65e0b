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
struct Settings {
    http: Http,
    password: Secret,
    ca_file: String,
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
    let text = refusal(None, &[("SHOP__HTTP__PORT", "many")]);
    assert!(
        text.starts_with("setting `http.port` (SHOP__HTTP__PORT): "),
        "{text}"
    );
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
