//! `GET /api/v1/admin/users`.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::Role;
use serde::Deserialize;
use service_kit::http::page::{self, Limit, Page};
use service_kit::http::{Problem, ProblemBody, Query};
use utoipa::IntoParams;

use super::Api;
use super::representation::AccountBody;
use crate::store::AccountPage;

/// Which accounts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListUsers {
    /// How many, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Only accounts whose e-mail address begins so, in the order of their addresses.
    #[serde(default)]
    q: Option<String>,
}

/// List accounts
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    tag = "users (administration)",
    operation_id = "listUsers",
    params(ListUsers),
    responses(
        (status = 200, body = Page<AccountBody>, description = "A page of them", headers(("Link" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_query`, `invalid_cursor`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_users(
    State(api): State<Api>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListUsers>,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    let prefix = query.q.as_deref().unwrap_or_default().trim();
    let prefix = prefix.to_ascii_lowercase();
    let name = format!("users;q={prefix}");
    let cursor = query.cursor.as_deref();
    let page = if prefix.is_empty() {
        let after = cursor.map(|cursor| page::decode_cursor(&name, cursor));
        let after = after.transpose()?;
        let place = AccountPage::Newest { after };
        let accounts = api.store.accounts(place, query.limit.and_one()).await?;
        Page::cut(accounts, query.limit, &name, |last| last.sequence)
    } else {
        let after = cursor.map(|cursor| page::decode_cursor(&name, cursor));
        let after = after.transpose()?;
        let place = AccountPage::ByEmail { prefix, after };
        let accounts = api.store.accounts(place, query.limit.and_one()).await?;
        Page::cut(accounts, query.limit, &name, |last| last.email.clone())
    };
    Ok(page.map(AccountBody::from).reply(&uri))
}
