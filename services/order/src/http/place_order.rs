//! `POST /api/v1/orders`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{AddressId, OrderId, Quantity, Sku};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use service_kit::crash_point;
use service_kit::http::idempotency::RequiredKey;
use service_kit::http::{Json, PreferWait, Problem, ProblemBody};
use utoipa::ToSchema;

use crate::domain::{
    Address, AddressText, Country, Draft, Item, PaymentMethod, PricingError, pricing,
};
use crate::http::cancel_order::request_key;
use crate::http::representation::OrderBody;
use crate::http::{Api, problems, reply};
use crate::store::{PlaceOrder, Placement, RequestKey};

mod wait;

/// The most lines an order has.
const MAX_ITEMS: usize = 100;

/// What to order. There are no prices in it: they come from the catalog.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"items": [{"sku": "MUG-STONE-330", "quantity": 1}]}))]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrderBody {
    /// 1 to 100 items; no sku twice.
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<PlaceItem>,
    /// Where it goes. Leave it out or name an address of the address book instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipping_address: Option<PlaceAddress>,
    /// An address of the caller's address book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipping_address_id: Option<AddressId>,
    /// `manual`, which is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_method: Option<String>,
}

/// One item to order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceItem {
    /// What.
    sku: Sku,
    /// How many.
    quantity: Quantity,
}

/// A postal address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceAddress {
    /// Who receives it.
    name: AddressText,
    /// Street and house.
    line1: AddressText,
    /// Floor, building, care of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line2: Option<AddressText>,
    /// Postal code.
    postal_code: AddressText,
    /// City.
    city: AddressText,
    /// State, province or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<AddressText>,
    /// Country.
    country: Country,
}

/// Place an order
///
/// It is accepted at once, also while stock, payment or the broker are away, and then becomes `confirmed` or `rejected`.
/// With `Prefer: wait=N` the answer waits until it has left `pending`, at most N ≤ 10 seconds.
#[utoipa::path(
    post,
    path = "/api/v1/orders",
    tag = "orders",
    operation_id = "placeOrder",
    request_body = PlaceOrderBody,
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 characters; makes a repeated request harmless"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N ≤ 10 seconds for the outcome"),
    ),
    responses(
        (status = 201, body = OrderBody, description = "Placed, now or by an earlier request with the same key",
            headers(("Location" = String), ("ETag" = String), ("Idempotency-Replayed" = Option<String>),
                ("Preference-Applied" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json",
            description = "`malformed_json`, `idempotency_key_required`, `invalid_idempotency_key`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json",
            description = "`invalid_request`, `unknown_sku`, `duplicate_sku`, `product_archived`, `mixed_currencies`, \
                `amount_overflow`, `payment_method_unavailable`, `unknown_address`, `idempotency_key_reused`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json",
            description = "`outbox_full`, `upstream_unavailable`, `unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn place_order(
    State(api): State<Api>,
    caller: Caller,
    RequiredKey(key): RequiredKey,
    PreferWait(wait): PreferWait,
    headers: HeaderMap,
    Json(body): Json<PlaceOrderBody>,
) -> Result<Response, Problem> {
    let payment_method = body.payment_method()?;
    let items = body.items()?;
    let request = request_key(caller.user_id, &key, "/api/v1/orders", &body)?;
    let placement = if let Some(placement) = earlier(&api, &body, &request).await? {
        placement
    } else {
        let draft = Draft {
            id: OrderId::at(api.present.now()),
            customer_id: caller.user_id,
            payment_method,
            shipping_address: address(&api, body, &headers).await?,
        };
        place(&api, draft, items, request).await?
    };
    let Placement { order, replayed } = placement;
    let order = match wait {
        Some(limit) => wait::until_settled(&api, order, limit).await?,
        None => order,
    };
    let location = reply::order_path(order.id);
    let version = order.version;
    let mut response = reply::created(&location, version, OrderBody::from(order), replayed);
    if let Some(applied) = wait.and_then(preference_applied) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

fn preference_applied(wait: std::time::Duration) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("wait={}", wait.as_secs())).ok()
}

/// What an earlier request with the same key placed, if this one could fail on something that one no longer needs.
async fn earlier(
    api: &Api,
    body: &PlaceOrderBody,
    request: &RequestKey,
) -> Result<Option<Placement>, Problem> {
    let full = api.backlog.is_full();
    if !full && body.shipping_address_id.is_none() {
        return Ok(None);
    }
    let order = api.store.placed_before(request.clone()).await?;
    if full && order.is_none() {
        return Err(problems::outbox_full());
    }
    Ok(order.map(|order| Placement {
        order,
        replayed: true,
    }))
}

async fn place(
    api: &Api,
    draft: Draft,
    items: Vec<Item>,
    request: RequestKey,
) -> Result<Placement, Problem> {
    let command = PlaceOrder {
        draft,
        items,
        request,
        context: api.present.context(),
    };
    let placement = api.store.place(command).await?;
    crash_point("order.after_commit");
    if !placement.replayed {
        api.backlog.add_one();
        api.poke.poke();
        let order = &placement.order;
        tracing::info!(order_id = %order.id, number = %order.number, lines = order.lines.len(), "order placed");
    }
    Ok(placement)
}

async fn address(
    api: &Api,
    body: PlaceOrderBody,
    headers: &HeaderMap,
) -> Result<Option<Address>, Problem> {
    let id = match (body.shipping_address, body.shipping_address_id) {
        (None, None) => return Ok(None),
        (Some(address), None) => return Ok(Some(address.into())),
        (None, Some(id)) => id,
        (Some(_), Some(_)) => {
            let message = "send either shipping_address or shipping_address_id";
            return Err(Problem::invalid_field(
                "/shipping_address_id",
                "ambiguous",
                message,
            ));
        }
    };
    let authorization = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(Problem::internal)?;
    let address = api.address_book.address(authorization, id).await?;
    address.map(Some).ok_or_else(|| {
        let (code, title) = ("unknown_address", "There is no such address");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title).field(
            "/shipping_address_id",
            code,
            "the address book has no address with this id",
        )
    })
}

impl PlaceOrderBody {
    fn items(&self) -> Result<Vec<Item>, Problem> {
        if self.items.len() > MAX_ITEMS {
            let message = format!("an order has at most {MAX_ITEMS} items");
            return Err(Problem::invalid_field("/items", "too_long", message));
        }
        let items: Vec<Item> = self
            .items
            .iter()
            .map(|item| Item {
                sku: item.sku.clone(),
                quantity: item.quantity,
            })
            .collect();
        if items.is_empty() {
            return Err(PricingError::Empty.into());
        }
        let duplicates = pricing::duplicates(&items);
        if !duplicates.is_empty() {
            return Err(PricingError::DuplicateSku(duplicates).into());
        }
        Ok(items)
    }

    fn payment_method(&self) -> Result<PaymentMethod, Problem> {
        let Some(text) = &self.payment_method else {
            return Ok(PaymentMethod::Manual);
        };
        PaymentMethod::from_text(text).ok_or_else(|| {
            let code = "payment_method_unavailable";
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                code,
                "This shop does not take this payment method",
            )
            .detail("Use `manual`, or leave payment_method out.")
            .field("/payment_method", code, "only `manual` is available")
        })
    }
}

impl From<PlaceAddress> for Address {
    fn from(address: PlaceAddress) -> Self {
        Self {
            name: address.name,
            line1: address.line1,
            line2: address.line2,
            postal_code: address.postal_code,
            city: address.city,
            region: address.region,
            country: address.country,
        }
    }
}
