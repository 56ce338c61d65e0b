//! `STORE_URL` of an embedded store.

use std::path::PathBuf;

use store_kit::{StoreKind, UnsupportedUrl};

/// The file that `sqlite:///absolute/path.db` names.
pub fn path_of(url: &str) -> Result<PathBuf, UnsupportedUrl> {
    StoreKind::of(url, &[StoreKind::Sqlite])?;
    let path = url.strip_prefix("sqlite://").unwrap_or_default();
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
    fn a_url_without_an_absolute_path_is_refused() {
        for text in ["sqlite://order.db", "sqlite:///"] {
            assert_eq!(path_of(text), Err(UnsupportedUrl::Path), "{text}");
        }
    }
}
