//! Lists in pages: keyset cursors, opaque to clients.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::LINK;
use http::{HeaderValue, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::http::{Json, Problem};

/// How many items a page holds: 1 to 100, 20 if not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = u32, minimum = 1, maximum = 100, default = 20)]
pub struct Limit(u32);

impl Limit {
    /// The number of items.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// One more than the page holds: the extra item tells whether there is a next page.
    #[must_use]
    pub fn and_one(self) -> u32 {
        self.0 + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        match text.parse() {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(serde::de::Error::custom(
                "limit is a whole number from 1 to 100",
            )),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub data: Vec<T>,
    /// Send it as `cursor` to get the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `items`, which were asked for with [`Limit::and_one`], to a page; `position` gives what the next page starts
    /// after.
    #[must_use]
    pub fn cut<P: Serialize>(
        mut items: Vec<T>,
        limit: Limit,
        query: &str,
        position: impl FnOnce(&T) -> P,
    ) -> Self {
        let size = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let next_cursor = more
            .then(|| {
                items
                    .last()
                    .map(|last| encode_cursor(query, &position(last)))
            })
            .flatten();
        Self {
            data: items,
            next_cursor,
        }
    }

    /// The same page with other items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(convert).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

impl<T: Serialize> Page<T> {
    /// The reply, with `Link: rel="next"` made from the request's own address.
    #[must_use]
    pub fn reply(self, uri: &Uri) -> Response {
        let link = self.next_cursor.as_ref().map(|cursor| {
            let mut next: Vec<&str> = uri
                .query()
                .unwrap_or_default()
                .split('&')
                .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="))
                .collect();
            let cursor = format!("cursor={cursor}");
            next.push(&cursor);
            format!("<{}?{}>; rel=\"next\"", uri.path(), next.join("&"))
        });
        let mut response = Json(self).into_response();
        if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
            response.headers_mut().insert(LINK, value);
        }
        response
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    /// The query it belongs to.
    q: String,
    /// Where the next page starts after.
    p: P,
}

/// A short name of the query a cursor belongs to; filters and order are part of it, limit and cursor are not.
fn name_of(query: &str) -> String {
    let digest = Sha256::digest(query.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.get(..6).unwrap_or_default())
}

/// The cursor after `position` of a query. `query` is any text that differs for differing filters and orders.
#[must_use]
pub fn encode_cursor<P: Serialize>(query: &str, position: &P) -> String {
    let cursor = Cursor {
        q: name_of(query),
        p: position,
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

/// The position of a cursor: 400 `invalid_cursor` if it is damaged or belongs to another query.
pub fn decode_cursor<P: DeserializeOwned>(query: &str, cursor: &str) -> Result<P, Problem> {
    let decoded: Option<Cursor<P>> = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match decoded {
        Some(cursor) if cursor.q == name_of(query) => Ok(cursor.p),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "The cursor does not fit this query",
        )
        .detail("Start again without a cursor, or keep filters and order as they were.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position_in_its_own_query_only() {
        let cursor = encode_cursor("sort=price", &(1299_i64, "prd_1"));
        assert_eq!(
            decode_cursor::<(i64, String)>("sort=price", &cursor),
            Ok((1299, "prd_1".to_owned()))
        );
        for (query, cursor) in [
            ("sort=newest", cursor.as_str()),
            ("sort=price", "x"),
            ("sort=price", ""),
            ("sort=price", "e30"),
        ] {
            let problem = decode_cursor::<(i64, String)>(query, cursor).unwrap_err();
            assert_eq!(
                (problem.status().as_u16(), problem.code()),
                (400, "invalid_cursor")
            );
        }
    }

    #[test]
    fn the_last_page_has_no_cursor_and_the_others_link_to_the_next() {
        let limit = Limit(2);
        let page = Page::cut(vec![1, 2, 3], limit, "q", |last| *last);
        assert_eq!(page.data, [1, 2]);
        let cursor = page.next_cursor.clone().unwrap();
        assert_eq!(decode_cursor::<i32>("q", &cursor), Ok(2));
        let reply = page.reply(&Uri::from_static("/api/v1/x?limit=2&cursor=old&sort=a"));
        assert_eq!(
            reply.headers().get(LINK).unwrap().to_str().unwrap(),
            format!("</api/v1/x?limit=2&sort=a&cursor={cursor}>; rel=\"next\"")
        );
        assert_eq!(
            Page::cut(vec![1, 2], limit, "q", |last| *last).next_cursor,
            None
        );
    }
}
