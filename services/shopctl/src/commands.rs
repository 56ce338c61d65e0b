//! One command group a file.

pub(crate) mod doctor;
pub(crate) mod outbox;
pub(crate) mod parked;
pub(crate) mod provision;
pub(crate) mod resync;
pub(crate) mod secrets;
