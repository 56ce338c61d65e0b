//! The requests that are sent.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

/// A request over HTTP/1.1.
pub type Sent = Request<Full<Bytes>>;

/// Makes the `n`th request to `authority` with this token.
pub type Make = fn(authority: &str, token: &str, n: u64) -> Sent;

/// The first page of the product list: public.
#[must_use]
pub fn list(authority: &str, _token: &str, _n: u64) -> Sent {
    get("/api/v1/products?limit=20", authority)
}

/// The caller's own orders: signed in.
#[must_use]
pub fn own_orders(authority: &str, token: &str, _n: u64) -> Sent {
    let mut request = get("/api/v1/orders", authority);
    set(request.headers_mut(), AUTHORIZATION, &bearer(token));
    request
}

/// The first page of the product list with products of two common words.
#[must_use]
pub fn search(authority: &str, _token: &str, _n: u64) -> Sent {
    get("/api/v1/products?limit=20&q=stone%20mug", authority)
}

/// The first page of products with a word that few have; see `measure::growth`.
#[must_use]
pub fn search_rare(authority: &str, _token: &str, _n: u64) -> Sent {
    get("/api/v1/products?limit=20&q=rare3x", authority)
}

/// Everybody's orders: for the administrator.
#[must_use]
pub fn all_orders(authority: &str, token: &str, _n: u64) -> Sent {
    let mut request = get("/api/v1/admin/orders", authority);
    set(request.headers_mut(), AUTHORIZATION, &bearer(token));
    request
}

/// The `n`th order of one piece, always of the same product.
#[must_use]
pub fn order(authority: &str, token: &str, n: u64) -> Sent {
    order_of("BENCH", authority, token, n)
}

/// How many products [`order_of_many`] orders.
pub const MANY: u64 = 50;

/// The name of one of the products that [`order_of_many`] orders.
#[must_use]
pub fn one_of_many(n: u64) -> String {
    format!("BENCH-{}", n % MANY)
}

/// The `n`th order of one piece, of one of many products.
#[must_use]
pub fn order_of_many(authority: &str, token: &str, n: u64) -> Sent {
    order_of(&one_of_many(n), authority, token, n)
}

fn order_of(sku: &str, authority: &str, token: &str, n: u64) -> Sent {
    let body = format!(r#"{{"items":[{{"sku":"{sku}","quantity":1}}]}}"#);
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/api/v1/orders");
    let headers = request.headers_mut();
    set(headers, HOST, authority);
    set(headers, CONTENT_TYPE, "application/json");
    set(headers, AUTHORIZATION, &bearer(token));
    let key = HeaderName::from_static("idempotency-key");
    set(headers, key, &format!("bench-{n}"));
    request
}

/// An order whose answer waits for its outcome.
#[must_use]
pub fn awaited_order(authority: &str, token: &str, n: u64) -> Sent {
    awaited(order(authority, token, n))
}

/// The same, of one of many products.
#[must_use]
pub fn awaited_order_of_many(authority: &str, token: &str, n: u64) -> Sent {
    awaited(order_of_many(authority, token, n))
}

fn awaited(mut request: Sent) -> Sent {
    set(
        request.headers_mut(),
        HeaderName::from_static("prefer"),
        "wait=10",
    );
    request
}

fn get(path: &'static str, authority: &str) -> Sent {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from_static(path);
    set(request.headers_mut(), HOST, authority);
    request
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// What is no header is left out, and the answer tells.
fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
