//! `/docs`: Swagger UI, from the binary, without anything from the internet.

use std::io::{Cursor, Read as _};
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use http::{HeaderMap, Response};
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use super::{Document, set};
use crate::body::Download;

/// Scripts and styles from here only. Swagger UI sets styles of elements and shows small pictures as data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// The page.
    Page,
    /// What starts the viewer.
    Start,
    /// The viewer's script.
    Script,
    /// The viewer's style.
    Style,
    /// The viewer's icon.
    Icon,
}

/// The file at a path.
pub(super) fn file(path: &str) -> Option<File> {
    Some(match path {
        "/docs" | "/docs/" => File::Page,
        "/docs/start.js" => File::Start,
        "/docs/swagger-ui-bundle.js" => File::Script,
        "/docs/swagger-ui.css" => File::Style,
        "/docs/favicon-32x32.png" => File::Icon,
        _ => return None,
    })
}

/// The file for a request with these headers.
pub(super) fn reply(file: File, headers: &HeaderMap) -> Response<Download> {
    let mut response = file.document().reply(headers, "no-cache");
    set(&mut response, CONTENT_SECURITY_POLICY, POLICY);
    response
}

impl File {
    /// Its text, unpacked when it is asked for first.
    fn document(self) -> &'static Document {
        static PAGE: OnceLock<Document> = OnceLock::new();
        static START: OnceLock<Document> = OnceLock::new();
        static SCRIPT: OnceLock<Document> = OnceLock::new();
        static STYLE: OnceLock<Document> = OnceLock::new();
        static ICON: OnceLock<Document> = OnceLock::new();
        let (place, content_type) = match self {
            Self::Page => (&PAGE, "text/html; charset=utf-8"),
            Self::Start => (&START, "text/javascript; charset=utf-8"),
            Self::Script => (&SCRIPT, "text/javascript; charset=utf-8"),
            Self::Style => (&STYLE, "text/css; charset=utf-8"),
            Self::Icon => (&ICON, "image/png"),
        };
        place.get_or_init(|| {
            let bytes = self.bytes();
            Document {
                tag: tag(&bytes),
                bytes,
                content_type,
            }
        })
    }

    fn bytes(self) -> Bytes {
        match self {
            Self::Page => Bytes::from_static(include_bytes!("docs/index.html")),
            Self::Start => Bytes::from_static(include_bytes!("docs/start.js")),
            Self::Script => vendored("swagger-ui-bundle.js"),
            Self::Style => vendored("swagger-ui.css"),
            Self::Icon => vendored("favicon-32x32.png"),
        }
    }
}

/// A file of the archive in the binary; a test proves that they are there.
fn vendored(name: &str) -> Bytes {
    match unpacked(name) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) => {
            tracing::error!(%error, name, "a file of /docs cannot be unpacked");
            Bytes::new()
        }
    }
}

fn unpacked(name: &str) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let end = format!("/dist/{name}");
    let is_it = |path: &str| path.ends_with(&end) && path.matches('/').count() == 2;
    let index = (0..archive.len())
        .find(|index| matches!(archive.name_for_index(*index), Some(Ok(path)) if is_it(&path)));
    let mut bytes = Vec::new();
    archive
        .by_index(index.ok_or(zip::result::ZipError::FileNotFound)?)?
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A tag made of the text.
pub(super) fn tag(bytes: &[u8]) -> HeaderValue {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let (half, _) = digest.split_at(16);
    let number = half
        .iter()
        .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    HeaderValue::try_from(format!("\"{number:032x}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_binary() {
        for file in [
            File::Page,
            File::Start,
            File::Script,
            File::Style,
            File::Icon,
        ] {
            assert!(file.document().bytes.len() > 100, "{file:?}");
        }
    }

    #[test]
    fn the_page_asks_for_nothing_that_is_not_here() {
        let page = String::from_utf8(File::Page.bytes().to_vec()).unwrap();
        let linked: Vec<_> = page
            .split(['"'])
            .filter(|text| text.starts_with('/') || text.contains("://"))
            .collect();
        assert_eq!(linked.len(), 4, "{linked:?}");
        for path in linked {
            assert!(file(path).is_some(), "{path}");
        }
    }
}
