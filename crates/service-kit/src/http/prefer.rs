//! `Prefer: wait=N` (RFC 7240).

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;

use crate::http::Problem;

/// How long the client would rather wait for a better answer: at most ten seconds; none if it did not say. What cannot be
/// understood is ignored, as the standard wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreferWait(pub Option<Duration>);

/// The longest wait that is honoured.
const LONGEST: Duration = Duration::from_secs(10);

impl<S: Send + Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let values = parts.headers.get_all(HeaderName::from_static("prefer"));
        let wait = values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(|preference| {
                let (name, value) = preference.split_once('=')?;
                let seconds: u64 = value.trim().trim_matches('"').parse().ok()?;
                name.trim()
                    .eq_ignore_ascii_case("wait")
                    .then(|| Duration::from_secs(seconds).min(LONGEST))
            });
        Ok(Self(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(value: &str) -> Option<Duration> {
        let (mut parts, ()) = http::Request::builder()
            .header("prefer", value)
            .body(())
            .unwrap()
            .into_parts();
        PreferWait::from_request_parts(&mut parts, &())
            .await
            .unwrap()
            .0
    }

    #[tokio::test]
    async fn a_wait_is_read_capped_and_otherwise_ignored() {
        assert_eq!(wait("wait=5").await, Some(Duration::from_secs(5)));
        assert_eq!(
            wait("respond-async, Wait=\"3\"").await,
            Some(Duration::from_secs(3))
        );
        assert_eq!(wait("wait=3600").await, Some(LONGEST));
        assert_eq!(wait("wait=soon").await, None);
        assert_eq!(wait("return=minimal").await, None);
    }
}
