//! What each service's user may do on the broker: its own work, and nothing of another's.

use std::collections::BTreeSet;

use contracts::EventType;
use contracts::topology::BINDINGS;
use serde::Serialize;

use super::topology::{EXCHANGE, owned};

/// The regular expressions that RabbitMQ compares names with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// Queues and exchanges that the user may make and delete.
    pub configure: String,
    /// Exchanges it may publish to, and queues it may bind. The default exchange is not among them: it reaches every
    /// queue.
    pub write: String,
    /// Queues it may take from, and exchanges it may bind to.
    pub read: String,
}

/// The regular expressions that RabbitMQ compares routing keys with, on the exchange of all events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicPermissions {
    /// The exchange.
    pub exchange: &'static str,
    /// Types it may publish.
    pub write: String,
    /// Types it may bind a queue of its own to.
    pub read: String,
}

/// What the user of a service may make, write to and read from.
#[must_use]
pub fn permissions(service: &str) -> Permissions {
    let (own, events) = (format!(r"{}\..+", escaped(service)), escaped(EXCHANGE));
    let used = format!("^({events}|{own})$");
    Permissions {
        // Not the exchange of all events: whoever may make it may delete it, and with it everybody's bindings.
        configure: format!("^({own})$"),
        write: used.clone(),
        read: used,
    }
}

/// Which events the user of a service may tell and hear.
#[must_use]
pub fn topic_permissions(service: &str) -> TopicPermissions {
    let told: BTreeSet<String> = EventType::ALL
        .iter()
        .filter(|event_type| event_type.producer().as_str() == service)
        .filter_map(|event_type| event_type.as_str().split('.').next())
        .map(|family| format!(r"{}\..+", escaped(family)))
        .collect();
    let heard: BTreeSet<String> = owned(service, BINDINGS)
        .iter()
        .flat_map(|binding| binding.types)
        .map(|event_type| escaped(event_type.as_str()))
        .collect();
    TopicPermissions {
        exchange: EXCHANGE,
        write: one_of(told),
        read: one_of(heard),
    }
}

/// The same for a service that this program does not know: it tells events of these families, and hears these types.
#[must_use]
pub fn extra_topic_permissions(families: &[String], heard: &[String]) -> TopicPermissions {
    let told = families.iter();
    let told = told.map(|family| format!(r"{}\..+", escaped(family)));
    TopicPermissions {
        exchange: EXCHANGE,
        write: one_of(told.collect()),
        read: one_of(heard.iter().map(|heard| escaped(heard)).collect()),
    }
}

/// Nothing at all matches no routing key but the empty one, which no event has.
fn one_of(patterns: BTreeSet<String>) -> String {
    let patterns: Vec<_> = patterns.into_iter().collect();
    format!("^({})$", patterns.join("|"))
}

fn escaped(name: &str) -> String {
    name.replace('.', r"\.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_its_own_queues_and_tells_its_own_events() {
        assert_eq!(
            permissions("order"),
            Permissions {
                configure: r"^(order\..+)$".to_owned(),
                write: r"^(shop\.events|order\..+)$".to_owned(),
                read: r"^(shop\.events|order\..+)$".to_owned(),
            }
        );
        assert_eq!(
            topic_permissions("product"),
            TopicPermissions {
                exchange: "shop.events",
                write: r"^(product\..+|stock\..+)$".to_owned(),
                read: r"^(order\.cancel_requested\.v1|order\.confirmed\.v1|order\.placed\.v1|order\.returned\.v1)$"
                    .to_owned(),
            }
        );
    }

    #[test]
    fn no_two_services_tell_events_of_the_same_family() {
        let services = ["user", "product", "order", "notification"];
        let families = services.map(|service| topic_permissions(service).write);
        for (index, family) in families.iter().enumerate() {
            let inner = family.trim_start_matches("^(").trim_end_matches(")$");
            for one in inner.split('|') {
                let owners = families.iter().filter(|other| {
                    other.contains(&format!("({one}")) || other.contains(&format!("|{one}"))
                });
                assert_eq!(owners.count(), 1, "{one} of {}", services[index]);
            }
        }
    }

    #[test]
    fn who_hears_nothing_may_bind_to_nothing() {
        assert_eq!(topic_permissions("stranger").read, "^()$");
    }
}
