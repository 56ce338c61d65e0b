//! The one place that builds HTTP clients for calls between services.

use std::time::Duration;

/// A client for `url` that waits at most `deadline` for a whole reply and a quarter of it for a connection, follows no
/// redirects and asks no proxy.
///
/// For an `http://` address it knows no root certificates: reading those of the system takes 10 ms of the start.
pub fn http_client(url: &str, deadline: Duration) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .timeout(deadline)
        .connect_timeout(deadline / 4)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if url.starts_with("http://") {
        builder.tls_certs_only([]).build()
    } else {
        builder.build()
    }
}
