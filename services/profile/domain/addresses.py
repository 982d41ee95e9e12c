"""Addresses of the network, and which of them are public."""

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_LOW_32_BITS = 2**32 - 1


def is_loopback(host: str) -> bool:
    """Whether a host of a URI, or an address, is this machine itself."""
    address = _literal(host)
    return _is_localhost(host) if address is None else _plain(address).is_loopback


def is_public(address: str) -> bool:
    """Whether an address can be somebody's on the open internet."""
    found = _literal(address)
    return found is not None and _is_public(found)


def may_be_public(host: str) -> bool:
    """Whether a host of a URI is a public address, or a name that has to be resolved to tell."""
    address = _literal(host)
    return not _is_localhost(host) if address is None else _is_public(address)


def _is_localhost(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _is_public(address: Address) -> bool:
    plain = _plain(address)
    if plain.version == 6 and plain not in _GLOBAL_UNICAST:
        return False
    return plain.is_global and not plain.is_multicast


def _plain(address: Address) -> Address:
    """The IPv4 address within an IPv6 one that is a way to write it, or to reach it; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    return address.ipv4_mapped or address.sixtofour or address


def _literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # As resolvers read them: 127.1, 0x7f000001 and 2130706433 are 127.0.0.1.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
