//! `GET /api/v1/products`.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::events::product::ProductStatus;
use serde::Deserialize;
use service_kit::error_chain;
use service_kit::http::page::{Limit, Page, decode_cursor};
use service_kit::http::{Problem, ProblemBody};
use utoipa::IntoParams;

use super::Api;
use super::attribute_filter::AttributesAnd;
use super::representation::ProductBody;
use crate::domain::tokens::tokens;
use crate::store::{Filter, Position, Sort};

/// The most words of a search that are looked at.
const WORDS: usize = 8;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Each of these words must be the beginning of a word of the product.
    q: Option<String>,
    /// On this shelf.
    category: Option<String>,
    /// At least this dear, in minor units.
    price_min: Option<u64>,
    /// At most this dear, in minor units.
    price_max: Option<u64>,
    /// Only what is in stock, or only what is not.
    in_stock: Option<bool>,
    /// `newest` (default), `price` or `-price`.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// Items a page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Browse and search the catalog
#[utoipa::path(
    get,
    path = "/api/v1/products",
    tag = "products",
    operation_id = "listProducts",
    params(
        ListQuery,
        ("attr.{name}" = Option<String>, Query, description = "With this value of an attribute, such as `attr.colour=blue`"),
    ),
    responses(
        (status = 200, body = Page<ProductBody>, description = "A page of them", headers(("Link" = String, description = "the next page"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_cursor`, `invalid_query`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`"),
    )
)]
pub(super) async fn list_products(
    State(api): State<Api>,
    OriginalUri(uri): OriginalUri,
    AttributesAnd { attributes, query }: AttributesAnd<ListQuery>,
) -> Result<Response, Problem> {
    let filter = Filter {
        status: Some(ProductStatus::Active),
        category: query.category,
        price_min: query.price_min.map(minor_units),
        price_max: query.price_max.map(minor_units),
        in_stock: query.in_stock,
        words: query
            .q
            .as_deref()
            .map(tokens)
            .unwrap_or_default()
            .into_iter()
            .take(WORDS)
            .collect(),
        attributes,
        sort: query.sort,
    };
    Ok(page(
        &api,
        "offered",
        filter,
        query.limit,
        query.cursor.as_deref(),
    )
    .await?
    .reply(&uri))
}

/// No price is beyond what fits.
fn minor_units(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// A page of products; its cursor belongs to the list and the filter.
pub(super) async fn page(
    api: &Api,
    list: &str,
    filter: Filter,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<ProductBody>, Problem> {
    let name = serde_json::to_string(&(list, &filter)).map_err(|error| {
        tracing::error!(error = error_chain(&error), "a filter has no name");
        Problem::internal()
    })?;
    let after = cursor
        .map(|cursor| decode_cursor::<Position>(&name, cursor))
        .transpose()?;
    let sort = filter.sort;
    let products = api.store.list(filter, after, limit.and_one()).await?;
    Ok(Page::cut(products, limit, &name, |last| last.position(sort)).map(ProductBody::from))
}
