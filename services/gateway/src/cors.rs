//! Web pages of other origins: off unless the settings name them, and then exactly those.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};

use crate::body::Download;
use crate::routes::Methods;
use crate::settings::{CorsSettings, InvalidSetting};

const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, prefer, traceparent, x-request-id",
);
const REPLY_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id",
);

/// The origins that may use the API.
pub(crate) struct Cors {
    origins: Vec<HeaderValue>,
    max_age: HeaderValue,
}

impl Cors {
    pub(crate) fn new(settings: &CorsSettings) -> Result<Self, InvalidSetting> {
        let origins = settings.origins.iter().map(|origin| {
            checked(origin).ok_or_else(|| {
                InvalidSetting::new(
                    "cors.origins",
                    format!("\"{origin}\" is not an origin such as https://shop.example"),
                )
            })
        });
        Ok(Self {
            origins: origins.collect::<Result<_, _>>()?,
            max_age: HeaderValue::from(settings.max_age_s),
        })
    }

    /// The origin of a request, if it is one of ours.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let origin = headers.get(ORIGIN)?;
        self.origins.contains(origin).then(|| origin.clone())
    }

    /// The answer to a browser that asks whether a page may send a request.
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
        methods: Methods,
    ) -> Option<Response<Download>> {
        if *method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.origin(headers)?;
        let mut response = Response::new(Download::own(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let reply = response.headers_mut();
        reply.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::try_from(methods.allow()).ok()?,
        );
        reply.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        reply.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        Some(response)
    }

    /// Lets the page of this origin read a reply.
    pub(crate) fn allow(&self, reply: &mut HeaderMap, origin: Option<HeaderValue>) {
        if self.origins.is_empty() {
            return;
        }
        reply.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, REPLY_HEADERS);
        }
    }
}

/// An origin is a scheme and an authority, as browsers write it (RFC 6454, section 6.2).
fn checked(origin: &str) -> Option<HeaderValue> {
    let uri: Uri = origin.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let written = format!("{scheme}://{}", uri.authority()?);
    let exact =
        matches!(scheme, "http" | "https") && origin == written && origin == origin.to_lowercase();
    exact.then(|| HeaderValue::from_str(origin).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_origins_can_be_set() {
        for origin in ["https://shop.example", "http://localhost:5173"] {
            assert!(checked(origin).is_some(), "{origin}");
        }
        for origin in [
            "*",
            "null",
            "shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "ftp://a",
            "",
        ] {
            assert!(checked(origin).is_none(), "{origin}");
        }
    }
}
