//! Who asks the API server: every request is counted, and ends in time, whatever becomes of the connection.

mod requests;

use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};
use tower::timeout::TimeoutLayer;

pub use requests::{Asked, CountRequests};

/// For the beginning of an answer, tries after "too many requests" included. Watches go on after it. An admission webhook may take
/// 30 seconds; what takes longer is told as a failure, and is tried again.
const DEADLINE: Duration = Duration::from_secs(35);

/// A client for this cluster.
pub fn client(config: Config) -> Result<Client, kube::Error> {
    let stack = ClientBuilder::try_from(config)?;
    Ok(stack
        .with_layer(&TimeoutLayer::new(DEADLINE))
        .with_layer(&CountRequests)
        .build())
}
