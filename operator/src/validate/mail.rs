//! The mail server.

use super::{Parsing, Reason, secrets};
use crate::platform::Email;

const FIELD: &str = "notifications.email.smtpUrlSecretRef";

/// The mail server that the spec names.
pub(super) fn of(parsing: &mut Parsing<'_>) -> Option<Email> {
    let email = parsing.spec.notifications.email.as_ref()?;
    let secret = &email.smtp_url_secret_ref;
    let content = secrets::expect_key(parsing, FIELD, secret)?;
    let schemes = ["smtp", "smtps"];
    let address =
        secrets::expect_address(parsing, FIELD, &secret.name, &secret.key, content, &schemes)?;
    let [(_, port)] = address.hosts.as_slice() else {
        parsing.findings.add(
            Reason::SecretInvalid,
            format!(
                "{FIELD}: the key `{}` of the Secret `{}` names several hosts: write one",
                secret.key, secret.name
            ),
        );
        return None;
    };
    Some(Email {
        url: secret.clone(),
        port: i32::from(*port),
        content_hash: content.hash.clone(),
        from: email.from.clone(),
    })
}
