//! What the spec points to.

use std::collections::BTreeSet;

use crate::resource::{EnvVar, ShopPlatformSpec};

/// The names of all Secrets that the spec points to and that have to be there. Passwords of registries are not among them: a pod
/// starts without, if its image is there or needs none.
#[must_use]
pub fn secrets_of(spec: &ShopPlatformSpec) -> BTreeSet<String> {
    let external = [
        &spec.mongodb.external,
        &spec.postgres.external,
        &spec.rabbitmq.external,
    ];
    let external = external
        .into_iter()
        .flatten()
        .map(|external| &external.secret_ref.name);
    let certificate = spec
        .gateway
        .expose
        .tls
        .iter()
        .filter_map(|tls| tls.secret_name.as_ref());
    let mail = spec
        .notifications
        .email
        .iter()
        .map(|email| &email.smtp_url_secret_ref.name);
    let administrator = spec
        .administrator
        .password_secret_ref
        .iter()
        .map(|password| &password.name);
    let variables = variables_of(spec)
        .filter_map(|variable| variable.secret_key_ref.as_ref())
        .map(|secret| &secret.name);
    external
        .chain(certificate)
        .chain(mail)
        .chain(administrator)
        .chain(variables)
        .cloned()
        .collect()
}

/// The variables of all workloads.
pub fn variables_of(spec: &ShopPlatformSpec) -> impl Iterator<Item = &EnvVar> {
    let services = &spec.services;
    let core = [
        &services.user,
        &services.product,
        &services.order,
        &services.notification,
    ];
    let core = core.into_iter().flat_map(|service| &service.env);
    let extra = services.extra.iter().flat_map(|extra| &extra.env);
    spec.gateway.env.iter().chain(core).chain(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_that_has_to_be_there_is_named_once() {
        let from = |secret: &str| serde_json::json!([{"name": "A", "secretKeyRef": {"name": secret, "key": "k"}}]);
        let spec = serde_json::from_value(serde_json::json!({
            "images": {"pullSecrets": [{"name": "registry"}]},
            "gateway": {
                "env": from("gateway"),
                "expose": {"type": "Ingress", "host": "shop.example", "tls": {"secretName": "certificate"}},
            },
            "services": {
                "user": {"env": from("user")},
                "product": {"env": from("product")},
                "order": {"env": from("order")},
                "notification": {"env": from("user")},
                "extra": [{"name": "reviews", "image": "reviews:1", "port": 80, "env": from("reviews")}],
            },
            "mongodb": {"mode": "External", "external": {"secretRef": {"name": "mongodb"}}},
            "postgres": {"mode": "External", "external": {"secretRef": {"name": "postgres"}}},
            "rabbitmq": {"mode": "External", "external": {"secretRef": {"name": "rabbitmq"}}},
            "notifications": {"email": {"smtpUrlSecretRef": {"name": "mail", "key": "url"}, "from": "a@b"}},
            "administrator": {"passwordSecretRef": {"name": "administrator", "key": "password"}},
        }));
        let names: Vec<_> = secrets_of(&spec.unwrap()).into_iter().collect();
        assert_eq!(
            names,
            [
                "administrator",
                "certificate",
                "gateway",
                "mail",
                "mongodb",
                "order",
                "postgres",
                "product",
                "rabbitmq",
                "reviews",
                "user"
            ]
        );
        assert_eq!(secrets_of(&ShopPlatformSpec::default()), BTreeSet::new());
    }
}
