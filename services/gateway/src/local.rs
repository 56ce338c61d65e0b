//! What the gateway answers itself.

mod docs;
pub(crate) mod health;
pub(crate) mod openapi;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use http::{HeaderMap, Response, StatusCode};

use self::health::ServicesHealth;
use self::openapi::Description;
use crate::body::Download;

/// The gateway's own pages.
pub(crate) struct Local {
    pub(crate) health: ServicesHealth,
    pub(crate) description: Description,
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) enum Page<'a> {
    /// `/`: where to look first.
    Root,
    /// `/healthz`.
    Health(&'a ServicesHealth),
    /// `/openapi.json`.
    Description(&'a Description),
    /// `/docs` and what it is made of.
    Docs(docs::File),
}

/// A text that changes seldom, with its tag.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
    pub(crate) content_type: &'static str,
}

impl Local {
    /// The page at a path, if it is one of the gateway's own.
    pub(crate) fn page(&self, path: &str) -> Option<Page<'_>> {
        match path {
            "/" => Some(Page::Root),
            "/healthz" => Some(Page::Health(&self.health)),
            "/openapi.json" => Some(Page::Description(&self.description)),
            _ => docs::file(path).map(Page::Docs),
        }
    }
}

impl Page<'_> {
    /// The page for a request with these headers.
    pub(crate) fn reply(self, headers: &HeaderMap) -> Response<Download> {
        match self {
            Self::Root => redirect("/docs"),
            Self::Health(health) => health.reply(),
            Self::Description(description) => description.current().reply(headers, "no-cache"),
            Self::Docs(file) => docs::reply(file, headers),
        }
    }
}

impl Document {
    /// The text, or 304 if the client has it.
    pub(crate) fn reply(&self, headers: &HeaderMap, cache: &'static str) -> Response<Download> {
        let has = headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
            tags.as_bytes()
                .windows(self.tag.len())
                .any(|tag| tag == self.tag.as_bytes())
        });
        let mut response = Response::new(Download::own(if has {
            Bytes::new()
        } else {
            self.bytes.clone()
        }));
        if has {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let reply = response.headers_mut();
        reply.insert(ETAG, self.tag.clone());
        reply.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        reply.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        response
    }
}

fn redirect(to: &'static str) -> Response<Download> {
    let mut response = Response::new(Download::own(""));
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    set(&mut response, LOCATION, to);
    response
}

fn set(response: &mut Response<Download>, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
