//! Where the servers of tests listen.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};

/// Names an address of this machine where servers listen besides 127.0.0.1, and which their URLs have: for who comes from
/// elsewhere, such as pods. Whoever comes that way must know a password, but may be RabbitMQ's `guest`.
const HOST: &str = "TEST_SERVERS_HOST";

/// The password of the administrators of servers that ask for one.
pub(super) const PASSWORD: &str = "throw-away";

/// The address in the URLs of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Host(Ipv4Addr);

impl Host {
    /// As the environment says.
    pub(super) fn chosen() -> Result<Self> {
        match std::env::var(HOST) {
            Ok(address) if !address.is_empty() => Self::parse(&address),
            _ => Ok(Self(Ipv4Addr::LOCALHOST)),
        }
    }

    fn parse(address: &str) -> Result<Self> {
        let address = address.parse().with_context(|| {
            format!("{HOST} is {address}: name an IPv4 address of this machine, such as 10.80.0.1")
        })?;
        Ok(Self(address))
    }

    /// If it is not only for this machine.
    pub(super) fn beyond(self) -> Option<Ipv4Addr> {
        (!self.0.is_loopback()).then_some(self.0)
    }

    /// All addresses to listen at.
    pub(super) fn listening(self) -> Vec<Ipv4Addr> {
        [Some(Ipv4Addr::LOCALHOST), self.beyond()]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_always_listen_at_127_0_0_1_and_at_another_address_if_it_is_named() {
        let local = Host::parse("127.0.0.1").unwrap();
        assert_eq!(local.listening(), [Ipv4Addr::LOCALHOST]);
        assert_eq!(local.beyond(), None);
        let outside = Host::parse("10.80.0.1").unwrap();
        let address = Ipv4Addr::new(10, 80, 0, 1);
        assert_eq!(outside.listening(), [Ipv4Addr::LOCALHOST, address]);
        assert_eq!(outside.beyond(), Some(address));
    }

    #[test]
    fn a_name_is_no_address() {
        let refused = Host::parse("localhost").unwrap_err().to_string();
        assert_eq!(
            refused,
            "TEST_SERVERS_HOST is localhost: name an IPv4 address of this machine, such as 10.80.0.1"
        );
    }
}
