//! URLs of servers: what is the administrator's is taken out, what is a service's is put in.

use service_kit::settings::StoreSettings;

use crate::settings::Login;

/// The parts of a URL with an authority that may name several hosts.
struct Parts<'u> {
    scheme: &'u str,
    user: Option<&'u str>,
    hosts: &'u str,
    path: &'u str,
    query: Vec<&'u str>,
}

impl<'u> Parts<'u> {
    fn of(url: &'u str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        Self {
            scheme,
            user,
            hosts,
            path,
            query: query.split('&').filter(|pair| !pair.is_empty()).collect(),
        }
    }

    fn url(&self) -> String {
        let user = self.user.map(|user| format!("{user}@")).unwrap_or_default();
        let mark = if self.query.is_empty() { "" } else { "?" };
        let (scheme, hosts, path, query) =
            (self.scheme, self.hosts, self.path, self.query.join("&"));
        format!("{scheme}://{user}{hosts}/{path}{mark}{query}")
    }
}

/// Whether a URL says as whom to connect.
pub(crate) fn names_user(url: &str) -> bool {
    Parts::of(url).user.is_some()
}

/// The store that a user has on an administrator's server.
pub(crate) fn store_of(server: &StoreSettings, database: &str, login: &Login) -> StoreSettings {
    let mut parts = Parts::of(&server.url);
    parts.user = None;
    parts.path = database;
    // How the administrator signs in; a service's user is kept in its own database.
    parts.query.retain(|pair| !pair.starts_with("auth"));
    StoreSettings {
        url: parts.url(),
        username: login.name.clone(),
        password: login.password.clone(),
        ..server.clone()
    }
}

/// The administrator's server, with another database.
pub(crate) fn with_database(server: &StoreSettings, database: &str) -> StoreSettings {
    let mut parts = Parts::of(&server.url);
    parts.path = database;
    StoreSettings {
        url: parts.url(),
        ..server.clone()
    }
}

/// The administrator's server, with a database if it names none.
pub(crate) fn with_usual_database(server: &StoreSettings, database: &str) -> StoreSettings {
    if Parts::of(&server.url).path.is_empty() {
        with_database(server, database)
    } else {
        server.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> StoreSettings {
        StoreSettings {
            url: url.to_owned(),
            ..StoreSettings::default()
        }
    }

    #[test]
    fn a_service_gets_the_server_without_the_administrator() {
        let login = Login {
            name: "order".to_owned(),
            password: "p@ss".into(),
        };
        let urls = [
            "postgres://root:secret@db:5432/postgres?sslmode=require",
            "mongodb://root:secret@a:1,b:2/?replicaSet=rs0&authSource=admin",
            "mongodb://a:1",
        ];
        let stores = urls.map(|url| store_of(&at(url), "shop-order", &login));
        assert_eq!(
            stores.clone().map(|store| store.url),
            [
                "postgres://db:5432/shop-order?sslmode=require",
                "mongodb://a:1,b:2/shop-order?replicaSet=rs0",
                "mongodb://a:1/shop-order",
            ]
        );
        let [store, ..] = stores;
        assert_eq!(
            (store.username.as_str(), store.password.expose()),
            ("order", "p@ss")
        );
    }

    #[test]
    fn the_administrator_stays_in_a_url_with_another_database() {
        let admin = with_database(&at("postgres://root:secret@db/postgres"), "order");
        assert_eq!(admin.url, "postgres://root:secret@db/order");
        let admin = with_usual_database(&at("mongodb://root@db/?replicaSet=rs0"), "admin");
        assert_eq!(admin.url, "mongodb://root@db/admin?replicaSet=rs0");
        let admin = with_usual_database(&at("mongodb://root@db/users"), "admin");
        assert_eq!(admin.url, "mongodb://root@db/users");
    }
}
