//! Whom notifications reach: a projection of the user service's events.

use contracts::events::user::{UserProfileUpdated, UserRegistered, UserRolesChanged};
use contracts::{Role, UserId};

/// Where somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The account.
    pub user_id: UserId,
    /// Where its mail goes.
    pub email: String,
    /// How its owner wants to be addressed.
    pub name: String,
}

/// The part of a contact that a profile event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileChange {
    /// Where mail goes.
    pub email: String,
    /// How the owner wants to be addressed.
    pub name: String,
}

/// What a user event tells about a contact. Profile and roles have a version each, because an event about one says
/// nothing about the other: neither is applied over a newer one of its kind (I11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactChange {
    /// The account.
    pub user_id: UserId,
    /// Its version after the change.
    pub version: u64,
    /// The profile, if the event tells it.
    pub profile: Option<ProfileChange>,
    /// All roles, if the event tells them.
    pub roles: Option<Vec<Role>>,
}

impl ContactChange {
    /// A new account.
    #[must_use]
    pub fn registered(registered: &UserRegistered, version: u64) -> Self {
        Self {
            user_id: registered.user_id,
            version,
            profile: Some(ProfileChange {
                email: registered.email.clone(),
                name: registered.name.clone(),
            }),
            roles: Some(registered.roles.clone()),
        }
    }

    /// Another profile.
    #[must_use]
    pub fn profile(updated: UserProfileUpdated, version: u64) -> Self {
        Self {
            user_id: updated.user_id,
            version,
            profile: Some(ProfileChange {
                email: updated.email,
                name: updated.name,
            }),
            roles: None,
        }
    }

    /// Other roles.
    #[must_use]
    pub fn roles(changed: UserRolesChanged, version: u64) -> Self {
        Self {
            user_id: changed.user_id,
            version,
            profile: None,
            roles: Some(changed.roles),
        }
    }
}
