"""What a provider's settings look like: one JSON object by provider, in one secret.

    {"messente": {"username": "…", "password": "…", "sender": "Shop"}, "webhook": {…}}

Each provider's own part is a model beside it; docs/providers.md has them all.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*|[0-9a-f:]+")
_VISIBLE = re.compile(r"[!-~]+")  # ASCII
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ProviderSettings(BaseModel):
    """Settings of one provider; a word it does not know is a fault, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its own words would repeat the address
        raise ValueError("should have a host, and a port of 1 to 65535") from None
    host = parts.hostname or ""
    plain = parts.scheme == "http" and host in _LOOPBACK
    if not _HOST.fullmatch(host) or port == 0 or not (parts.scheme == "https" or plain):
        raise ValueError("should begin with https:// and a host")
    if not _VISIBLE.fullmatch(url) or set("?#") & set(url) or parts.username or parts.password:
        raise ValueError("should have no credentials, query, fragment, space or control character")
    return url.rstrip("/")


def _check_header(secret: SecretStr) -> SecretStr:
    if not _VISIBLE.fullmatch(secret.get_secret_value()):
        raise ValueError("should be printable ASCII without spaces")
    return secret


type BaseUrl = Annotated[str, Field(max_length=500), AfterValidator(_check_url)]
"""An https address without a slash at its end; http on this machine alone."""

type Text = Annotated[str, Field(min_length=1, max_length=200)]
type Secret = Annotated[SecretStr, Field(min_length=1, max_length=500)]
"""Never shown: not in errors, not in a log, not in a repr()."""

type HeaderSecret = Annotated[Secret, AfterValidator(_check_header)]
"""A secret that goes into a header as it is."""
