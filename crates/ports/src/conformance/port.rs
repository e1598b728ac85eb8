//! A port that is a test's own, before, while and after somebody listens on it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::net::TcpSocket;

/// A port of the loopback address. As long as this lives, the system gives it to nobody who asks for any port, and
/// connections to it are refused unless somebody listens. Whoever is told its number can: servers allow that their
/// address is in use by a socket on which nobody listens.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Bound, for the sake of holding it.
    _held: TcpSocket,
}

impl Port {
    /// Takes one.
    pub fn take() -> io::Result<Self> {
        let held = TcpSocket::new_v4()?;
        held.set_reuseaddr(true)?;
        held.bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            number: held.local_addr()?.port(),
            _held: held,
        })
    }

    /// Its number.
    pub const fn number(&self) -> u16 {
        self.number
    }
}
