//! The server behind a proxy.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

/// `host:port`, and the URL around it.
pub(super) struct Target {
    before: String,
    host_and_port: String,
    after: String,
}

impl Target {
    pub(super) fn of_address(address: SocketAddr) -> Self {
        Self {
            before: String::new(),
            host_and_port: address.to_string(),
            after: String::new(),
        }
    }

    pub(super) fn of_url(url: &str) -> Result<Self> {
        let scheme = url.find("://").context("a URL has `://`")? + 3;
        let (_, rest) = url.split_at(scheme);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        let host = authority.rfind('@').map_or(0, |at| at + 1);
        let (_, host_and_port) = authority.split_at(host);
        // No URL in a message: it may have a password.
        ensure!(
            host_and_port.contains(':'),
            "the proxy needs the port in the URL of the server"
        );
        ensure!(
            !host_and_port.contains(','),
            "one proxy stands before one server: give it the URL of one member"
        );
        Ok(Self {
            before: url.chars().take(scheme + host).collect(),
            host_and_port: host_and_port.to_owned(),
            after: after.to_owned(),
        })
    }

    pub(super) async fn address(&self) -> Result<SocketAddr> {
        tokio::net::lookup_host(&self.host_and_port)
            .await?
            .next()
            .with_context(|| format!("{} has no address", self.host_and_port))
    }

    pub(super) fn url_through(&self, proxy: SocketAddr) -> String {
        let after = if self.before.starts_with("mongodb") {
            direct(&self.after)
        } else {
            self.after.clone()
        };
        format!("{}{proxy}{after}", self.before)
    }
}

/// Without `replicaSet`, with `directConnection`.
fn direct(after: &str) -> String {
    let (path, query) = after.split_once('?').unwrap_or((after, ""));
    let kept = query
        .split('&')
        .filter(|option| !option.is_empty() && !option.starts_with("replicaSet="));
    let options: Vec<&str> = kept.chain(["directConnection=true"]).collect();
    let path = if path.is_empty() { "/" } else { path };
    format!("{path}?{}", options.join("&"))
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_url_leads_through_the_proxy_and_keeps_the_rest() {
        let proxy = "127.0.0.1:9".parse().unwrap();
        let through = [
            "postgres://me:p@ss@host:1/db?sslmode=require",
            "amqp://guest:guest@host:1/%2f",
            "mongodb://host:1/db?replicaSet=rs0&w=majority",
            "mongodb://host:1",
            "http://host:1",
        ]
        .map(|url| Target::of_url(url).unwrap().url_through(proxy));
        assert_eq!(
            through,
            [
                "postgres://me:p@ss@127.0.0.1:9/db?sslmode=require",
                "amqp://guest:guest@127.0.0.1:9/%2f",
                "mongodb://127.0.0.1:9/db?w=majority&directConnection=true",
                "mongodb://127.0.0.1:9/?directConnection=true",
                "http://127.0.0.1:9",
            ]
        );
    }

    #[test]
    fn a_url_of_several_servers_or_without_a_port_is_refused() {
        let refused = [
            "mongodb://a:1,b:2/?replicaSet=rs0",
            "postgres://host/db",
            "host:1",
        ]
        .map(|url| Target::of_url(url).err().unwrap().to_string());
        assert_eq!(
            refused,
            [
                "one proxy stands before one server: give it the URL of one member",
                "the proxy needs the port in the URL of the server",
                "a URL has `://`",
            ]
        );
    }
}
