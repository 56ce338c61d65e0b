//! A port that is ours whether somebody listens on it or not.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

/// How many connections may wait to be taken.
const BACKLOG: i32 = 1024;

/// Holds the port by a socket that is bound but does not listen: a connection is refused, yet nobody else gets the port.
pub(crate) struct Port {
    address: SocketAddr,
    _holder: Socket,
}

impl Port {
    pub(crate) fn reserve() -> Result<Self> {
        let holder = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = holder
            .local_addr()?
            .as_socket()
            .context("a TCP socket without an address")?;
        Ok(Self {
            address,
            _holder: holder,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections are taken from now on, until the listener is dropped.
    pub(crate) fn listen(&self) -> Result<TcpListener> {
        let socket = bound(self.address)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(TcpListener::from_std(socket.into())?)
    }
}

fn bound(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // For the holder and the listener. Not `SO_REUSEADDR`: with that anybody could take the port while none listens.
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
