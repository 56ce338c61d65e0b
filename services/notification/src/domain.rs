//! What is told to whom, in what words, and how often it is tried. Pure: no input or output, no clock.

mod channel;
mod contact;
mod delivery;
mod notice;

pub use self::channel::{Channel, UnknownWord};
pub use self::contact::{Contact, ContactChange, ProfileChange};
pub use self::delivery::{DeliveryState, RetryRule, message_id};
pub use self::notice::{Audience, Intake, Notice};
pub(crate) use self::notice::{cancelled_because, one_line};
