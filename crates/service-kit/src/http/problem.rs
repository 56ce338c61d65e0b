//! Errors as clients see them: RFC 9457 problem details.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// One field of a request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where in the body: a JSON pointer (RFC 6901), such as `/items/0/quantity`.
    pub pointer: String,
    /// What is wrong, for programs.
    pub code: Cow<'static, str>,
    /// What is wrong, for people.
    pub message: String,
}

/// An error reply. Handlers return it; the outermost layer adds the request id and the path.
///
/// Boxed, because it travels as the error of many small functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
    members: serde_json::Map<String, serde_json::Value>,
    headers: HeaderMap,
}

/// The body of every error reply.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem: `/problems/` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong, the same for every problem of this kind.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for programs; stable.
    pub code: &'static str,
    /// What is wrong this time, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Finds this request in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields that were refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What else this kind of problem tells, such as `allowed`.
    #[serde(flatten)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A problem with a stable code and a title that is the same for every problem of this kind.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self(Box::new(Content {
            status,
            code,
            title,
            detail: None,
            errors: Vec::new(),
            members: serde_json::Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// With what is wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// With a field that was refused.
    #[must_use]
    pub fn field(
        mut self,
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        self.0.errors.push(FieldError {
            pointer: pointer.into(),
            code: code.into(),
            message: message.into(),
        });
        self
    }

    /// With a further member.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// With `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The refused fields.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// 404 `not_found`: it does not exist, or it is somebody else's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found")
    }

    /// 401 with `WWW-Authenticate`, as RFC 6750 wants it; `error` is its `error` parameter, absent if no token came.
    #[must_use]
    pub fn unauthorized(code: &'static str, error: Option<&'static str>, detail: &str) -> Self {
        let challenge = match error {
            None => "Bearer realm=\"shop\"".to_owned(),
            Some(error) => format!("Bearer realm=\"shop\", error=\"{error}\""),
        };
        let problem = Self::new(StatusCode::UNAUTHORIZED, code, "Sign-in required").detail(detail);
        match HeaderValue::from_str(&challenge) {
            Ok(value) => problem.header(WWW_AUTHENTICATE, value),
            Err(_) => problem,
        }
    }

    /// 403 `insufficient_scope`.
    #[must_use]
    pub fn insufficient_scope() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "insufficient_scope",
            "Not allowed with this account's roles",
        )
    }

    /// 422 `invalid_request`: fields follow.
    #[must_use]
    pub fn invalid_request() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "The request has invalid fields",
        )
    }

    /// 422 `invalid_request` for one field.
    #[must_use]
    pub fn invalid_field(pointer: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::invalid_request().field(pointer, code, message)
    }

    /// 428 `precondition_required`.
    #[must_use]
    pub fn precondition_required() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            "If-Match is required",
        )
        .detail("Read the object and send its ETag as If-Match, so that nobody's change is overwritten unseen.")
    }

    /// 412 `precondition_failed`.
    #[must_use]
    pub fn precondition_failed() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "The object has changed",
        )
        .detail("Read the object again and repeat the change on its current version.")
    }

    /// 503 with `Retry-After`.
    #[must_use]
    pub fn unavailable(code: &'static str, title: &'static str, wait: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after(wait)
    }

    /// 500 `internal_error`: says nothing of the inside. Log the error where this is made.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something went wrong here",
        )
        .detail("The request was not carried out. If it happens again, report the request id.")
    }

    /// The reply, complete.
    #[must_use]
    pub fn into_response_for(self, instance: &str, request_id: Option<&str>) -> Response {
        self.render(Some(instance.to_owned()), request_id.map(str::to_owned))
    }

    fn render(self, instance: Option<String>, request_id: Option<String>) -> Response {
        let content = *self.0;
        let body = ProblemBody {
            kind: format!("/problems/{}", content.code),
            title: content.title,
            status: content.status.as_u16(),
            code: content.code,
            detail: content.detail,
            instance,
            request_id,
            errors: content.errors,
            members: content.members,
        };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (content.status, bytes).into_response();
        response.headers_mut().extend(content.headers);
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The layer renders it again with the request's id and path.
        let mut response = self.clone().render(None, None);
        response.extensions_mut().insert(self);
        response
    }
}
