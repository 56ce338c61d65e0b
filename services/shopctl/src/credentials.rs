//! Passwords as PostgreSQL keeps them, so that it is never told the password itself and its log cannot hold it.

use std::num::NonZeroU32;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use service_kit::settings::Secret;

/// As PostgreSQL itself does it.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4_095);
const SALT: usize = 16;
const PREFIX: &str = "SCRAM-SHA-256$";

/// A SCRAM-SHA-256 verifier (RFC 5803) of a password, with a new salt.
pub(crate) fn verifier(password: &Secret) -> Result<String, Unspecified> {
    let mut salt = [0; SALT];
    rand::fill(&mut salt)?;
    Ok(with_salt(password, &salt, ITERATIONS))
}

/// Whether a verifier is one of this password; none if it is none of SCRAM-SHA-256.
pub(crate) fn is_of(verifier: &str, password: &Secret) -> Option<bool> {
    let (iterations, rest) = verifier.strip_prefix(PREFIX)?.split_once(':')?;
    let (salt, _) = rest.split_once('$')?;
    let salt = STANDARD.decode(salt).ok()?;
    let again = with_salt(password, &salt, iterations.parse().ok()?);
    let same = constant_time::verify_slices_are_equal(again.as_bytes(), verifier.as_bytes());
    Some(same.is_ok())
}

fn with_salt(password: &Secret, salt: &[u8], iterations: NonZeroU32) -> String {
    // RFC 5802 has passwords prepared; one that cannot be is taken as it is, as PostgreSQL does.
    let prepared = stringprep::saslprep(password.expose());
    let prepared = prepared.as_deref().unwrap_or(password.expose());
    let mut salted = [0; SHA256_OUTPUT_LEN];
    pbkdf2::derive(
        PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        prepared.as_bytes(),
        &mut salted,
    );
    let key = hmac::Key::new(HMAC_SHA256, &salted);
    let stored = digest(&SHA256, hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    format!(
        "{PREFIX}{iterations}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored),
        STANDARD.encode(server)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_of_its_password_only() {
        let password = Secret::from("s3cret-ß");
        let verifier = verifier(&password).unwrap();
        assert_eq!(is_of(&verifier, &password), Some(true));
        assert_eq!(is_of(&verifier, &Secret::from("s3cret")), Some(false));
        assert_eq!(
            is_of("md53175bce1d3201d16594cebf9d7eb3f9d", &password),
            None
        );
    }

    #[test]
    fn the_verifier_is_the_one_of_the_rfc() {
        // RFC 7677, section 3: user `user`, password `pencil`. The proof in it was made with this stored key.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(
            with_salt(&Secret::from("pencil"), &salt, ITERATIONS),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }
}
