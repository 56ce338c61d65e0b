//! What is refused when it is created.

use super::*;

/// A spec with one thing wrong, the field that is named and the sentence that says what to do.
type Refusal = (Value, &'static str, &'static str);

async fn assert_refused(refusals: impl IntoIterator<Item = Refusal>) {
    let client = cluster::client().await;
    let api = platforms(&client, "default");
    for (spec, field, sentence) in refusals {
        let patch = Patch::Apply(manifest("refused", &spec));
        let Err(error) = api.patch("refused", &applied().dry_run(), &patch).await else {
            panic!("taken: {spec}")
        };
        assert_eq!(
            causes(error),
            [(field.to_owned(), sentence.to_owned())],
            "{spec}"
        );
    }
}

#[tokio::test]
async fn names_that_would_be_too_long_for_labels_or_services_are_refused() {
    let client = cluster::client().await;
    let api = platforms(&client, "default");
    for (name, sentence) in [
        (
            "abcdefghijklmnopqrstuvwxy",
            "the name has more than 24 characters, and labels that are made of it would be too long: choose a shorter one",
        ),
        (
            "1shop",
            "the name begins with a letter and has small letters, digits and dashes only: Services are named after it",
        ),
        (
            "my.shop",
            "the name begins with a letter and has small letters, digits and dashes only: Services are named after it",
        ),
    ] {
        let patch = Patch::Apply(manifest(name, &json!({})));
        let error = api
            .patch(name, &applied().dry_run(), &patch)
            .await
            .unwrap_err();
        assert_eq!(
            causes(error),
            [("<nil>".to_owned(), sentence.to_owned())],
            "{name}"
        );
    }
    let longest = "a-23456789-123456789-123";
    api.patch(
        longest,
        &applied().dry_run(),
        &Patch::Apply(manifest(longest, &json!({}))),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn versions_and_images_must_have_their_form() {
    assert_refused([
        (
            json!({"version": "v1"}),
            "spec.version",
            "version is three numbers such as 0.1.0; for a build with another name set images.tag",
        ),
        (
            json!({"images": {"overrides": {"mongodb": "mongo:8"}}}),
            "spec.images.overrides",
            "overrides are for gateway, user, product, order, notification and shopctl; the images of servers are set at \
             mongodb.managed.image, postgres.managed.image and rabbitmq.managed.image",
        ),
    ])
    .await;
}

#[tokio::test]
async fn numbers_of_replicas_must_fit_together() {
    let either = "either replicas or autoscaling, not both: remove one of them";
    let both = json!({"replicas": 1, "autoscaling": {"maxReplicas": 2}});
    let mut extra = json!({"name": "reviews", "image": "r", "port": 1, "replicas": 1});
    extra["autoscaling"] = json!({"maxReplicas": 2});
    assert_refused([
        (json!({"gateway": both}), "spec.gateway", either),
        (
            json!({"services": {"order": both}}),
            "spec.services.order",
            either,
        ),
        (
            json!({"services": {"extra": [extra]}}),
            "spec.services.extra[0]",
            either,
        ),
        (
            json!({"services": {"user": {"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}}}),
            "spec.services.user.autoscaling",
            "minReplicas is more than maxReplicas: lower the one or raise the other",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_exposes_the_gateway_must_be_whole() {
    let expose = |expose: Value| json!({"gateway": {"expose": expose}});
    assert_refused([
        (
            expose(json!({"type": "Ingress"})),
            "spec.gateway.expose",
            "type Ingress needs host: the name that the shop is reached by",
        ),
        (
            expose(json!({"type": "HTTPRoute"})),
            "spec.gateway.expose",
            "type HTTPRoute needs gatewayRef: the Gateway that it is attached to",
        ),
        (
            expose(json!({"host": "shop.example"})),
            "spec.gateway.expose",
            "host is for types Ingress and HTTPRoute only: set the type, or remove host",
        ),
        (
            expose(json!({"type": "HTTPRoute", "gatewayRef": {"name": "g"}, "className": "nginx"})),
            "spec.gateway.expose",
            "className and tls are for type Ingress only: set the type, or remove them (the certificate of an HTTPRoute is its Gateway's)",
        ),
        (
            expose(json!({"type": "NodePort", "gatewayRef": {"name": "g"}})),
            "spec.gateway.expose",
            "gatewayRef is for type HTTPRoute only: set the type, or remove gatewayRef",
        ),
        (
            expose(json!({"type": "Ingress", "host": "shop.example", "tls": {}})),
            "spec.gateway.expose.tls",
            "tls needs either secretName (a certificate that is there) or issuerRef (cert-manager makes one), not both",
        ),
        (
            expose(json!({"type": "Ingress", "host": "shop.example", "tls": {"secretName": "a", "issuerRef": {"name": "b"}}})),
            "spec.gateway.expose.tls",
            "tls needs either secretName (a certificate that is there) or issuerRef (cert-manager makes one), not both",
        ),
        (
            expose(json!({"type": "Ingress", "host": "https://shop.example"})),
            "spec.gateway.expose.host",
            "host is a name such as shop.example.com: small letters, digits, dashes and dots",
        ),
        (
            json!({"gateway": {"cors": {"allowedOrigins": ["https://shop.example/"]}}}),
            "spec.gateway.cors.allowedOrigins[0]",
            "an origin is scheme, host and port without a path, such as https://shop.example",
        ),
    ])
    .await;
}

#[tokio::test]
async fn routes_must_lead_somewhere() {
    let route = |route: Value| json!({"gateway": {"routes": [route]}});
    let extra = |route: Value| json!({"services": {"extra": [{"name": "reviews", "image": "r", "port": 1, "routes": [route]}]}});
    let path = "a path begins with a slash and has no empty segment and nothing encoded, such as /api/v1/reviews/{id}; \
                {*rest} stands at its end";
    let own = "the gateway answers this path itself or never routes it: choose another one";
    let access = "a route needs one of access (Public or SignedIn), roles (such as [catalog]) and scopes (such as [catalog:read])";
    let with_path = |path: &str| {
        route(json!({"path": path, "methods": ["GET"], "access": "Public", "upstream": "user"}))
    };
    assert_refused([
        (with_path("api"), "spec.gateway.routes[0].path", path),
        (with_path("/a//b"), "spec.gateway.routes[0].path", path),
        (with_path("/a/../b"), "spec.gateway.routes[0].path", path),
        (with_path("/a/"), "spec.gateway.routes[0].path", path),
        (with_path("/{*all}/b"), "spec.gateway.routes[0].path", path),
        (with_path("/a%20b"), "spec.gateway.routes[0].path", path),
        (with_path("/healthz"), "spec.gateway.routes[0].path", own),
        (with_path("/docs/x"), "spec.gateway.routes[0].path", own),
        (
            route(json!({"path": "/a", "methods": ["FETCH"], "access": "Public", "upstream": "user"})),
            "spec.gateway.routes[0].methods[0]",
            "supported values: \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\"",
        ),
        (
            route(json!({"path": "/a", "methods": ["GET"], "access": "Public"})),
            "spec.gateway",
            "each of gateway.routes needs an upstream: the name of the service that it leads to",
        ),
        (
            route(json!({"path": "/a", "methods": ["GET"], "access": "Public", "upstream": "reviews"})),
            "spec",
            "the upstream of each of gateway.routes is user, product, order, notification or the name of one of services.extra",
        ),
        (
            route(json!({"path": "/a", "methods": ["GET"], "upstream": "user"})),
            "spec.gateway.routes[0]",
            access,
        ),
        (
            route(json!({"path": "/a", "methods": ["GET"], "upstream": "user", "access": "Public", "roles": ["admin"]})),
            "spec.gateway.routes[0]",
            access,
        ),
        (
            extra(json!({"path": "/a", "methods": ["GET"], "access": "Public", "upstream": "user"})),
            "spec.services.extra[0]",
            "routes of an extra service lead to it: remove upstream, or put the route into gateway.routes",
        ),
    ])
    .await;
}

#[tokio::test]
async fn extra_services_must_not_get_in_the_way_of_the_platform() {
    let extra =
        |name: &str| json!({"services": {"extra": [{"name": name, "image": "r", "port": 1}]}});
    let form = "the name begins with a letter and has small letters, digits and dashes only: Services are named after it";
    let taken = "the name is taken by a part of the platform, or by a database or exchange of its servers: choose another one";
    let field = "spec.services.extra[0].name";
    let reserved = [
        "gateway",
        "user",
        "product",
        "order",
        "notification",
        "shopctl",
        "provision",
        "mongodb",
        "postgres",
        "rabbitmq",
        "shop",
        "amq",
        "admin",
        "local",
        "config",
        "mongodb-members",
        "order-migrate",
    ];
    assert_refused(reserved.map(|name| (extra(name), field, taken))).await;
    assert_refused(["Reviews", "1st", "a-", "a_b", "a.b"].map(|name| (extra(name), field, form)))
        .await;
    let one = json!({"name": "reviews", "image": "r", "port": 1});
    assert_refused([
        (
            json!({"services": {"extra": [{"name": "reviews", "image": "r", "port": 1, "tells": ["review"], "needs": ["postgres"]}]}}),
            "spec.services.extra[0]",
            "tells and hears need the broker: add rabbitmq to needs",
        ),
        (
            json!({"services": {"extra": [one, {"name": "other", "image": "r", "port": 70000}]}}),
            "spec.services.extra[1].port",
            "70000: spec.services.extra[1].port in body should be less than or equal to 65535",
        ),
    ])
    .await;
    let client = cluster::client().await;
    let twice = Patch::Apply(manifest(
        "twice",
        &json!({"services": {"extra": [one, one]}}),
    ));
    let error = platforms(&client, "default")
        .patch("twice", &applied().dry_run(), &twice)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("duplicate entries for key [name=\"reviews\"]"),
        "{error}"
    );
}

#[tokio::test]
async fn variables_have_one_value() {
    let variable = |variable: Value| json!({"services": {"order": {"env": [variable]}}});
    let sentence = "a variable has either a value or a secretKeyRef";
    let field = "spec.services.order.env[0]";
    assert_refused([
        (variable(json!({"name": "A"})), field, sentence),
        (
            variable(json!({"name": "A", "value": "", "secretKeyRef": {"name": "a", "key": "b"}})),
            field,
            sentence,
        ),
    ])
    .await;
}

#[tokio::test]
async fn quantities_must_be_some() {
    let cpu = "cpu is a quantity above 0, such as 250m or 2";
    let memory = "memory is a quantity above 0, such as 128Mi or 2Gi";
    let size = "size is a quantity of at least 256Mi, such as 10Gi";
    let storage = |size: &str| json!({"mongodb": {"managed": {"storage": {"size": size}}}});
    let size_field = "spec.mongodb.managed.storage.size";
    assert_refused([
        (
            json!({"gateway": {"resources": {"requests": {"cpu": "lots"}}}}),
            "spec.gateway.resources.requests.cpu",
            cpu,
        ),
        (
            json!({"gateway": {"resources": {"limits": {"cpu": "0"}}}}),
            "spec.gateway.resources.limits.cpu",
            cpu,
        ),
        (
            json!({"postgres": {"managed": {"resources": {"limits": {"memory": "-1Gi"}}}}}),
            "spec.postgres.managed.resources.limits.memory",
            memory,
        ),
        (
            json!({"services": {"user": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}}}}),
            "spec.services.user.resources",
            "requests.memory is more than limits.memory: lower the one or raise the other",
        ),
        (storage("much"), size_field, size),
        (storage("255Mi"), size_field, size),
        (storage(""), size_field, size),
    ])
    .await;
}

#[tokio::test]
async fn servers_are_run_by_the_operator_or_by_others() {
    let needs =
        "mode External needs external.secretRef: a Secret whose key `uri` says where the server is";
    let only = "external is for mode External only: set the mode, or remove external";
    let members = "members is 1 or 3: an even number survives no more failures than one fewer";
    let secret = json!({"secretRef": {"name": "s"}});
    assert_refused([
        (
            json!({"mongodb": {"mode": "External"}}),
            "spec.mongodb",
            needs,
        ),
        (
            json!({"postgres": {"mode": "External"}}),
            "spec.postgres",
            needs,
        ),
        (
            json!({"rabbitmq": {"mode": "External"}}),
            "spec.rabbitmq",
            needs,
        ),
        (
            json!({"rabbitmq": {"external": secret}}),
            "spec.rabbitmq",
            only,
        ),
        (
            json!({"postgres": {"mode": "CloudNativePG", "external": secret}}),
            "spec.postgres",
            only,
        ),
        (
            json!({"mongodb": {"managed": {"members": 2}}}),
            "spec.mongodb",
            members,
        ),
        (
            json!({"rabbitmq": {"managed": {"members": 5}}}),
            "spec.rabbitmq",
            members,
        ),
        (
            json!({"postgres": {"managed": {"members": 3}}}),
            "spec.postgres",
            "managed PostgreSQL has one member: use mode CloudNativePG for more",
        ),
        (
            json!({"postgres": {"cloudNativePG": {"instances": 3}}}),
            "spec.postgres",
            "cloudNativePG.instances is for mode CloudNativePG only: set the mode, or remove it",
        ),
    ])
    .await;
}

#[tokio::test]
async fn peers_addresses_and_ages_must_have_their_form() {
    let peer = |peer: Value| json!({"networkPolicy": {"egressTo": [peer]}});
    let either = "a peer is either an ipBlock or a namespaceSelector, a podSelector or both";
    let network = "write a network such as 10.0.0.0/8 or 2001:db8::/32";
    let mail = |from: &str| json!({"notifications": {"email": {"from": from, "smtpUrlSecretRef": {"name": "m", "key": "u"}}}});
    assert_refused([
        (peer(json!({})), "spec.networkPolicy.egressTo[0]", either),
        (
            peer(json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}})),
            "spec.networkPolicy.egressTo[0]",
            either,
        ),
        (
            peer(json!({"ipBlock": {"cidr": "10.0.0.1"}})),
            "spec.networkPolicy.egressTo[0].ipBlock.cidr",
            network,
        ),
        (
            peer(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1"]}})),
            "spec.networkPolicy.egressTo[0].ipBlock.except[0]",
            network,
        ),
        (
            mail("the shop"),
            "spec.notifications.email.from",
            "from is a mail address, such as Shop <shop@example.com>",
        ),
        (
            json!({"administrator": {"email": "Admin <a@b>"}}),
            "spec.administrator.email",
            "email is a mail address, such as admin@shop.example",
        ),
        (
            json!({"credentials": {"rotateAfter": "3 months"}}),
            "spec.credentials.rotateAfter",
            "rotateAfter is a number of hours or days, such as 12h or 90d",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_misspelt_field_is_refused_and_not_ignored() {
    let client = cluster::client().await;
    let api = platforms(&client, "default");
    for spec in [
        json!({"replica": 1}),
        json!({"services": {"orders": {}}}),
        json!({"gateway": {"podTemplate": {"containers": []}}}),
        json!({"networkPolicy": {"ingressFrom": [{"podSelectors": {}}]}}),
    ] {
        let patch = Patch::Apply(manifest("misspelt", &spec));
        let error = api
            .patch("misspelt", &applied().dry_run(), &patch)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("field not declared in schema") || error.contains("unknown field"),
            "{spec}: {error}"
        );
    }
}
