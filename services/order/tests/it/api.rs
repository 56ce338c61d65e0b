//! The REST API.

mod addresses;
mod bad_input;
mod cancelling;
mod placing;
mod reading;
mod shipping;
