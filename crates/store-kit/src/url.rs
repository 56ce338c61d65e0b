//! Which engine a `STORE_URL` names.

/// The engines of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// `sqlite:///absolute/path.db`
    Sqlite,
    /// `postgres://…` or `postgresql://…`
    Postgres,
    /// `mongodb://…` or `mongodb+srv://…`
    MongoDb,
}

/// Why a URL names no store that the service has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedUrl {
    /// Another kind of store.
    #[error(
        "STORE_URL has the scheme `{scheme}`, which this service does not support; use {known}"
    )]
    Scheme {
        /// What stands before `://`; never the rest, which may hold a password.
        scheme: String,
        /// What it supports.
        known: String,
    },
    /// A file without a path.
    #[error("STORE_URL names no absolute path; write it as sqlite:///absolute/path.db")]
    Path,
    /// No scheme.
    #[error("STORE_URL is not a URL; use {known}")]
    NoUrl {
        /// What the service supports.
        known: String,
    },
}

impl StoreKind {
    /// The engine that a URL names, out of those that a service has.
    pub fn of(url: &str, known: &[Self]) -> Result<Self, UnsupportedUrl> {
        let examples = || {
            let examples: Vec<_> = known.iter().map(|kind| kind.example()).collect();
            examples.join(" or ")
        };
        let Some((scheme, _)) = url.split_once("://") else {
            return Err(UnsupportedUrl::NoUrl { known: examples() });
        };
        let kind = match scheme {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mongodb" | "mongodb+srv" => Some(Self::MongoDb),
            _ => None,
        };
        kind.filter(|kind| known.contains(kind))
            .ok_or_else(|| UnsupportedUrl::Scheme {
                scheme: scheme.to_owned(),
                known: examples(),
            })
    }

    fn example(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite:///absolute/path.db",
            Self::Postgres => "postgres://user@host/database",
            Self::MongoDb => "mongodb://user@host/database?replicaSet=name",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[StoreKind] = &[StoreKind::Sqlite, StoreKind::Postgres];

    #[test]
    fn the_scheme_names_the_engine() {
        for (url, kind) in [
            ("sqlite:///d/order.db", StoreKind::Sqlite),
            ("postgres://order@db/order", StoreKind::Postgres),
            ("postgresql://order@db/order", StoreKind::Postgres),
        ] {
            assert_eq!(StoreKind::of(url, KNOWN), Ok(kind), "{url}");
        }
    }

    #[test]
    fn another_scheme_is_named_and_the_rest_of_the_url_is_not_shown() {
        let error = StoreKind::of("mongodb://scott:tiger@db", KNOWN).unwrap_err();
        assert_eq!(
            error.to_string(),
            "STORE_URL has the scheme `mongodb`, which this service does not support; use sqlite:///absolute/path.db or \
             postgres://user@host/database"
        );
        assert_eq!(
            StoreKind::of("order.db", KNOWN).unwrap_err().to_string(),
            "STORE_URL is not a URL; use sqlite:///absolute/path.db or postgres://user@host/database"
        );
    }
}
