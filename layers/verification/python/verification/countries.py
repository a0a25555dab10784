"""The country of an IP address, from a database in a layer of its own.

It says where a network is registered or announced, not where a person stands: good enough to see
that a device moved. Its data are of the regional internet registries (NRO, CC BY 4.0).
"""

import functools
import ipaddress
import re
import sys
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigurationError

if TYPE_CHECKING:
    from maxminddb import Reader

# Below the layer's folder `python`, which is on the import path wherever the layer is.
_DATABASE = Path("verification_countries", "geo-whois-asn-country.mmdb")

# RFC 4291 §2.4 and IANA: unicast is given out of here alone. Outside lie ::a.b.c.d, which the
# database would read as that IPv4 address, and 64:ff9b::a.b.c.d, a translator's.
_UNICAST = IPv6Network("2000::/3")
_DOCUMENTATION = IPv6Network("3fff::/20")  # RFC 9637, younger than Python 3.13

# Two letters that are no country: regions of registries, the codes that ISO 3166-1 leaves to its
# users (but XK, which stands for Kosovo everywhere), and the Netherlands Antilles, dissolved 2010.
_NO_COUNTRY = re.compile(r"AA|AN|AP|EU|Q[M-Z]|X[A-JL-Z]|ZZ")


class Countries:
    """Tells the country of an address; opens its database on the first question.

    Args:
        path: of the database; without it, that of the layer, wherever it is.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def __call__(self, ip: str) -> str | None:
        """The country (ISO 3166-1 alpha-2, upper case) of an IPv4 or IPv6 address.

        None when it is unknown, and for whatever is no address of one host on the internet:
        private, documentation and other special ranges, multicast, tunnels (6to4, Teredo), zone
        ids, texts that are no address. An IPv4-mapped address (RFC 4291 §2.5.5.2) is the IPv4 one.

        Raises:
            ConfigurationError: the database is missing or damaged.
        """
        address = _public(ip)
        return None if address is None else _country(self._record(address))

    def _record(self, address: IPv4Address | IPv6Address) -> object:
        from maxminddb import InvalidDatabaseError

        try:
            return self._reader.get(address)
        except (OSError, InvalidDatabaseError) as error:
            # Not in its own words, which tell the address that was asked for.
            problem = type(error).__name__
            raise ConfigurationError(f"The database of countries: {problem}.") from None

    @functools.cached_property
    def _reader(self) -> "Reader":
        from maxminddb import open_database

        return open_database(self._path or _find())  # memory-mapped: 8 MB need not be read


def _find() -> Path:
    for folder in sys.path:
        path = Path(folder, _DATABASE)
        if path.exists():
            return path
    raise ConfigurationError(
        f"{_DATABASE} is nowhere on the import path: the function lacks the layer CountriesLayer."
    )


def _public(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address in _DOCUMENTATION):
        return None
    return address if address.is_global and not address.is_multicast else None


def _country(record: object) -> str | None:
    code = record.get("country_code") if isinstance(record, dict) else None
    if not isinstance(code, str) or not re.fullmatch("[A-Z]{2}", code):
        return None
    return None if _NO_COUNTRY.fullmatch(code) else code
