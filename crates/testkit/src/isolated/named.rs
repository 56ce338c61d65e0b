//! Where the servers are, and names nobody else has.

use anyhow::{Result, bail};

/// What `test-servers` put into this environment variable.
pub(super) fn server(variable: &str) -> Result<String> {
    match std::env::var(variable) {
        Ok(url) if !url.is_empty() => Ok(url),
        _ => bail!(
            "{variable} is not set: run this test by `make test`, or start the servers by `make servers` and set what it prints"
        ),
    }
}

/// Says which process made it, for somebody who finds it on a server of theirs.
pub(super) fn name() -> String {
    format!(
        "shop_test_{}_{:016x}",
        std::process::id(),
        rand::random::<u64>()
    )
}

/// The URL with another path, which is its database or virtual host.
pub(super) fn with_path(url: &str, path: &str) -> String {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let (start, rest) = url.split_at(scheme);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before.split('/').next().unwrap_or_default();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{start}{authority}/{path}{mark}{query}")
}

#[cfg(test)]
mod tests {
    use super::with_path;

    #[test]
    fn a_path_takes_the_place_of_the_one_before_and_the_query_stays() {
        let replaced = [
            "postgres://me:pw@host:1/postgres",
            "postgres://me@host:1?sslmode=require",
            "mongodb://a:1,b:2/?replicaSet=rs0",
            "amqp://guest:guest@host:1/%2f",
        ]
        .map(|url| with_path(url, "mine"));
        assert_eq!(
            replaced,
            [
                "postgres://me:pw@host:1/mine",
                "postgres://me@host:1/mine?sslmode=require",
                "mongodb://a:1,b:2/mine?replicaSet=rs0",
                "amqp://guest:guest@host:1/mine",
            ]
        );
    }
}
