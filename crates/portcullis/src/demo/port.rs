//! Ports of the demo's targets: theirs before they listen, since finding one and listening there takes a while in
//! which others look for one as well.

use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::net::TcpSocket;

/// A port of the loopback address that the system gives to nobody else while this lives. PostgreSQL and OpenSSH may
/// listen on it all the same: they allow that their address is in use by a socket on which nobody listens.
pub(crate) struct Port {
    number: u16,
    /// Bound, for the sake of holding it.
    _held: TcpSocket,
}

impl Port {
    /// Takes one.
    pub(crate) fn take() -> std::io::Result<Self> {
        let held = TcpSocket::new_v4()?;
        held.set_reuseaddr(true)?;
        held.bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            number: held.local_addr()?.port(),
            _held: held,
        })
    }

    /// Its number.
    pub(crate) const fn number(&self) -> u16 {
        self.number
    }
}
