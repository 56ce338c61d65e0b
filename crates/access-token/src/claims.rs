//! What a token says.

use contracts::{Role, SessionId, UserId};
use serde::{Deserialize, Serialize};

/// The `typ` of every access token (RFC 9068, section 2.1): keeps other kinds of tokens from passing as one.
pub const TOKEN_TYPE: &str = "at+jwt";

/// The claims of an access token (RFC 9068, section 2.2). Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom it is.
    pub aud: String,
    /// The account.
    pub sub: UserId,
    /// The sign-in it descends from.
    pub sid: SessionId,
    /// Names this token.
    pub jti: String,
    /// What the account may do.
    pub roles: Vec<Role>,
    /// When it was issued.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
}
