//! What each process is told by its environment, and nothing else: the settings of the machine that runs the tests must not
//! leak into it.

use std::net::SocketAddr;

use super::Service;
use super::folder::{ADMIN_PASSWORD, Folder, MAIL, SIGNING_KEY};

/// The e-mail address of the administrator.
pub(super) const ADMIN_EMAIL: &str = "admin@shop.example";
/// Milliseconds that a replica which is asked to end goes on taking connections: the load balancer must have noticed by then.
const DELAY_MS: &str = "500";

/// The addresses that one process talks to, through proxies or not.
#[derive(Default)]
pub(super) struct Neighbours {
    pub(super) store: Option<String>,
    pub(super) broker: Option<String>,
    /// `host:port` of the load balancers, or of what is in front of them.
    pub(super) upstreams: Vec<(Service, String)>,
    /// `host:port` of the user service, for its keys.
    pub(super) user: String,
    /// `host:port` of the user service, for its address books.
    pub(super) address_books: String,
    /// The mail server.
    pub(super) mail: Option<SocketAddr>,
}

pub(super) fn of(
    service: Service,
    neighbours: &Neighbours,
    folder: &Folder,
    settings: &[(Service, String, String)],
) -> Vec<(String, String)> {
    let mut all = vec![
        variable("PATH", "/usr/bin:/bin"),
        variable("RUST_BACKTRACE", "0"),
    ];
    all.extend(
        neighbours
            .store
            .iter()
            .map(|url| variable("STORE_URL", url)),
    );
    all.extend(
        neighbours
            .broker
            .iter()
            .map(|url| variable("BROKER_URL", url)),
    );
    let jwks = format!("http://{}/.well-known/jwks.json", neighbours.user);
    if service != Service::User {
        all.push(variable("SHOP__AUTH__JWKS", &jwks));
    }
    all.push(variable("SHOP__SHUTDOWN__DELAY_MS", DELAY_MS));
    match service {
        Service::Gateway => all.extend(gateway(neighbours)),
        Service::User => all.extend(user(folder)),
        Service::Order => {
            let url = format!("http://{}", neighbours.address_books);
            all.push(variable("SHOP__USER_SERVICE__URL", &url));
        }
        Service::Notification => all.extend(notification(neighbours, folder)),
        Service::Product => {}
    }
    let own = settings.iter().filter(|(of, _, _)| *of == service);
    all.extend(own.map(|(_, key, value)| variable(&format!("SHOP__{key}"), value)));
    all
}

fn gateway(neighbours: &Neighbours) -> Vec<(String, String)> {
    let mut all = vec![variable("SHOP__RATE_LIMIT__ENABLED", "false")];
    for (service, address) in &neighbours.upstreams {
        let name = service.as_str().to_uppercase();
        let url = format!("http://{address}");
        all.push(variable(&format!("SHOP__UPSTREAMS__{name}__URL"), &url));
        // Replicas come and go; their load balancer watches them.
        all.push(variable(&format!("SHOP__UPSTREAMS__{name}__ADMIN_URL"), ""));
    }
    all
}

/// The folder is used only if a test takes the mail server away again, by an empty `SMTP__HOST`.
fn notification(neighbours: &Neighbours, folder: &Folder) -> Vec<(String, String)> {
    let mut all = vec![variable("SHOP__MAILDIR", &folder.file(MAIL))];
    if let Some(address) = neighbours.mail {
        all.push(variable("SHOP__SMTP__HOST", &address.ip().to_string()));
        all.push(variable("SHOP__SMTP__PORT", &address.port().to_string()));
        all.push(variable("SHOP__SMTP__TLS", "none"));
    }
    all
}

fn user(folder: &Folder) -> Vec<(String, String)> {
    let mut all = vec![
        variable("SHOP__HTTP__TRUSTED_HOPS", "1"),
        variable("SHOP__KEYS__SIGNING_KEY", &folder.file(SIGNING_KEY)),
        variable("SHOP__BOOTSTRAP_ADMIN__EMAIL", ADMIN_EMAIL),
        variable(
            "SHOP__BOOTSTRAP_ADMIN__PASSWORD_FILE",
            &folder.file(ADMIN_PASSWORD),
        ),
    ];
    // All customers of a test come from one address.
    for limit in ["BY_ADDRESS", "BY_EMAIL_AND_ADDRESS", "BY_EMAIL"] {
        all.push(variable(
            &format!("SHOP__THROTTLE__{limit}__BURST"),
            "1000000",
        ));
    }
    all
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
