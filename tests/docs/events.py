"""Events, as docs/events.md describes them."""

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from .sources import read


@cache
def schema() -> Draft202012Validator:
    """The JSON schema in docs/events.md."""
    [text] = re.findall(r"^```json schema\n(.*?)^```", read("docs/events.md"), re.M | re.S)
    Draft202012Validator.check_schema(found := json.loads(text))
    return Draft202012Validator(found)


def check_event(event: dict[str, Any]) -> None:
    """Every event has to be as the schema says."""
    faults = [f"{fault.json_path}: {fault.message}" for fault in schema().iter_errors(event)]
    assert not faults, (faults, event)
