//! What the server asks for each request.

use std::convert::Infallible;
use std::error::Error;

use axum::body::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tower::Service;

/// Anything that answers every request of a connection: an axum router, or a service of one's own that takes the body as
/// it comes in. Implemented by every `tower` service that fits.
pub trait HttpService:
    Service<
        Request<Incoming>,
        Response = Response<Self::ReplyBody>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// The body of its replies.
    type ReplyBody: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    type ReplyBody = B;
}
