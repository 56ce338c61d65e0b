//! Ports for servers that cannot be asked to choose one.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the ports that the kernel gives to outgoing connections (32768 and above on Linux): one of those could take the
/// port of a server while that is down for a moment.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// A port that nobody listens on, and that nobody else who asks here gets while this is held, in whatever process: seconds may
/// pass until a server listens, and it may be down for a moment.
///
/// It is claimed by a name for local sockets, which the kernel gives once, on the machine or in the container that the ports are
/// of, and takes back when the process ends, however it does.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _claim: UnixDatagram,
}

impl ReservedPort {
    /// Some port.
    pub fn draw() -> Result<Self> {
        for _ in 0..1000 {
            if let Some(port) = Self::claim(rand::random_range(RANGE)) {
                return Ok(port);
            }
        }
        bail!("no free port between {} and {}", RANGE.start, RANGE.end)
    }

    /// This one, unless somebody has it.
    #[must_use]
    pub fn claim(number: u16) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("shop-test-port-{number}")).ok()?;
        let claim = UnixDatagram::bind_addr(&name).ok()?;
        // Whoever listens may not have asked here.
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).ok()?;
        Some(Self {
            number,
            _claim: claim,
        })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// A port that stays reserved until this process ends.
pub fn free_port() -> Result<u16> {
    static KEPT: Mutex<Vec<ReservedPort>> = Mutex::new(Vec::new());
    let port = ReservedPort::draw()?;
    let number = port.number();
    KEPT.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(port);
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_a_port_that_is_reserved_although_nobody_listens_there() {
        let port = ReservedPort::draw().unwrap();
        let number = port.number();
        assert!(ReservedPort::claim(number).is_none());
        drop(port);
        assert!(ReservedPort::claim(number).is_some());
    }

    #[test]
    fn nobody_gets_a_port_on_which_somebody_listens() {
        let port = ReservedPort::draw().unwrap();
        let number = port.number();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        drop(port);
        assert!(ReservedPort::claim(number).is_none());
        drop(listener);
        assert!(ReservedPort::claim(number).is_some());
    }
}
