//! What a route asks of its caller.

use std::fmt;
use std::str::FromStr;

use access_token::Caller;
use contracts::Role;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// What a caller must show.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing.
    Public,
    /// A valid access token.
    SignedIn,
    /// A valid access token of an account that has one of these roles; administrators have every role.
    Roles(Vec<Role>),
    /// A valid access token that has one of these scopes.
    Scopes(Vec<Scope>),
}

impl Access {
    /// Whether a signed-in caller may pass.
    #[must_use]
    pub fn allows(&self, caller: &Caller) -> bool {
        match self {
            Self::Public | Self::SignedIn => true,
            Self::Roles(roles) => roles.iter().any(|role| caller.roles.allow(*role)),
            Self::Scopes(scopes) => scopes.iter().any(|scope| caller.roles.allow(scope.role)),
        }
    }

    /// Whether it lists roles or scopes, but none: nobody could pass.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Public | Self::SignedIn => false,
            Self::Roles(roles) => roles.is_empty(),
            Self::Scopes(scopes) => scopes.is_empty(),
        }
    }
}

/// Reading or changing one area of the shop, such as `catalog:write`. The areas are the roles: a signed-in account has
/// both scopes of each of its roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The area.
    pub role: Role,
    /// What may be done there.
    pub area: Area,
}

/// What a scope lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Look.
    Read,
    /// Change.
    Write,
}

/// Why a text is not a [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope \"{0}\"; a scope is a role and `:read` or `:write`, such as `catalog:write`"
)]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let wrong = || ScopeError(text.to_owned());
        let (role, area) = text.split_once(':').ok_or_else(wrong)?;
        let area = match area {
            "read" => Area::Read,
            "write" => Area::Write,
            _ => return Err(wrong()),
        };
        let role = role.parse().map_err(|_| wrong())?;
        Ok(Self { role, area })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let area = match self.area {
            Area::Read => "read",
            Area::Write => "write",
        };
        write!(f, "{}:{area}", self.role)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_back_from_its_text() {
        for text in ["catalog:read", "admin:write", "customer:read"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "catalog", "catalog:", "root:read", "catalog:all"] {
            assert_eq!(text.parse::<Scope>(), Err(ScopeError(text.to_owned())));
        }
    }
}
