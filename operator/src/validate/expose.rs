//! How the gateway is reached.

use super::{Parsing, Reason, secrets};
use crate::child::Kind;
use crate::platform::{Certificate, Expose, ExposeBy};
use crate::resource::{ExposeTls, ExposeType};

const FIELD: &str = "gateway.expose";

/// What the spec says.
pub(super) fn of(parsing: &mut Parsing<'_>) -> Expose {
    let spec = &parsing.spec.gateway.expose;
    let by = match spec.type_ {
        ExposeType::ClusterIp => ExposeBy::ClusterIp,
        ExposeType::NodePort => ExposeBy::NodePort,
        ExposeType::LoadBalancer => ExposeBy::LoadBalancer,
        ExposeType::Ingress => ingress(parsing),
        ExposeType::HttpRoute => route(parsing),
    };
    Expose {
        by,
        annotations: spec.annotations.clone(),
    }
}

fn ingress(parsing: &mut Parsing<'_>) -> ExposeBy {
    let spec = &parsing.spec.gateway.expose;
    parsing
        .findings
        .expect(spec.host.is_some(), Reason::SpecInvalid, || {
            format!("{FIELD}: type Ingress needs host: the name that the shop is reached by")
        });
    ExposeBy::Ingress {
        host: spec.host.clone().unwrap_or_default(),
        class_name: spec.class_name.clone(),
        certificate: spec.tls.as_ref().and_then(|tls| certificate(parsing, tls)),
    }
}

fn certificate(parsing: &mut Parsing<'_>, tls: &ExposeTls) -> Option<Certificate> {
    match (&tls.secret_name, &tls.issuer_ref) {
        (Some(name), None) => {
            let field = format!("{FIELD}.tls.secretName");
            if let Some(content) = secrets::expect(parsing, &field, name) {
                for key in ["tls.crt", "tls.key"] {
                    parsing.findings.expect(content.keys.contains(key), Reason::SecretKeyMissing, || {
                        format!("{field}: the Secret `{name}` has no key `{key}`: name one of type kubernetes.io/tls")
                    });
                }
            }
            Some(Certificate::Secret(name.clone()))
        }
        (None, Some(issuer)) => Some(Certificate::Issuer(issuer.clone())),
        (None, None) | (Some(_), Some(_)) => {
            parsing.findings.add(
                Reason::SpecInvalid,
                format!("{FIELD}.tls needs either secretName or issuerRef, not both"),
            );
            None
        }
    }
}

fn route(parsing: &mut Parsing<'_>) -> ExposeBy {
    let spec = &parsing.spec.gateway.expose;
    parsing.expect_api(
        Kind::HttpRoute,
        "gateway.expose.type is HTTPRoute",
        "install the Gateway API, or choose another type",
    );
    if let Some(gateway) = &spec.gateway_ref {
        return ExposeBy::HttpRoute {
            gateway: gateway.clone(),
            host: spec.host.clone(),
        };
    }
    parsing.findings.add(
        Reason::SpecInvalid,
        format!("{FIELD}: type HTTPRoute needs gatewayRef: the Gateway that it is attached to"),
    );
    ExposeBy::ClusterIp
}
