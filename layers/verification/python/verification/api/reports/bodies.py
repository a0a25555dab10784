"""The bodies of reports, read so that no body can hurt: they come from anybody."""

import json
from typing import Any

MAX_BODY_BYTES = 65_536


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty for what is none, or larger than the bound."""
    if len(body) > MAX_BODY_BYTES:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, not text, nested to the sky
        return {}
    return value if isinstance(value, dict) else {}
