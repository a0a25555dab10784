"""Which addresses of the internet a request for somebody else may go to: none but public ones.

A webhook's host is named by a client, and its name server may answer what it likes. So it is the
address that counts, just before the connection is made: not private, loopback, link-local (where
clouds have their metadata), shared, reserved or multicast ones, in whichever spelling IPv6 has for
them (OWASP, "Server-Side Request Forgery Prevention").
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_GLOBAL = IPv6Network("2000::/3")  # all that IANA ever gave away (RFC 4291 §2.4)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are of IPv4
_V4_BITS = 0xFFFFFFFF


def may_reach(address: str, networks: Iterable[str] = (), *, public: bool = True) -> bool:
    """Whether a request may go to an address.

    Args:
        address: as the system's resolver gives it; not from one unreadable.
        networks: private ones that it may go to all the same, such as `10.1.0.0/16`.
        public: whether it may go to public addresses.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    within = (ip_network(network) for network in networks)
    return any(ip in network for network in within) or (public and _is_public(ip))


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    # What stands for an address of IPv4 is as public as that.
    if ip.ipv4_mapped or ip in _NAT64:
        return _is_public(IPv4Address(int(ip) & _V4_BITS))
    return ip in _GLOBAL and ip.is_global and not ip.is_multicast
