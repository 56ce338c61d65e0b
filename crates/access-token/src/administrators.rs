//! Routes for administrators.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use contracts::Role;
use service_kit::http::Problem;

use crate::caller::Caller;

/// Middleware for routes that only administrators may use: 401 without a token, 403 without the role.
pub async fn administrators_only(
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    Ok(next.run(request).await)
}
