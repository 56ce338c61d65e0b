//! Where a client comes from.

use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap};

/// The other end of the connection; put into each request's extensions by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The client's address: the connection's, or the one that the outermost of `trusted_hops` proxies saw.
///
/// Each proxy appends the address it saw to `X-Forwarded-For`, so the entries a client made up stand to the left of what
/// the trusted proxies wrote: with n trusted hops the nth entry from the right is right. An IPv4 address that came mapped
/// into IPv6 is given as IPv4, so that one client has one address.
#[must_use]
pub fn client_address(
    headers: &HeaderMap,
    extensions: &Extensions,
    trusted_hops: u8,
) -> Option<IpAddr> {
    let peer = extensions
        .get::<Peer>()
        .map(|Peer(address)| address.ip().to_canonical());
    if trusted_hops == 0 {
        return peer;
    }
    headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|entry| entry.trim().parse().ok())
        .collect::<Vec<Option<IpAddr>>>()
        .into_iter()
        .rev()
        .nth(usize::from(trusted_hops) - 1)
        .flatten()
        .map(|address: IpAddr| address.to_canonical())
        .or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let mut extensions = Extensions::new();
        extensions.insert(Peer("10.0.0.1:4".parse().unwrap()));
        let headers = HeaderMap::from_iter([(
            "x-forwarded-for".parse().unwrap(),
            "6.6.6.6, 192.0.2.7".parse().unwrap(),
        )]);
        let address = |hops| {
            client_address(&headers, &extensions, hops)
                .unwrap()
                .to_string()
        };
        assert_eq!(address(0), "10.0.0.1");
        assert_eq!(address(1), "192.0.2.7");
        assert_eq!(
            address(3),
            "10.0.0.1",
            "fewer entries than hops: believe none"
        );
    }
}
