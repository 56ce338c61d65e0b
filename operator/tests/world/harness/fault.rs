//! What goes wrong with a request.

use bytes::Bytes;
use http::Response;
use serde_json::json;
use tower::BoxError;

use super::answers::{Answer, whole};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The operator dies when the API server has carried it out, before it knows.
    Crash,
    /// The API server does not get it.
    Before(Refusal),
    /// The API server carries it out, and its answer is lost.
    After(Refusal),
    /// Afterwards the watches of children bring nothing, until they are let on.
    Stale,
}

/// What the operator hears instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    Conflict,
    TooManyRequests,
    Internal,
    /// Nothing, until it gives up.
    TimedOut,
}

impl Refusal {
    pub(super) fn answer(self) -> Result<Response<Answer>, BoxError> {
        let (code, reason) = match self {
            Self::Conflict => (409, "Conflict"),
            Self::TooManyRequests => (429, "TooManyRequests"),
            Self::Internal => (500, "InternalError"),
            Self::TimedOut => return Err("injected: nobody answered".into()),
        };
        let status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "injected by the test",
            "reason": reason,
            "code": code,
        });
        let mut answer = Response::builder().status(code);
        if self == Self::TooManyRequests {
            answer = answer.header(http::header::RETRY_AFTER, "1");
        }
        Ok(answer.body(whole(Bytes::from(status.to_string())))?)
    }
}
