//! Ports for servers that cannot be asked to choose one.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below the ports that the kernel gives to outgoing connections (32768 and above on Linux): one of those could take the
/// port of a server while that is down for a moment.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// A port that nobody listens on. Drawn at random, so that tests that run at the same time do not draw the same.
pub(crate) fn free_port() -> Result<u16> {
    for _ in 0..1000 {
        let port = rand::random_range(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!(
        "no free port on 127.0.0.1 between {} and {}",
        RANGE.start,
        RANGE.end
    )
}
