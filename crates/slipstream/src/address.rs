//! The address under which others reach this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses that no packet reaches (RFC 5737, RFC 3849): good for asking which interface leads outside.
const OUTSIDE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// This machine's address in the local network: that of the interface which leads outside, or else the loopback.
/// Sends nothing: connecting a UDP socket only looks up the route.
pub fn local_address() -> IpAddr {
    OUTSIDE.into_iter().find_map(address_towards).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// What to print as the host for viewers of a server bound to `bind`.
pub fn advertised_host(given: Option<&str>, bind: IpAddr) -> String {
    match given {
        Some(given) => given.to_owned(),
        None if bind.is_unspecified() => local_address().to_string(),
        None => bind.to_string(),
    }
}

fn address_towards(outside: IpAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if outside.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    // Any port does, as nothing is sent.
    socket.connect(SocketAddr::new(outside, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_of_this_machine() {
        let address = local_address();
        // Only an address of this machine can be bound.
        std::net::TcpListener::bind((address, 0)).unwrap();
    }

    #[test]
    fn what_is_given_or_bound_wins() {
        assert_eq!(advertised_host(Some("box.lan"), Ipv4Addr::UNSPECIFIED.into()), "box.lan");
        assert_eq!(advertised_host(None, Ipv4Addr::LOCALHOST.into()), "127.0.0.1");
    }
}
