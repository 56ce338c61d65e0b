//! What the tests of the whole shop share: start it as a process, talk to it, break it, and check what it left behind.
//!
//! A dev-dependency only. Errors are `anyhow`: a test that cannot go on says why and fails.

pub mod chaos;
pub mod checker;
pub mod client;
pub mod contract;
pub mod customers;
pub mod front;
pub mod isolated;
pub mod kubernetes;
pub mod mail_server;
pub mod maildir;
pub mod platform;
pub mod process;
pub mod runner;
pub mod seed;
pub mod servers;
pub mod statements;
pub mod wait;
