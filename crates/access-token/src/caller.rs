//! Who calls: the argument of a handler that needs a signed-in account.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use contracts::{Role, SessionId, Timestamp, UserId};
use http::header::AUTHORIZATION;
use http::request::Parts;
use service_kit::http::{Problem, single_header};

use crate::verifier::{Verifier, VerifyError};

/// What an account may do. `admin` may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// Whether the account has the role, by name or as administrator.
    #[must_use]
    pub fn allow(&self, role: Role) -> bool {
        self.0.contains(&role) || self.0.contains(&Role::Admin)
    }

    /// The roles by name.
    #[must_use]
    pub fn as_slice(&self) -> &[Role] {
        &self.0
    }
}

impl From<Vec<Role>> for Roles {
    fn from(roles: Vec<Role>) -> Self {
        Self(roles)
    }
}

/// The signed-in account behind a request. As an argument of a handler it refuses requests without a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub user_id: UserId,
    /// The sign-in.
    pub session_id: SessionId,
    /// What the account may do.
    pub roles: Roles,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl Caller {
    /// Refuses (403 `insufficient_scope`) unless the account has the role.
    pub fn require(&self, role: Role) -> Result<(), Problem> {
        self.require_any(&[role])
    }

    /// Refuses (403 `insufficient_scope`) unless the account has one of the roles.
    pub fn require_any(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.iter().any(|role| self.roles.allow(*role)) {
            Ok(())
        } else {
            Err(Problem::insufficient_scope())
        }
    }
}

/// The token of an `Authorization` header; none if there is no such header.
pub(crate) fn bearer(headers: &http::HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = single_header(headers, &AUTHORIZATION)? else {
        return Ok(None);
    };
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    token.map(Some).ok_or_else(|| VerifyError::Invalid.into())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Verifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, state).await?;
        let caller = caller.ok_or(VerifyError::Missing)?;
        Ok(Arc::unwrap_or_clone(caller))
    }
}

/// The account behind a request, if it is signed in. A token that is there must be valid.
#[derive(Clone, Debug)]
pub struct MaybeCaller(pub Option<Arc<Caller>>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeCaller
where
    Verifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match bearer(&parts.headers)? {
            None => Ok(Self(None)),
            Some(token) => Ok(Self(Some(Verifier::from_ref(state).verify(token).await?))),
        }
    }
}
