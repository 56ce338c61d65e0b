//! Values and modes that the schema refuses, and what it says.

use super::refusals::assert_refused;
use super::*;

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
