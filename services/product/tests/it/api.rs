//! The REST API.

mod bad_input;
mod changing;
mod creating;
mod inventory;
mod listing;
mod reading;
