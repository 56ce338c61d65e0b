//! Filters by attributes: query parameters whose names begin with `attr.`, beside the ones an endpoint knows.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use service_kit::http::{Problem, Query};

/// What such a parameter's name begins with.
const PREFIX: &str = "attr.";
/// The most attributes one list is filtered by: bounds what a request may cost.
const MOST: usize = 8;

/// The attributes to filter by, and the other parameters.
pub(super) struct AttributesAnd<T> {
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) query: T,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for AttributesAnd<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let whole = parts.uri.clone();
        let pairs = whole.query().unwrap_or_default().split('&');
        let (attributes, others): (Vec<&str>, Vec<&str>) =
            pairs.partition(|pair| pair.starts_with(PREFIX));
        let attributes = decoded(&with_query(&whole, &attributes)?)?;
        parts.uri = with_query(&whole, &others)?;
        let query = Query::<T>::from_request_parts(parts, state).await;
        parts.uri = whole;
        let Query(query) = query?;
        Ok(Self { attributes, query })
    }
}

fn decoded(uri: &Uri) -> Result<BTreeMap<String, String>, Problem> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    let axum::extract::Query(pairs) = pairs.map_err(|error| invalid(error.to_string()))?;
    if pairs.len() > MOST {
        return Err(invalid(format!("at most {MOST} attributes at a time")));
    }
    let mut attributes = BTreeMap::new();
    for (name, value) in pairs {
        let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
        if attributes.contains_key(&name) {
            return Err(invalid(format!("duplicate field `{PREFIX}{name}`")));
        }
        attributes.insert(name, value);
    }
    Ok(attributes)
}

fn with_query(uri: &Uri, pairs: &[&str]) -> Result<Uri, Problem> {
    let text = format!("{}?{}", uri.path(), pairs.join("&"));
    PathAndQuery::try_from(text)
        .map(Uri::from)
        .map_err(|error| invalid(error.to_string()))
}

fn invalid(detail: String) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_query",
        "The query has an invalid parameter",
    )
    .detail(detail)
}
