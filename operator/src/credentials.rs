//! Which generation of passwords and keys is in use, and when the next one is begun. All of it follows from what is there
//! (Secrets, who is given them, and pods), so an operator that starts over goes on where the one before stopped.
//!
//! A rotation is generation n+1: its Secrets are made, the provision Job makes the other one of each service's two users, the
//! services roll to it, and when no pod has the generation before any more, the Job locks its users and its Secrets go.

mod made;
mod standing;

pub use made::{disks_opened_by, generation_of, given_to};
pub use standing::{Plan, Standing, Wish};
