//! `STORE_URL` of an embedded store.

use std::path::PathBuf;

/// Why a URL names no store of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedUrl {
    /// Another kind of store.
    #[error(
        "STORE_URL has the scheme `{scheme}`, which this build does not support; use sqlite:///absolute/path.db"
    )]
    Scheme {
        /// What stands before `://`; never the rest, which may hold a password.
        scheme: String,
    },
    /// No path.
    #[error("STORE_URL names no absolute path; write it as sqlite:///absolute/path.db")]
    Path,
}

/// The file that `sqlite:///absolute/path.db` names.
pub fn path_of(url: &str) -> Result<PathBuf, UnsupportedUrl> {
    let Some((scheme, path)) = url.split_once("://") else {
        return Err(UnsupportedUrl::Path);
    };
    if scheme != "sqlite" {
        return Err(UnsupportedUrl::Scheme {
            scheme: scheme.to_owned(),
        });
    }
    if path.len() < 2 || !path.starts_with('/') {
        return Err(UnsupportedUrl::Path);
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_url_names_its_file() {
        assert_eq!(
            path_of("sqlite:///data/order.db"),
            Ok(PathBuf::from("/data/order.db"))
        );
    }

    #[test]
    fn another_scheme_is_named_and_the_rest_of_the_url_is_not_shown() {
        let error = path_of("oracle://scott:tiger@db").unwrap_err();
        assert_eq!(
            error.to_string(),
            "STORE_URL has the scheme `oracle`, which this build does not support; use sqlite:///absolute/path.db"
        );
        for text in ["", "order.db", "sqlite://order.db", "sqlite:///"] {
            assert_eq!(path_of(text), Err(UnsupportedUrl::Path), "{text}");
        }
    }
}
