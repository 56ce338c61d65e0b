//! The API over HTTP.

mod address_book;
mod administration;
mod bad_input;
mod profile;
mod refreshing;
mod registering;
mod signing_in;
mod starting;
mod throttling;
