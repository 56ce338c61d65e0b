//! The notification service from outside: its store's contract, its mails, its API and its live stream.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod crashing;
#[cfg(test)]
mod fake_smtp;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod letters;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod mail_server;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod streaming;
