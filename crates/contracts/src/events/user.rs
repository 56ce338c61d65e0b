//! What the user service tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::role::Role;

/// `user.registered.v1`: an account exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegistered {
    /// The account.
    pub user_id: UserId,
    /// Where its mail goes, normalised.
    pub email: String,
    /// How its owner wants to be addressed.
    pub name: String,
    /// What it may do from the start.
    pub roles: Vec<Role>,
}

/// `user.profile_updated.v1`: the whole profile as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserProfileUpdated {
    /// The account.
    pub user_id: UserId,
    /// Where its mail goes, normalised.
    pub email: String,
    /// How its owner wants to be addressed.
    pub name: String,
}

/// `user.roles_changed.v1`: what the account may do from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRolesChanged {
    /// The account.
    pub user_id: UserId,
    /// All its roles.
    pub roles: Vec<Role>,
}
