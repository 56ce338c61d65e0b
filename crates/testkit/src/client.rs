//! A customer's or an administrator's view of the shop, over HTTP through the gateway.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// The password of every account a test makes.
pub const PASSWORD: &str = "a long enough pass phrase";

/// One reply, read whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its JSON; null if it has none.
    pub body: Value,
}

impl Reply {
    /// The reply if it has this status; otherwise an error that shows it.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status.as_u16() != status {
            bail!("expected {status}, got {}: {}", self.status, self.body);
        }
        Ok(self)
    }

    /// A header's text, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The text at a JSON pointer of the body.
    pub fn text(&self, pointer: &str) -> Result<&str> {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .with_context(|| format!("no text at {pointer} in {}", self.body))
    }

    /// The whole number at a JSON pointer of the body.
    pub fn number(&self, pointer: &str) -> Result<i64> {
        self.body
            .pointer(pointer)
            .and_then(Value::as_i64)
            .with_context(|| format!("no number at {pointer} in {}", self.body))
    }
}

/// Somebody who uses the shop; signed in or not.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A stranger at `address` (`host:port` of the gateway or of one service).
    pub fn new(address: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_mins(1))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            base: format!("http://{address}"),
            token: None,
        })
    }

    /// The same person at another address: a shop that was started again.
    #[must_use]
    pub fn at(&self, address: &str) -> Self {
        Self {
            base: format!("http://{address}"),
            ..self.clone()
        }
    }

    /// The same connection pool with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The access token, if signed in.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request to `path`, with the token if there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// POST with a JSON body and an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Result<Reply> {
        send(
            self.request(Method::POST, path)
                .header("idempotency-key", key)
                .json(body),
        )
        .await
    }

    /// Registers an account and signs in.
    pub async fn register(&self, email: &str) -> Result<Self> {
        let account = json!({"email": email, "password": PASSWORD, "name": "Test Customer"});
        self.post("/api/v1/auth/register", &account)
            .await?
            .expect(201)?;
        self.log_in(email, PASSWORD).await
    }

    /// Signs in.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<Self> {
        let credentials = json!({"email": email, "password": password});
        let reply = self
            .post("/api/v1/auth/login", &credentials)
            .await?
            .expect(200)?;
        Ok(self.with_token(reply.text("/access_token")?))
    }

    /// Creates a product with this stock; needs the catalog role.
    pub async fn create_product(&self, sku: &str, cents: i64, stock: u32) -> Result<Reply> {
        let product = json!({
            "sku": sku, "title": format!("Product {sku}"), "category": "Tests",
            "price": {"amount": cents, "currency": "EUR"}, "initial_stock": stock,
        });
        self.post("/api/v1/admin/products", &product)
            .await?
            .expect(201)
    }

    /// Places an order for pieces of one sku, whatever the answer.
    pub async fn place_order(&self, key: &str, sku: &str, quantity: u32) -> Result<Reply> {
        let order = json!({"items": [{"sku": sku, "quantity": quantity}]});
        self.post_once("/api/v1/orders", key, &order).await
    }

    /// Waits until the order has left the states that pass by themselves, and returns it.
    pub async fn settled_order(&self, id: &str) -> Result<Value> {
        crate::wait::until(&format!("order {id} to settle"), || async move {
            let order = self
                .get(&format!("/api/v1/orders/{id}"))
                .await?
                .expect(200)?;
            let status = order.text("/status")?;
            Ok((!matches!(status, "pending" | "cancelling")).then_some(order.body))
        })
        .await
    }
}

/// Sends a request and reads the reply whole.
pub async fn send(request: RequestBuilder) -> Result<Reply> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await?;
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Ok(Reply {
        status,
        headers,
        body,
    })
}
