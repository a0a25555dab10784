"""What a provider's settings look like: one JSON object by provider, in one secret.

    {"messente": {"username": "…", "password": "…", "sender": "Shop"}, "webhook": {…}}

Each provider's own part is a model beside it; docs/providers.md has them all.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+", re.I)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ProviderSettings(BaseModel):
    """Settings of one provider; a word it does not know is a fault, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not _HOST.fullmatch(parts.hostname or "") or not (parts.scheme == "https" or plain):
        raise ValueError("should begin with https:// and a host")
    if parts.port == 0:  # a wrong one is a ValueError of its own
        raise ValueError("should have no port 0")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should have no credentials, query or fragment")
    return url.rstrip("/")


type BaseUrl = Annotated[str, Field(max_length=500), AfterValidator(_check_url)]
"""An https address without a slash at its end; http on this machine alone."""

type Text = Annotated[str, Field(min_length=1, max_length=200)]
type Secret = Annotated[SecretStr, Field(min_length=1, max_length=500)]
"""Never shown: not in errors, not in a log, not in a repr()."""
