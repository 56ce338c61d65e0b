//! No path gets past a route's rule, however the service behind it reads paths.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::path::is_plain;
use super::{Found, RouteTable};
use crate::routes::{MethodName, load};
use crate::settings::Settings;

/// The routes of the binary with a wide open one around them: the worst that a route file may ask for.
fn table() -> RouteTable {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    let open = "routes: [{ path: '/{*rest}', methods: [GET, POST, PUT, PATCH, DELETE], upstream: user, access: public }]";
    std::fs::write(&file, open).unwrap();
    let settings = Settings {
        routes_file: Some(file),
        ..Settings::default()
    };
    load(&settings).unwrap()
}

fn route_of(table: &RouteTable, path: &str) -> Option<String> {
    match table.find(Some(MethodName::Get), path) {
        Found::Route(route, _) => Some(route.pattern.clone()),
        Found::OtherMethods { .. } | Found::Nothing => None,
    }
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn resolved(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn without_parameters(path: &str) -> String {
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| segment.split(';').next().unwrap())
        .collect();
    segments.join("/")
}

/// The paths that services are known to make of one.
fn readings(path: &str) -> BTreeMap<&'static str, String> {
    let slashes = |path: &str| path.replace('\\', "/");
    let once = decoded(path);
    BTreeMap::from([
        ("resolved", resolved(path)),
        ("decoded", once.clone()),
        ("decoded and resolved", resolved(&once)),
        ("decoded twice and resolved", resolved(&decoded(&once))),
        ("backslashes as slashes", resolved(&slashes(&once))),
        ("without parameters", resolved(&without_parameters(&once))),
        ("up to NUL", once.split('\0').next().unwrap().to_owned()),
        ("up to ?", once.split(['?', '#']).next().unwrap().to_owned()),
    ])
}

const WORDS: &[&str] = &[
    "api", "v1", "admin", "users", "orders", "products", "me", "auth", "open", "a.b", "..x",
    "usr_1",
];
const TRICKS: &[&str] = &[
    "..",
    ".",
    "",
    "%2e%2e",
    "%2e",
    "..;",
    ";x",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%61dmin",
    "%252e%252e",
    "%25",
    "%3f",
    "%23",
    "%c0%ae",
    "%C3%A9",
    "..%2f",
    "admin;x=1",
    "%",
    "%zz",
    "us%65rs",
    "..%5c..",
    "%20",
    "admin%20",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => proptest::sample::select(WORDS).prop_map(str::to_owned),
        3 => proptest::sample::select(TRICKS).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whoever_reads_a_path_that_passes_reads_one_of_the_same_route(
        pieces in proptest::collection::vec(piece(), 1..8)
    ) {
        thread_local!(static TABLE: RouteTable = table());
        let path = format!("/{}", pieces.join("/"));
        if !is_plain(&path) {
            return Ok(());
        }
        TABLE.with(|table| {
            let Some(route) = route_of(table, &path) else {
                return Ok(());
            };
            for (how, reading) in readings(&path) {
                let other = route_of(table, &reading);
                prop_assert_eq!(other.as_ref(), Some(&route), "{} as {} ({})", path, reading, how);
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_text_is_either_plain_or_not(path in "\\PC{0,40}") {
        if is_plain(&path) {
            prop_assert_eq!(resolved(&path).len() + usize::from(path.len() > 1 && path.ends_with('/')), path.len());
        }
    }
}
