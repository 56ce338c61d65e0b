use super::*;
use crate::validate::Reason;

/// Everything that is found wrong with a spec.
#[expect(
    clippy::needless_pass_by_value,
    reason = "specs are written where they are given"
)]
fn assert_refused<const N: usize>(spec: Value, found: &Found, expected: [(Reason, &str); N]) {
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(reason, message)| Invalid {
            reason,
            message: message.to_owned(),
        })
        .collect();
    assert_eq!(refuse(spec.clone(), found), expected, "{spec}");
}

#[test]
fn another_version_is_refused_with_the_supported_range() {
    for version in ["0.0.9", "0.3.1", "1.0.0", "next"] {
        let message = format!(
            "version is {version}, and this operator runs 0.1.0 to 0.3.0: write one of these, or install another operator"
        );
        let expected = [(Reason::VersionNotSupported, message.as_str())];
        assert_refused(json!({"version": version}), &Found::default(), expected);
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    assert_refused(
        json!({
            "version": "9.9.9",
            "gateway": {"expose": {"type": "HTTPRoute"}, "replicas": 1, "autoscaling": {"maxReplicas": 2}},
            "payments": {"provider": "Stripe"},
        }),
        &Found::default(),
        [
            (
                Reason::VersionNotSupported,
                "version is 9.9.9, and this operator runs 0.1.0 to 0.3.0: write one of these, or install another operator",
            ),
            (
                Reason::ApiMissing,
                "gateway.expose.type is HTTPRoute, but this cluster has no HTTPRoute of gateway.networking.k8s.io/v1: \
                 install the Gateway API, or choose another type",
            ),
            (
                Reason::SpecInvalid,
                "gateway.expose: type HTTPRoute needs gatewayRef: the Gateway that it is attached to",
            ),
            (
                Reason::SpecInvalid,
                "gateway has replicas and autoscaling: remove one of them",
            ),
            (
                Reason::NotImplemented,
                "payments: this version takes no payments, an order goes on without: write provider: Manual and no secretRef",
            ),
        ],
    );
}

#[test]
fn what_this_version_does_not_have_is_refused() {
    let payments = "payments: this version takes no payments, an order goes on without: write provider: Manual and no secretRef";
    for (spec, message) in [
        (
            json!({"notifications": {"sms": {"urlSecretRef": {"name": "sms", "key": "url"}}}}),
            "notifications.sms: this version sends no short messages: remove it",
        ),
        (json!({"payments": {"provider": "Sandbox"}}), payments),
        (
            json!({"payments": {"secretRef": {"name": "stripe"}}}),
            payments,
        ),
        (
            json!({"backup": {"schedule": "0 3 * * *"}}),
            "backup: this version makes no copies: remove it, and use the tools of the databases or snapshots of their disks",
        ),
    ] {
        assert_refused(spec, &Found::default(), [(Reason::NotImplemented, message)]);
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_with_its_field() {
    let spec = json!({
        "gateway": {"expose": {"type": "Ingress", "host": "a", "tls": {"secretName": "certificate"}}},
        "services": {"order": {"env": [{"name": "WORD", "secretKeyRef": {"name": "own", "key": "word"}}]}},
        "postgres": {"mode": "External", "external": {"secretRef": {"name": "db"}}},
        "notifications": {"email": {"smtpUrlSecretRef": {"name": "mail", "key": "url"}, "from": "a@b"}},
        "administrator": {"passwordSecretRef": {"name": "boss", "key": "password"}},
    });
    let message = |field: &str, name: &str| {
        format!(
            "{field}: there is no Secret `{name}` in the namespace `shop`: create it, or name another one"
        )
    };
    let expected = [
        message("gateway.expose.tls.secretName", "certificate"),
        message("services.order.env[WORD].secretKeyRef", "own"),
        message("postgres.external.secretRef", "db"),
        message("notifications.email.smtpUrlSecretRef", "mail"),
        message("administrator.passwordSecretRef", "boss"),
    ];
    let expected = expected
        .each_ref()
        .map(|message| (Reason::SecretMissing, message.as_str()));
    assert_refused(spec.clone(), &Found::default(), expected);

    let empty = found([
        ("certificate", &[]),
        ("own", &[]),
        ("db", &[]),
        ("mail", &[]),
        ("boss", &[]),
    ]);
    assert_refused(
        spec,
        &empty,
        [
            "gateway.expose.tls.secretName: the Secret `certificate` has no key `tls.crt`: name one of type kubernetes.io/tls",
            "gateway.expose.tls.secretName: the Secret `certificate` has no key `tls.key`: name one of type kubernetes.io/tls",
            "services.order.env[WORD].secretKeyRef: the Secret `own` has no key `word`: add it, or name another one",
            "postgres.external.secretRef: the Secret `db` has no key `uri`: add it, or `notification.uri` and `order.uri`",
            "notifications.email.smtpUrlSecretRef: the Secret `mail` has no key `url`: add it, or name another one",
            "administrator.passwordSecretRef: the Secret `boss` has no key `password`: add it, or name another one",
        ]
        .map(|message| (Reason::SecretKeyMissing, message)),
    );
}

#[test]
fn a_secret_of_a_server_must_say_where_it_is() {
    let external = |server: &str| json!({server: {"mode": "External", "external": {"secretRef": {"name": "s"}}}});
    for (server, data, reason, message) in [
        (
            "rabbitmq",
            &[
                ("user.uri", "amqp://a"),
                ("order.uri", "amqp://a"),
                ("product.uri", "amqp://a"),
            ][..],
            Reason::SecretKeyMissing,
            "rabbitmq.external.secretRef: the Secret `s` has no key `uri`: add it, or `notification.uri`",
        ),
        (
            "rabbitmq",
            &[("uri", "amqp://a"), ("adminUri", "amqp://root@a")],
            Reason::SecretKeyMissing,
            "rabbitmq.external.secretRef: the Secret `s` has `adminUri` and no key `managementUri`: add it, such as \
             http://rabbitmq:15672, for users are made there; or remove `adminUri`",
        ),
        (
            "mongodb",
            &[("uri", "postgres://db")],
            Reason::SecretInvalid,
            "mongodb.external.secretRef: the key `uri` of the Secret `s` cannot be used, its scheme is postgres: \
             write a URI such as mongodb://user:password@host",
        ),
        (
            "postgres",
            &[("uri", "db:5432")],
            Reason::SecretInvalid,
            "postgres.external.secretRef: the key `uri` of the Secret `s` cannot be used, it does not begin with a scheme \
             such as postgres://: write a URI such as postgres://user:password@host",
        ),
        (
            "postgres",
            &[
                ("order.uri", "postgres://o@db/"),
                ("notification.uri", "postgres://n@db/notes"),
            ],
            Reason::SecretInvalid,
            "postgres.external.secretRef: the key `order.uri` of the Secret `s` names no database: add it after a slash",
        ),
    ] {
        assert_refused(external(server), &found([("s", data)]), [(reason, message)]);
    }
    let mail = json!({"notifications": {"email": {"smtpUrlSecretRef": {"name": "s", "key": "url"}, "from": "a@b"}}});
    assert_refused(
        mail,
        &found([("s", &[("url", "smtp://a,b")])]),
        [(
            Reason::SecretInvalid,
            "notifications.email.smtpUrlSecretRef: the key `url` of the Secret `s` names several hosts: write one",
        )],
    );
}

#[test]
fn what_an_extra_service_needs_is_asked_of_the_secret_too() {
    let extra = json!([{"name": "reviews", "image": "r", "port": 1, "needs": ["postgres"]}]);
    assert_refused(
        json!({
            "services": {"extra": extra},
            "postgres": {"mode": "External", "external": {"secretRef": {"name": "s"}}},
        }),
        &found([(
            "s",
            &[
                ("order.uri", "postgres://o@db/o"),
                ("notification.uri", "postgres://n@db/n"),
            ],
        )]),
        [(
            Reason::SecretKeyMissing,
            "postgres.external.secretRef: the Secret `s` has no key `uri`: add it, or `reviews.uri`",
        )],
    );
}

#[test]
fn an_api_that_the_cluster_lacks_is_named() {
    for (spec, message) in [
        (
            json!({"gateway": {"expose": {"type": "HTTPRoute", "gatewayRef": {"name": "g"}}}}),
            "gateway.expose.type is HTTPRoute, but this cluster has no HTTPRoute of gateway.networking.k8s.io/v1: \
             install the Gateway API, or choose another type",
        ),
        (
            json!({"postgres": {"mode": "CloudNativePG"}}),
            "postgres.mode is CloudNativePG, but this cluster has no Cluster of postgresql.cnpg.io/v1: \
             install CloudNativePG; the mode of a platform cannot be changed",
        ),
        (
            json!({"monitoring": {"serviceMonitors": "Enabled"}}),
            "monitoring.serviceMonitors is Enabled, but this cluster has no ServiceMonitor of monitoring.coreos.com/v1: \
             install the Prometheus operator, or write Auto",
        ),
    ] {
        assert_refused(spec, &Found::default(), [(Reason::ApiMissing, message)]);
    }
}

#[test]
fn quantities_must_be_some() {
    let message = |field: &str, text: &str| {
        format!(
            "{field} is `{text}`: write a quantity above 0, such as 250m of processor time, 128Mi of memory or 10Gi of disk"
        )
    };
    for (spec, field, text) in [
        (
            json!({"services": {"user": {"resources": {"requests": {"cpu": "lots"}}}}}),
            "services.user.resources.requests.cpu",
            "lots",
        ),
        (
            json!({"rabbitmq": {"managed": {"resources": {"limits": {"memory": "-1Gi"}, "requests": {"memory": "1Gi"}}}}}),
            "rabbitmq.managed.resources.limits.memory",
            "-1Gi",
        ),
        (
            json!({"postgres": {"managed": {"storage": {"size": "0"}}}}),
            "postgres.managed.storage.size",
            "0",
        ),
    ] {
        let message = message(field, text);
        assert_refused(
            spec,
            &Found::default(),
            [(Reason::InvalidQuantity, message.as_str())],
        );
    }
    assert_refused(
        json!({"gateway": {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}}}}),
        &Found::default(),
        [(
            Reason::SpecInvalid,
            "gateway.resources: requests.memory is more than limits.memory: lower the one or raise the other",
        )],
    );
}

#[test]
fn routes_that_the_gateway_would_refuse_are_refused() {
    let route = |path: &str, methods: Value, mut route: Value| {
        route["path"] = json!(path);
        route["methods"] = methods;
        route
    };
    assert_refused(
        json!({
            "gateway": {"routes": [
                route("/a/{x}", json!(["GET"]), json!({"access": "Public", "upstream": "user"})),
                route("/a/{y}", json!(["HEAD", "POST"]), json!({"access": "Public", "upstream": "nobody"})),
                route("/b", json!(["GET"]), json!({"roles": ["boss"], "upstream": "user"})),
                route("/c", json!(["GET"]), json!({"scopes": ["catalog:all", "boss:read"], "upstream": "user"})),
                route("/d", json!(["GET"]), json!({"upstream": "user"})),
            ]},
            "services": {"extra": [{"name": "reviews", "image": "r", "port": 1, "routes": [
                route("/b", json!(["GET", "PUT"]), json!({"access": "SignedIn"})),
            ]}]},
        }),
        &Found::default(),
        [
            "gateway.routes[1].upstream is `nobody`: write one of notification, order, product, reviews, user",
            "gateway.routes[1]: /a/{y} is routed by gateway.routes[0] already, with one of its methods: remove one of them",
            "gateway.routes[2].roles has `boss`: write some of customer, support, catalog, admin",
            "gateway.routes[3].scopes has `catalog:all`: write some of customer, support, catalog, admin, each with :read or :write",
            "gateway.routes[3].scopes has `boss:read`: write some of customer, support, catalog, admin, each with :read or :write",
            "gateway.routes[4] needs one of access (Public or SignedIn), roles and scopes",
            "services.extra[reviews].routes[0]: /b is routed by gateway.routes[2] already, with one of its methods: \
             remove one of them",
        ]
        .map(|message| (Reason::SpecInvalid, message)),
    );
}

#[test]
fn every_family_of_events_has_one_teller() {
    let extra = |name: &str, tells: &[&str]| json!({"name": name, "image": "i", "port": 1, "needs": ["rabbitmq"], "tells": tells});
    assert_refused(
        json!({"services": {"extra": [
            extra("a", &["review", "stock"]),
            extra("b", &["review", "payment"]),
        ]}}),
        &Found::default(),
        [
            "services.extra[a].tells names `stock`, whose events are told by product: choose another word",
            "services.extra[b].tells names `review`, whose events are told by a: choose another word",
            "services.extra[b].tells names `payment`, whose events are told by order: choose another word",
        ]
        .map(|message| (Reason::SpecInvalid, message)),
    );
}

#[test]
fn what_the_schema_refuses_is_refused_if_it_was_stored_before() {
    for (spec, message) in [
        (
            json!({"gateway": {"expose": {"type": "Ingress"}}}),
            "gateway.expose: type Ingress needs host: the name that the shop is reached by",
        ),
        (
            json!({"gateway": {"expose": {"type": "Ingress", "host": "a", "tls": {}}}}),
            "gateway.expose.tls needs either secretName or issuerRef, not both",
        ),
        (
            json!({"services": {"user": {"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}}}),
            "services.user.autoscaling: minReplicas 3 is more than maxReplicas 2: lower the one or raise the other",
        ),
        (
            json!({"services": {"user": {"env": [{"name": "A"}]}}}),
            "services.user.env[A] needs either a value or a secretKeyRef",
        ),
        (
            json!({"mongodb": {"managed": {"members": 2}}}),
            "mongodb.managed.members is 2: write 1 or 3",
        ),
        (
            json!({"postgres": {"managed": {"members": 3}}}),
            "postgres.managed.members is 3: write 1",
        ),
        (
            json!({"rabbitmq": {"mode": "External"}}),
            "rabbitmq: mode External needs external.secretRef: a Secret that says where the server is",
        ),
        (
            json!({"credentials": {"rotateAfter": "soon"}}),
            "credentials.rotateAfter is `soon`: write a number of hours or days, such as 12h or 90d",
        ),
    ] {
        assert_refused(spec, &Found::default(), [(Reason::SpecInvalid, message)]);
    }
}
