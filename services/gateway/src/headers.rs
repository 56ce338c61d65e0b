//! Headers: what passes, what is for one hop only, and what nobody but the gateway may say.

use std::net::IpAddr;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{StatusCode, Uri, Version};
use service_kit::http::address::client_address;
use service_kit::http::{Problem, RequestId, refuse_duplicates, request_id};
use service_kit::trace_context;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Where a reply comes from is nobody's business.
const TELLTALE: [&str; 2] = ["server", "x-powered-by"];
/// What the gateway says about a caller, or what others say where frameworks believe it.
const SPOKEN_FOR: [&str; 15] = [
    "x-account",
    "x-auth",
    "x-client-ip",
    "x-consumer",
    "x-customer",
    "x-forwarded",
    "x-http-method",
    "x-identity",
    "x-internal",
    "x-original",
    "x-principal",
    "x-remote",
    "x-rewrite",
    "x-role",
    "x-scope",
];

/// What the gateway tells a service about a request, whatever the client said about it.
pub(crate) struct Forwarding {
    client: Option<HeaderValue>,
    host: Option<HeaderValue>,
    proto: HeaderValue,
    request_id: HeaderValue,
    traceparent: Option<HeaderValue>,
}

impl Forwarding {
    /// From what the client sent, of which only the words of trusted proxies count.
    pub(crate) fn new(
        parts: &Parts,
        client: Option<IpAddr>,
        trusted_hops: u8,
        id: &RequestId,
        traceparent: &str,
    ) -> Self {
        Self {
            client: client.and_then(|address| HeaderValue::try_from(address.to_string()).ok()),
            host: host(&parts.uri, &parts.headers),
            proto: HeaderValue::from_static(if is_https(&parts.headers, trusted_hops) {
                "https"
            } else {
                "http"
            }),
            request_id: id.header().clone(),
            traceparent: HeaderValue::from_str(traceparent).ok(),
        }
    }

    /// For a request of the gateway's own.
    pub(crate) fn own(id: &RequestId) -> Self {
        Self {
            client: None,
            host: None,
            proto: HeaderValue::from_static("http"),
            request_id: id.header().clone(),
            traceparent: None,
        }
    }

    /// The headers that a service gets.
    pub(crate) fn headers(&self, sent: &HeaderMap) -> HeaderMap {
        let named = named_by_connection(sent);
        let mut headers = HeaderMap::with_capacity(sent.len().saturating_add(5));
        for (name, value) in sent {
            if passes(name) && !named.contains(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers.insert(request_id::HEADER, self.request_id.clone());
        headers.insert(FORWARDED_PROTO, self.proto.clone());
        let maybe = [
            (FORWARDED_FOR, &self.client),
            (FORWARDED_HOST, &self.host),
            (trace_context::HEADER, &self.traceparent),
        ];
        for (name, value) in maybe {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        headers
    }
}

/// Who asks: the other end of the connection, or who a trusted proxy saw there.
pub(crate) fn client(parts: &Parts, trusted_hops: u8) -> Option<IpAddr> {
    client_address(&parts.headers, &parts.extensions, trusted_hops)
}

/// Whether the client spoke TLS to a trusted proxy.
pub(crate) fn is_https(headers: &HeaderMap, trusted_hops: u8) -> bool {
    trusted_hops > 0
        && headers
            .get_all(FORWARDED_PROTO)
            .iter()
            .next_back()
            .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}

/// Removes from a reply what is for one hop only.
pub(crate) fn strip_reply(headers: &mut HeaderMap) {
    let named = named_by_connection(headers);
    let stripped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            is_hop_by_hop(name.as_str())
                || TELLTALE.contains(&name.as_str())
                || name.as_str().starts_with("access-control-")
                || named.contains(name)
        })
        .cloned()
        .collect();
    for name in stripped {
        headers.remove(name);
    }
}

/// Refuses what two readers could understand differently: a header that may come once and came twice, and an HTTP/1.1 request
/// that does not say which host it is for (RFC 9112, section 3.2).
pub(crate) fn refuse_ambiguous(parts: &Parts) -> Result<(), Problem> {
    let headers = &parts.headers;
    if parts.version == Version::HTTP_11 && !headers.contains_key(HOST) {
        let title = "An HTTP/1.1 request needs a Host header";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "host_missing", title));
    }
    // Nearly every request ends here: no header at all came twice.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    refuse_duplicates(headers)?;
    let twice = [HOST, CONTENT_LENGTH]
        .into_iter()
        .find(|name| headers.get_all(name).iter().nth(1).is_some());
    twice.map_or(Ok(()), |name| {
        Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "duplicate_header",
            "A header came more than once",
        )
        .detail(format!("Send {name} once.")))
    })
}

/// The bytes of all names and values.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers.iter().fold(0, |size, (name, value)| {
        size.saturating_add(name.as_str().len())
            .saturating_add(value.len())
    })
}

fn host(uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
    match uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => headers.get(HOST).cloned(),
    }
}

/// Whether a client's header is passed on as it is.
fn passes(name: &HeaderName) -> bool {
    let name = name.as_str();
    let taken = match name.as_bytes().first() {
        Some(b'x') => {
            name.starts_with("x-user")
                || SPOKEN_FOR.iter().any(|prefix| name.starts_with(prefix))
                || matches!(name, "x-real-ip" | "x-request-id" | "x-method-override")
        }
        // The gateway's connections have their own host; it tells the client's in X-Forwarded-Host. It asks for a body
        // itself when it reads it.
        _ => matches!(
            name,
            "forwarded"
                | "remote-user"
                | "cf-connecting-ip"
                | "true-client-ip"
                | "host"
                | "expect"
                | "traceparent"
        ),
    };
    // Many frameworks take an underscore for a hyphen.
    !taken && !is_hop_by_hop(name) && !name.contains('_')
}

/// RFC 9110, section 7.6.1, and what was in use before it.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    ) || name.starts_with("proxy-")
}

/// The headers that `Connection` says are for this hop only.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| {
            !name.eq_ignore_ascii_case("keep-alive") && !name.eq_ignore_ascii_case("close")
        })
        .filter_map(|name| HeaderName::try_from(name).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identifies_a_caller_or_is_for_one_hop_does_not_pass() {
        for name in [
            "x-user-id",
            "x-user",
            "x-roles",
            "x-role",
            "x-scopes",
            "x-auth-request-user",
            "x-authenticated-userid",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-user",
            "forwarded",
            "x-real-ip",
            "x-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x-method-override",
            "remote-user",
            "x_user_id",
            "user_id",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "proxy-authorization",
            "proxy-connection",
            "http2-settings",
            "expect",
            "host",
            "x-request-id",
            "traceparent",
            "x-customer-id",
            "x-internal-call",
        ] {
            assert!(!passes(&HeaderName::from_static(name)), "{name}");
        }
        for name in [
            "authorization",
            "accept",
            "accept-encoding",
            "content-type",
            "content-length",
            "cookie",
            "etag",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "last-event-id",
            "prefer",
            "range",
            "tracestate",
            "user-agent",
            "x-custom",
            "x-requested-with",
        ] {
            assert!(passes(&HeaderName::from_static(name)), "{name}");
        }
    }
}
