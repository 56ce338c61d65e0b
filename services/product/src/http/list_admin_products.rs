//! `GET /api/v1/admin/products`.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::Role;
use contracts::events::product::ProductStatus;
use serde::Deserialize;
use service_kit::http::page::{Limit, Page};
use service_kit::http::{Problem, ProblemBody, Query};
use utoipa::IntoParams;

use super::Api;
use super::list_products::page;
use super::representation::ProductBody;
use crate::store::Filter;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `active` or `archived`; both if not said.
    status: Option<ProductStatus>,
    /// Items a page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where the page starts.
    cursor: Option<String>,
}

/// List all products, newest first, archived ones too
#[utoipa::path(
    get,
    path = "/api/v1/admin/products",
    tag = "catalog",
    operation_id = "listAdminProducts",
    params(ListQuery),
    responses(
        (status = 200, body = Page<ProductBody>, description = "A page of them"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_cursor`, `invalid_query`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_admin_products(
    State(api): State<Api>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    let filter = Filter {
        status: query.status,
        ..Filter::default()
    };
    Ok(
        page(&api, "all", filter, query.limit, query.cursor.as_deref())
            .await?
            .reply(&uri),
    )
}
