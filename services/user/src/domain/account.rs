//! Accounts, and the names people and mail know them by.

use std::borrow::Cow;

use contracts::events::user::{UserProfileUpdated, UserRolesChanged};
use contracts::{Payload, Role, Timestamp, UserId};
use serde::{Deserialize, Deserializer, Serialize};

/// The longest address mail can go to (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MAX_EMAIL: usize = 254;
/// The longest part before the `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The longest label of a domain (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
/// The most characters of a name.
const MAX_NAME: usize = 100;

/// An e-mail address in the one spelling by which accounts are told apart: trimmed and in small letters.
///
/// What is accepted is what browsers accept in an e-mail field (HTML, section 4.10.5.1.5), which is ASCII, less what mail
/// servers refuse anyway: dots at the ends of the local part or side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.com")]
pub struct Email(String);

/// Why a text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address such as ada@example.com")]
pub struct InvalidEmail;

impl Email {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl TryFrom<&str> for Email {
    type Error = InvalidEmail;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        if text.len() <= MAX_EMAIL && is_local_part(local) && domain.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidEmail)
        }
    }
}

fn is_local_part(text: &str) -> bool {
    let atoms = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
    };
    text.len() <= MAX_LOCAL && text.split('.').all(atoms)
}

fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// How somebody wants to be addressed: 1 to 100 characters without control characters, trimmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, example = "Ada Lovelace")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 100 characters without control characters")]
pub struct InvalidName;

impl Name {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Name {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let text = text.trim();
        if (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(serde::de::Error::custom)
    }
}

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its place in the list of all accounts.
    pub sequence: i64,
    /// Names it.
    pub id: UserId,
    /// How it signs in, and where its mail goes.
    pub email: Email,
    /// Whether its owner has proved that mail reaches them.
    pub email_verified: bool,
    /// How its owner wants to be addressed.
    pub name: Name,
    /// What it may do; sorted, and `customer` is always among them.
    pub roles: Vec<Role>,
    /// Counts its changes from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Account {
    /// What the others are told when they are told again: how it is, not that it is new.
    #[must_use]
    pub fn retold(&self) -> [Payload; 2] {
        let profile = UserProfileUpdated {
            user_id: self.id,
            email: self.email.as_str().to_owned(),
            name: self.name.as_str().to_owned(),
        };
        let roles = UserRolesChanged {
            user_id: self.id,
            roles: self.roles.clone(),
        };
        [profile.into(), roles.into()]
    }
}

/// The roles in their one order, each once, `customer` among them: every account may buy.
#[must_use]
pub fn complete(mut roles: Vec<Role>) -> Vec<Role> {
    roles.push(Role::Customer);
    roles.sort_unstable();
    roles.dedup();
    roles
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let spelt = |text| Email::try_from(text).map(|email| email.as_str().to_owned());
        assert_eq!(spelt(" Ada@Example.COM "), Ok("ada@example.com".to_owned()));
        for text in ["a@b", "a.b+c@d-e.example", "o'neil@x.example"] {
            assert_eq!(spelt(text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}", vec!["b".repeat(63); 4].join("."));
        let long_label = format!("a@{}.com", "b".repeat(64));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a b@c",
            "a@b c",
            "a@b@c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@.b",
            "ä@b.example",
            "a@b.exämple",
            "a\n@b",
            "a@b\0",
            "<a@b>",
            "\"a b\"@c",
            long_local.as_str(),
            long.as_str(),
            long_label.as_str(),
        ] {
            assert_eq!(Email::try_from(text), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn roles_are_sorted_once_each_with_customer() {
        use Role::{Admin, Catalog, Customer};
        assert_eq!(complete(vec![]), [Customer]);
        assert_eq!(
            complete(vec![Admin, Catalog, Admin]),
            [Customer, Catalog, Admin]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic_and_spelling_is_stable(text in ".{0,300}") {
            if let Ok(email) = Email::try_from(text.as_str()) {
                prop_assert_eq!(Email::try_from(email.as_str()), Ok(email));
            }
            let _ = Name::try_from(text.as_str());
        }
    }
}
