//! Secrets that the operator makes, by their names: which generation one is of, who is given it, and what it opens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::names::{MIGRATE_SUFFIX, PLATFORM_LABEL, PROVISION};

const PASSWORDS: &str = "-credentials-";
const SIGNING_KEY: &str = "-signing-key-";

/// The generation that a Secret of this name was made with; none if it has nothing to do with generations. A signing key is made
/// one generation before it signs, so that it is known to all by then.
#[must_use]
pub fn generation_of(secret: &str) -> Option<u32> {
    if let Some((_, generation)) = secret.rsplit_once(PASSWORDS) {
        return generation.parse().ok();
    }
    let (_, generation) = secret.rsplit_once(SIGNING_KEY)?;
    generation.parse::<u32>().ok()?.checked_sub(1)
}

/// Whether a Secret of this name has passwords of a service.
pub(super) fn has_passwords(secret: &str) -> bool {
    secret.contains(PASSWORDS) && generation_of(secret).is_some()
}

/// What the names of the disks begin with that only this Secret opens: those of the server whose root it is.
#[must_use]
pub fn disks_opened_by(secret: &str) -> Option<String> {
    let server = secret.strip_suffix("-root")?;
    Some(format!("data-{server}-"))
}

/// The Secrets of generations that pods with these labels and this spec are given. Those of people are not among them, whatever
/// they are called.
#[must_use]
pub fn given_to(labels: Option<&BTreeMap<String, String>>, pod: &Value) -> BTreeSet<String> {
    let label = |name: &str| labels.and_then(|labels| labels.get(name));
    let (Some(platform), Some(component)) =
        (label(PLATFORM_LABEL), label("app.kubernetes.io/name"))
    else {
        return BTreeSet::new();
    };
    let keys = format!("{platform}{SIGNING_KEY}");
    let passwords = if component == PROVISION {
        format!("{platform}-")
    } else {
        let service = component.strip_suffix(MIGRATE_SUFFIX).unwrap_or(component);
        format!("{platform}-{service}{PASSWORDS}")
    };
    let is_made = |name: &&str| {
        (name.starts_with(&passwords) || name.starts_with(&keys)) && generation_of(name).is_some()
    };
    let names = of_volumes(pod).chain(of_variables(pod));
    names.filter(is_made).map(ToOwned::to_owned).collect()
}

fn of_volumes(pod: &Value) -> impl Iterator<Item = &str> {
    items(pod, "/volumes").flat_map(|volume| {
        let sources = items(volume, "/projected/sources");
        let projected = sources.filter_map(|source| text(source, "/secret/name"));
        text(volume, "/secret/secretName")
            .into_iter()
            .chain(projected)
    })
}

fn of_variables(pod: &Value) -> impl Iterator<Item = &str> {
    let containers = items(pod, "/initContainers").chain(items(pod, "/containers"));
    containers.flat_map(|container| {
        let single = items(container, "/env")
            .filter_map(|variable| text(variable, "/valueFrom/secretKeyRef/name"));
        let whole = items(container, "/envFrom").filter_map(|from| text(from, "/secretRef/name"));
        single.chain(whole)
    })
}

fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signing_key_is_made_one_generation_before_it_signs() {
        assert_eq!(generation_of("demo-order-credentials-2"), Some(2));
        assert_eq!(generation_of("demo-signing-key-3"), Some(2));
        assert_eq!(generation_of("demo-signing-key-1"), Some(0));
        for other in [
            "demo-administrator",
            "demo-mongodb-root",
            "a-credentials-",
            "demo-signing-key-0",
        ] {
            assert_eq!(generation_of(other), None, "{other}");
        }
    }

    #[test]
    fn secrets_of_people_are_of_no_generation_whatever_they_are_called() {
        let labels = BTreeMap::from([
            (PLATFORM_LABEL.to_owned(), "demo".to_owned()),
            ("app.kubernetes.io/name".to_owned(), "order".to_owned()),
        ]);
        let pod = json!({
            "volumes": [
                {"name": "secrets", "projected": {"sources": [
                    {"secret": {"name": "demo-order-credentials-2"}},
                    {"secret": {"name": "demo-signing-key-2"}},
                    {"configMap": {"name": "demo-order-credentials-3"}},
                ]}},
                {"name": "own", "secret": {"secretName": "their-credentials-7"}},
            ],
            "initContainers": [{"envFrom": [{"secretRef": {"name": "demo-user-credentials-9"}}]}],
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "demo-order-credentials-1"}}}]}],
        });
        let names: Vec<_> = given_to(Some(&labels), &pod).into_iter().collect();
        assert_eq!(
            names,
            [
                "demo-order-credentials-1",
                "demo-order-credentials-2",
                "demo-signing-key-2"
            ]
        );
        assert_eq!(given_to(None, &pod), BTreeSet::new());
    }
}
