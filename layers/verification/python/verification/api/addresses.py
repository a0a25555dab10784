"""IP addresses, as callers write them."""

from ipaddress import ip_address


def read_address(text: str) -> str | None:
    """An IPv4 or IPv6 address in its one spelling; None for all else, and with a zone."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else str(address)
