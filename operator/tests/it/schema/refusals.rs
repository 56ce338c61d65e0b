//! What is refused when it is created.

use super::*;

/// A spec with one thing wrong, the field that is named and the sentence that says what to do.
pub(super) type Refusal = (Value, &'static str, &'static str);

pub(super) async fn assert_refused(refusals: impl IntoIterator<Item = Refusal>) {
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
