//! `X-Request-Id`: finds one request in the logs of every service it passed.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request; in its extensions, its span, its reply and its problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The client's id if it is one valid value, else a new one. An invalid id is replaced, not refused: it is no reason
    /// to fail an order.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(HEADER).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if valid(value.as_bytes()) => Self(value.clone()),
            _ => Self::new(),
        }
    }

    /// A new id.
    #[must_use]
    pub fn new() -> Self {
        let mut buffer = [0; uuid::fmt::Simple::LENGTH];
        let text = uuid::Uuid::new_v4().simple().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// As a header value.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

fn valid(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_id_is_kept_and_any_other_replaced() {
        let of = |value: &'static str| {
            RequestId::of(&HeaderMap::from_iter([(
                HEADER,
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(of("client-7.a_B").as_str(), "client-7.a_B");
        for value in ["", "a b", "a\"b", "<script>"] {
            assert_eq!(of(value).as_str().len(), 32, "{value} is replaced");
        }
    }
}
