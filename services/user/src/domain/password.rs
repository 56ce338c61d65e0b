//! Which passwords are good enough, and how they are kept.

use std::collections::HashSet;
use std::sync::LazyLock;

use service_kit::settings::Secret;
use unicode_normalization::UnicodeNormalization as _;

use super::Email;

/// Characters of the shortest password (NIST SP 800-63B, section 3.1.1.2).
const MIN: usize = 8;
/// Characters of the longest password.
const MAX: usize = 128;

/// The passwords that are tried first: those of eight characters and more among the 30 000 most frequent ones in leaks, from
/// the frequency lists of zxcvbn (MIT, Dropbox Inc. and Joshua Holmer), and a few of our own. In small letters.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Why a password is not good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Less than 8 characters.
    #[error("a password has at least {MIN} characters")]
    Short,
    /// More than 128 characters.
    #[error("a password has at most {MAX} characters")]
    Long,
    /// Attackers try it first.
    #[error("this password is among those that are tried first; choose another one")]
    Common,
    /// It is the account's e-mail address or the part before the `@`.
    #[error("a password must not be the e-mail address")]
    Email,
}

/// A password as it is hashed: one spelling for what looks the same (Unicode form NFKC), so that another keyboard does not
/// lock anybody out.
#[derive(Clone, Debug)]
pub struct NewPassword(Secret);

impl NewPassword {
    /// The password, if it is good enough for this account.
    pub fn choose(password: &Secret, email: &Email) -> Result<Self, WeakPassword> {
        let normalised = Self::given(password)?;
        let text = normalised.expose();
        if text.chars().count() < MIN {
            return Err(WeakPassword::Short);
        }
        let lower = text.to_lowercase();
        if lower == email.as_str() || lower == email.local_part() {
            return Err(WeakPassword::Email);
        }
        if COMMON.contains(lower.as_str()) {
            return Err(WeakPassword::Common);
        }
        Ok(normalised)
    }

    /// The password somebody claims to have. None that is longer than any that can be chosen: it would cost time.
    pub fn given(password: &Secret) -> Result<Self, WeakPassword> {
        // Normalising changes lengths, so both are looked at; the first keeps a huge text from being normalised.
        let fits = |text: &str| text.chars().nth(MAX).is_none();
        if !fits(password.expose()) {
            return Err(WeakPassword::Long);
        }
        let normalised: String = password.expose().nfkc().collect();
        if fits(&normalised) {
            Ok(Self(Secret::from(normalised.as_str())))
        } else {
            Err(WeakPassword::Long)
        }
    }

    /// The text itself, for the hash.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A password's hash as a PHC string (`$argon2id$v=19$m=…`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(password: &str) -> Result<String, WeakPassword> {
        let email = Email::try_from("ada.lovelace@example.com").unwrap();
        NewPassword::choose(&Secret::from(password), &email)
            .map(|password| password.expose().to_owned())
    }

    #[test]
    fn eight_to_128_characters_are_counted_in_characters() {
        assert_eq!(choose("zq4!kx7"), Err(WeakPassword::Short));
        assert!(choose("zq4!kx7m").is_ok());
        assert!(choose(&"ä€".repeat(64)).is_ok());
        assert_eq!(choose(&"ä€".repeat(65)), Err(WeakPassword::Long));
    }

    #[test]
    fn what_is_tried_first_is_refused_in_any_case() {
        for password in [
            "password",
            "PassWord1",
            "1q2w3e4r",
            "qwertyuiop",
            "12345678",
        ] {
            assert_eq!(choose(password), Err(WeakPassword::Common), "{password}");
        }
        for password in ["ada.lovelace", "Ada.Lovelace@Example.com"] {
            assert_eq!(choose(password), Err(WeakPassword::Email), "{password}");
        }
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        let composed = choose("m\u{fc}llerstra\u{df}e 7");
        assert_eq!(choose("mu\u{308}llerstra\u{df}e 7"), composed);
        // One character of three letters in a compatibility form counts as what it becomes.
        let sign = "\u{fdfa}".repeat(100);
        assert_eq!(choose(&sign), Err(WeakPassword::Long));
    }
}
