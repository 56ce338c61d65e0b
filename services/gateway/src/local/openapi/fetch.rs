//! Asking a service for its description, over the connections that requests take too.

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use service_kit::http::RequestId;
use tokio::time::timeout;

use crate::headers::Forwarding;
use crate::upstream::{Exchange, SendError, Upstream};

/// How long a service may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest description that is read.
const LONGEST: usize = 4 * 1024 * 1024;

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no description within {DEADLINE:?}")]
    Late,
    #[error("the service cannot be asked")]
    Send(#[from] SendError),
    #[error("the service answered {0}")]
    Status(StatusCode),
    #[error("the description did not arrive completely")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the description is not JSON")]
    Json(#[from] serde_json::Error),
}

/// What a service says about itself.
pub(super) async fn description(upstream: &Upstream) -> Result<Value, FetchError> {
    timeout(DEADLINE, ask(upstream))
        .await
        .map_err(|_| FetchError::Late)?
}

async fn ask(upstream: &Upstream) -> Result<Value, FetchError> {
    let exchange = Exchange {
        method: &Method::GET,
        target: &PathAndQuery::from_static("/openapi.json"),
        headers: &HeaderMap::new(),
        forwarding: &Forwarding::own(&RequestId::new()),
        body: None,
    };
    let (response, _busy) = upstream.send(&exchange).await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let bytes = body.map_err(FetchError::Body)?.to_bytes();
    Ok(serde_json::from_slice(&bytes)?)
}
