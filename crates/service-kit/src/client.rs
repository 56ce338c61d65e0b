//! The one place that builds HTTP clients for calls between services.

use std::time::Duration;

/// A client that waits at most `deadline` for a whole reply and a quarter of it for a connection, follows no redirects and
/// asks no proxy.
pub fn http_client(deadline: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(deadline)
        .connect_timeout(deadline / 4)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}
