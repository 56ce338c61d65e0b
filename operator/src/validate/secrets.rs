//! What Secrets that people made must hold.

use std::collections::BTreeMap;

use super::{Parsing, Reason};
use crate::dereference::SecretContent;
use crate::platform::Address;
use crate::resource::{EnvVar, SecretKeyRef};

/// The Secret that `field` names, or a finding.
pub(super) fn expect<'a>(
    parsing: &mut Parsing<'a>,
    field: &str,
    name: &str,
) -> Option<&'a SecretContent> {
    let found = parsing.found.secrets.get(name).and_then(Option::as_ref);
    let namespace = &parsing.namespace;
    parsing.findings.expect(found.is_some(), Reason::SecretMissing, || {
        format!("{field}: there is no Secret `{name}` in the namespace `{namespace}`: create it, or name another one")
    });
    found
}

/// The Secret that `field` names, which has to have a key; or a finding.
pub(super) fn expect_key<'a>(
    parsing: &mut Parsing<'a>,
    field: &str,
    secret: &SecretKeyRef,
) -> Option<&'a SecretContent> {
    let content = expect(parsing, field, &secret.name)?;
    let has_key = content.keys.contains(&secret.key);
    parsing
        .findings
        .expect(has_key, Reason::SecretKeyMissing, || {
            format!(
                "{field}: the Secret `{}` has no key `{}`: add it, or name another one",
                secret.name, secret.key
            )
        });
    has_key.then_some(content)
}

/// Where a key's URI leads, which has to have one of these schemes; or a finding.
pub(super) fn expect_address<'a>(
    parsing: &mut Parsing<'a>,
    field: &str,
    secret: &str,
    key: &str,
    content: &'a SecretContent,
    schemes: &[&str],
) -> Option<&'a Address> {
    let wrong = match content.addresses.get(key)? {
        Ok(address) if schemes.contains(&address.scheme.as_str()) => return Some(address),
        Ok(address) => format!("its scheme is {}", address.scheme),
        Err(error) => error.to_string(),
    };
    let example = schemes.first().copied().unwrap_or_default();
    parsing.findings.add(
        Reason::SecretInvalid,
        format!("{field}: the key `{key}` of the Secret `{secret}` cannot be used, {wrong}: write a URI such as {example}://user:password@host"),
    );
    None
}

/// Checks the variables of one workload.
pub(super) fn check_variables(parsing: &mut Parsing<'_>, field: &str, variables: &[EnvVar]) {
    for variable in variables {
        let field = format!("{field}.env[{}]", variable.name);
        let is_one = variable.value.is_some() != variable.secret_key_ref.is_some();
        parsing.findings.expect(is_one, Reason::SpecInvalid, || {
            format!("{field} needs either a value or a secretKeyRef")
        });
        if let Some(secret) = &variable.secret_key_ref {
            expect_key(parsing, &format!("{field}.secretKeyRef"), secret);
        }
    }
}

/// A hash of each Secret that variables name.
pub(super) fn of_variables(parsing: &Parsing<'_>) -> BTreeMap<String, String> {
    let named = crate::dereference::variables_of(parsing.spec)
        .filter_map(|variable| variable.secret_key_ref.as_ref());
    let content = |name: &String| parsing.found.secrets.get(name).and_then(Option::as_ref);
    named
        .filter_map(|secret| Some((secret.name.clone(), content(&secret.name)?.hash.clone())))
        .collect()
}
