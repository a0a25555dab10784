"""Requests to addresses that others named: to none but those allowed, wherever a name leads.

It is asked of each address that a name resolves to, just before the connection is made, so that no
second look-up can give another. Redirects are not followed.
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import urlsplit

from ..domain.networks import may_reach
from ..domain.webhooks import check_url
from ..operations.ports import Remaining
from .http import HttpApi

_NAME = "webhook"


class Outbound:
    """Posts to URLs of others, each time by a connection of its own.

    Args:
        networks: private ones that may be reached all the same, and those alone without TLS.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(networks)

    def allows(self, url: str) -> Callable[[str], bool]:
        """Whether a request to a URL may go to an address."""
        return partial(may_reach, networks=self._networks, public=url.startswith("https:"))

    def post(self, url: str, headers: Mapping[str, str], body: bytes, remaining: Remaining) -> int:
        """Post once; the HTTP status of the answer.

        Raises:
            ProviderError: there was none; its `vendor_code` says why.
        """
        # Once: a name server that stalls would take its time for each try, and nobody can cut it.
        api = HttpApi(_NAME, may_reach=self.allows(url), connects=1)
        try:
            answer = api.call("POST", url, remaining, headers=headers, data=body, max_bytes=None)
        finally:
            api.close()
        return answer.status

    def check(self, url: str) -> None:
        """Look where a URL leads now; each request is checked again when it is made.

        Raises:
            ValueError: it is none that we post to; the message says why.
        """
        parts = urlsplit(check_url(url))
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ValueError(f"the name {parts.hostname} leads to no address") from None
        addresses = {str(address[0]) for *_, address in found}
        may_reach = self.allows(url)
        if wrong := sorted(address for address in addresses if not may_reach(address)):
            how = "posted" if parts.scheme == "https" else "posted without TLS"
            raise ValueError(f"{parts.hostname} is at {wrong[0]}: nothing is {how} there")
