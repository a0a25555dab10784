"""The rules that docs/openapi.yaml has in words, as JSON schemas: with them, what fits is accepted.

All free text has a mark, which no log may have.
"""

import copy
from typing import Any

from tests.local.deploy import EMAIL_SENDER

MARK = "Geheim"

type Schema = dict[str, Any]

NUMBER = {"type": "string", "pattern": r"^\+3164[0-9]{7}$"}
BARE_NUMBER = {"type": "string", "pattern": r"^3164[0-9]{7}$"}
ADDRESS = {"type": "string", "pattern": r"^[a-z0-9]{6,20}@example\.(com|net|org)$"}
COUNTRY = {"enum": ["NL", "GB"]}
CURSOR = {"type": "string", "pattern": "^[0-9]{1,14}-[a-z2-7]{26}$"}
RESULT = {"type": "string", "pattern": "^[a-z2-7]{26}$"}
RETURN_URL = "https://shop.example.com/back"
SENDERS = [MARK, "+31641234567"]


def marked(longest: int) -> Schema:
    """A text with the mark, at most so long."""
    return {"type": "string", "pattern": f"^{MARK}[A-Za-z0-9]{{1,{longest - len(MARK)}}}$"}


def or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {"anyOf": [schema, {"type": "null"}]}


def narrowed(document: Schema) -> Schema:
    """The document with the rules in it."""
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    schemas["Start"] = _start(schemas["Start"])
    schemas["MessageBirdCreate"] = _create(schemas["MessageBirdCreate"])
    fields: dict[str, dict[str, Schema]] = {
        "Guess": {
            "code": {"type": "string", "pattern": "^[0-9]{4,16}$"},
            "to": or_null(NUMBER),
            "country": or_null(COUNTRY),
            "purpose": or_null(marked(64)),
        },
        "Resend": {"channel": {"enum": ["sms", "voice", None]}},
        "AppCode": {"code": {"type": "string", "pattern": "^[0-9]{6}$"}},
        "MessenteStart": {
            "to": BARE_NUMBER,
            "template": {"enum": [f"<PIN> is {MARK}"]},
            "from": {"enum": SENDERS},
            "browser": marked(40),
            "cookie": marked(40),
        },
        "MessentePin": {"browser": marked(40), "cookie": marked(40)},
        "VerigatorNewService": {
            "fqdn": {"type": "string", "pattern": r"^[a-z0-9]{6,20}\.example\.com$"},
            "name": marked(64),
        },
        "VerigatorNewUser": {"id_in_service": marked(255), "phone_number": NUMBER},
    }
    for name, narrower in fields.items():
        schemas[name]["properties"] |= narrower
    looked_up = ("/v1/verifications/{id}", "get")
    for path, method in (("/v1/verifications", "get"), looked_up, ("/v1/devices", "delete")):
        rules = {"to": NUMBER, "country": COUNTRY, "cursor": CURSOR, "result": RESULT}
        for parameter in document["paths"][path][method]["parameters"]:
            if parameter.get("name") in rules:
                parameter["schema"] = rules[parameter["name"]]
    return document


def _start(schema: Schema) -> Schema:
    """A start to a number with `channel` or with `channels`, or to an address."""
    fields = schema["properties"] | {
        "to": NUMBER,
        "country": or_null(COUNTRY),
        "channel": {"enum": ["sms", "voice", None]},
        "channels": {"enum": [["sms", "voice"], ["voice", "sms"], None]},
        "max_sends": {"type": "integer", "minimum": 2, "maximum": 10},
        "resend_after": or_null({"type": "integer", "minimum": 15, "maximum": 29}),
        "template": or_null(
            {"enum": [f"{{code}} is {MARK}", f"{{{{{MARK}}}}}\n{{brand}} {{code}}"]}
        ),
        "sender": or_null({"enum": SENDERS}),
        "webotp_domain": {"enum": ["shop.example.com", None]},
        "android_hash": {"enum": ["FA+9qCX9VSu", None]},
        "purpose": or_null(marked(64)),
        "reference": or_null(marked(128)),
        "metadata": or_null(
            {
                "type": "object",
                "maxProperties": 10,
                "propertyNames": marked(64),
                "additionalProperties": marked(256),
            }
        ),
        "ip": {"enum": ["203.0.113.77", "2001:db8::77", None]},
        "user_agent": or_null(marked(512)),
        "page": {
            "enum": [
                {"return_url": RETURN_URL},
                {"return_url": RETURN_URL, "webotp": False},
                {"return_url": RETURN_URL, "call": True},
            ]
        },
    }
    by_mail = fields | {
        "to": ADDRESS,
        "channel": {"enum": ["email", None]},
        "sender": {"enum": [EMAIL_SENDER, None]},
        "subject": {"enum": [f"{MARK} of {{brand}}", None]},
    }
    return {
        "anyOf": [
            _less(schema, fields, "subject", "channels"),
            _less(schema, fields, "subject", "channel"),
            _less(schema, by_mail, "channels", "webotp_domain", "android_hash"),
        ]
    }


def _create(schema: Schema) -> Schema:
    """A Verify object for a number, or for an address."""
    fields = schema["properties"] | {
        "recipient": BARE_NUMBER,
        "originator": {"enum": SENDERS},
        "reference": marked(128),
        "type": {"enum": ["sms", "flash", "tts"]},
        "template": {"enum": [f"%token is {MARK}", f"{MARK}: %token, %token"]},
        "language": {"enum": ["en-gb", "nl-nl", "zh-cn"]},  # all others would cost a minute
        "subject": marked(150),
        "reportUrl": {"enum": ["https://shop.example.com/report"]},
    }
    by_mail = fields | {
        "recipient": ADDRESS,
        "originator": {"enum": [EMAIL_SENDER]},
        "type": {"const": "email"},
    }
    # In a form a name stands once: a list would be there twice.
    schema |= {"additionalProperties": {"type": "string"}}
    mail = _less(schema, by_mail) | {"required": ["recipient", "type"]}
    return {"anyOf": [_less(schema, fields), mail]}


def _less(schema: Schema, fields: Schema, *names: str) -> Schema:
    """The schema with these fields, but for some."""
    return schema | {"properties": {n: field for n, field in fields.items() if n not in names}}
