//! Parked messages over HTTP, at the service that owns them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use contracts::{Clock, Timestamp};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use service_kit::error_chain;
use service_kit::http::page::{Limit, Page, decode_cursor};
use service_kit::http::{Json, Path, Problem, ProblemBody, Query};
use store_kit::StoreError;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::deferred::{DeferredStore, ParkedMessage, ParkedPosition};
use crate::which_parked::{NoParkedQueue, parked_queue};

/// When to come back while the store is away.
const RETRY_AFTER: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Api {
    store: Arc<dyn DeferredStore>,
    clock: Arc<dyn Clock>,
    service: &'static str,
}

/// A message that waits for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingMessage {
    /// The event's id. Several queues may have the same event parked: `id` and `queue` together name the message.
    pub id: String,
    /// The queue it came from.
    pub queue: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub parked_at: Timestamp,
    /// The payload as it came.
    pub body: String,
}

impl From<ParkedMessage> for WaitingMessage {
    fn from(parked: ParkedMessage) -> Self {
        Self {
            id: parked.message.id,
            queue: parked.queue,
            event_type: parked.message.event_type,
            reason: parked.reason,
            attempts: parked.attempts,
            parked_at: parked.parked_at,
            body: parked.message.body,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Items a page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where the page starts.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhichQuery {
    /// The queue that has it parked. One event may be parked in several queues of a service; then this says which is meant.
    queue: Option<String>,
}

/// The routes for one service's parked messages. Nest them behind a check of the role `admin`.
pub fn parked_router<S: Clone + Send + Sync + 'static>(
    store: Arc<dyn DeferredStore>,
    clock: Arc<dyn Clock>,
    service: &'static str,
) -> OpenApiRouter<S> {
    routes().with_state(Api {
        store,
        clock,
        service,
    })
}

/// The description of these routes, for a document that is printed without a store.
#[must_use]
pub fn parked_openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(replay))
        .routes(routes!(discard))
}

/// List the messages that wait for a person
#[utoipa::path(get, path = "/api/v1/admin/services/{service}/parked-messages", tag = "parked messages",
    params(("service" = String, Path, description = "The service that owns them"), ListQuery),
    responses((status = 200, body = Page<WaitingMessage>, description = "A page of them, the oldest first"),
        (status = 400, description = "`invalid_cursor`, `invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`token_missing`, `token_expired`, `token_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient_scope`: needs the role `admin`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, `keys_unavailable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn list(
    State(api): State<Api>,
    Path(service): Path<String>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    api.require(&service)?;
    let after = query
        .cursor
        .map(|cursor| decode_cursor::<ParkedPosition>("parked", &cursor))
        .transpose()?;
    let parked = api
        .store
        .parked(after, query.limit.and_one())
        .await
        .map_err(|error| away(&error))?;
    let page = Page::cut(parked, query.limit, "parked", ParkedPosition::of);
    Ok(page.map(WaitingMessage::from).reply(&uri))
}

/// Show one message that waits for a person
#[utoipa::path(get, path = "/api/v1/admin/services/{service}/parked-messages/{id}", tag = "parked messages",
    params(("service" = String, Path), ("id" = String, Path, description = "The event's id"), WhichQuery),
    responses((status = 200, body = WaitingMessage, description = "The message, its payload as it came"),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`token_missing`, `token_expired`, `token_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient_scope`: needs the role `admin`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`queue_required`: several queues have it parked, `queues` names them", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, `keys_unavailable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn show(
    State(api): State<Api>,
    Path((service, id)): Path<(String, String)>,
    Query(which): Query<WhichQuery>,
) -> Result<Json<WaitingMessage>, Problem> {
    api.require(&service)?;
    let queue = api.queue(&id, which).await?;
    let parked = api.store.parked_message(&queue, &id).await;
    let parked = parked.map_err(|error| away(&error))?;
    parked
        .map(|parked| Json(parked.into()))
        .ok_or_else(Problem::not_found)
}

/// Try a parked message again now
#[utoipa::path(post, path = "/api/v1/admin/services/{service}/parked-messages/{id}/replay", tag = "parked messages",
    params(("service" = String, Path), ("id" = String, Path, description = "The event's id"), WhichQuery),
    responses((status = 202, description = "It is tried within a second"),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`token_missing`, `token_expired`, `token_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient_scope`: needs the role `admin`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`queue_required`: several queues have it parked, `queues` names them", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, `keys_unavailable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn replay(
    State(api): State<Api>,
    Path((service, id)): Path<(String, String)>,
    Query(which): Query<WhichQuery>,
) -> Result<Response, Problem> {
    api.require(&service)?;
    let queue = api.queue(&id, which).await?;
    let replayed = api.store.replay(&queue, &id, api.clock.now()).await;
    accepted(replayed)
}

/// Forget a parked message
#[utoipa::path(post, path = "/api/v1/admin/services/{service}/parked-messages/{id}/discard", tag = "parked messages",
    params(("service" = String, Path), ("id" = String, Path, description = "The event's id"), WhichQuery),
    responses((status = 202, description = "It is gone"),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`token_missing`, `token_expired`, `token_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient_scope`: needs the role `admin`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`queue_required`: several queues have it parked, `queues` names them", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, `keys_unavailable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn discard(
    State(api): State<Api>,
    Path((service, id)): Path<(String, String)>,
    Query(which): Query<WhichQuery>,
) -> Result<Response, Problem> {
    api.require(&service)?;
    let queue = api.queue(&id, which).await?;
    let discarded = api.store.discard(&queue, &id).await;
    accepted(discarded)
}

fn accepted(found: Result<bool, StoreError>) -> Result<Response, Problem> {
    if found.map_err(|error| away(&error))? {
        Ok(StatusCode::ACCEPTED.into_response())
    } else {
        Err(Problem::not_found())
    }
}

impl Api {
    fn require(&self, service: &str) -> Result<(), Problem> {
        if service == self.service {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }

    /// The queue of the parked message that is meant.
    async fn queue(&self, id: &str, which: WhichQuery) -> Result<String, Problem> {
        let queue = parked_queue(&*self.store, id, which.queue.as_deref()).await;
        queue.map_err(|error| match error {
            NoParkedQueue::NotParked => Problem::not_found(),
            NoParkedQueue::Several(queues) => Problem::new(
                StatusCode::CONFLICT,
                "queue_required",
                "Several queues have this message parked",
            )
            .detail(format!(
                "Say which one is meant, `?queue=` and one of: {}",
                queues.join(", ")
            ))
            .member("queues", queues),
            NoParkedQueue::Store(error) => away(&error),
        })
    }
}

fn away(error: &StoreError) -> Problem {
    tracing::error!(error = error_chain(error), "parked messages cannot be read");
    if error.is_away() {
        return Problem::unavailable("unavailable", "Try again shortly", RETRY_AFTER);
    }
    Problem::internal()
}
