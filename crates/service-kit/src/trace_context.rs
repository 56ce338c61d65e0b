//! W3C Trace Context: the `traceparent` of the work that is going on, over HTTP and over the broker.

use std::future::Future;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header, and the message attribute.
pub const HEADER: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: String;
}

/// Continues the caller's trace, or starts one: a new span id under its trace id.
#[must_use]
pub fn continue_from(headers: &HeaderMap) -> String {
    next(sent(headers).and_then(parse).as_ref())
}

/// Makes the span of a request or of a message a part of the sender's trace and gives the `traceparent` of what is done
/// inside it: the span's own if traces are exported, so that the pieces fit together, else a made-up one.
#[must_use]
pub fn enter(span: &tracing::Span, sent: Option<&str>) -> String {
    let parent = sent.and_then(parse);
    if let Some(parent) = &parent {
        let context = opentelemetry::Context::new().with_remote_span_context(parent.clone());
        // Fails if traces are not exported: there is nothing to connect then.
        let _ = span.set_parent(context);
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    if own.is_valid() {
        return text(own.trace_id(), own.span_id(), own.trace_flags());
    }
    next(parent.as_ref())
}

/// The `traceparent` that the caller sent, as it was sent.
#[must_use]
pub fn sent(headers: &HeaderMap) -> Option<&str> {
    headers.get(HEADER).and_then(|value| value.to_str().ok())
}

/// The `traceparent` of the work that is going on; none outside of a request or a message.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs work under a `traceparent`.
pub async fn scope<F: Future>(traceparent: String, work: F) -> F::Output {
    CURRENT.scope(traceparent, work).await
}

/// The header that continues the current trace at another service.
#[must_use]
pub fn header() -> Option<HeaderValue> {
    current_traceparent().and_then(|text| HeaderValue::from_str(&text).ok())
}

fn next(parent: Option<&SpanContext>) -> String {
    let random = uuid::Uuid::new_v4().as_u128();
    let (trace, flags) = match parent {
        Some(parent) => (parent.trace_id(), parent.trace_flags()),
        None => (
            TraceId::from(uuid::Uuid::new_v4().as_u128()),
            TraceFlags::SAMPLED,
        ),
    };
    let span = SpanId::from(u64::try_from(random >> 64).unwrap_or(1) ^ 1);
    text(trace, span, flags)
}

fn text(trace: TraceId, span: SpanId, flags: TraceFlags) -> String {
    format!("00-{trace}-{span}-{flags:02x}")
}

/// Reads version 00, as section 3.2 of the recommendation has it.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let well_formed = version == "00"
        && parts.next().is_none()
        && lower_hex(trace, 32)
        && lower_hex(span, 16)
        && lower_hex(flags, 2);
    if !well_formed {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_is_continued_under_a_new_span() {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_static(PARENT))]);
        let next = continue_from(&headers);
        assert_eq!(next.len(), PARENT.len());
        assert!(
            next.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{next}"
        );
        assert!(next.ends_with("-01") && next != PARENT, "{next}");
        assert!(parse(&next).is_some());
    }

    #[test]
    fn a_malformed_parent_starts_a_new_trace() {
        for text in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "junk",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse(&next(None)).is_some());
    }

    #[tokio::test]
    async fn the_current_trace_is_known_inside_its_scope_only() {
        assert_eq!(current_traceparent(), None);
        let inside = scope(PARENT.to_owned(), async { current_traceparent() }).await;
        assert_eq!(inside, Some(PARENT.to_owned()));
    }
}
