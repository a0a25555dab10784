"""What stands in the tables: keys, attributes and their types. Nothing else knows these names.

    SessionsTable                                  pk                              sk
    verification                                   V#<token>                       V
    its details, recorded sends and reports        V#<token>                       D
    count of one limit in one window               L#<name>#<span>#<subject>#<n>   L
      (one of its shards: …#<n>#<shard>)
    what the guard saw in one window               G#<kind>#<subject>#<n>          G
    what operators let through for a while         G#allowed                       G
    which send a vendor's message belongs to       M#<provider>#<message id>       M
    message of the sandbox provider                S#<destination>                 <time>#<id>
    device that needs no code                      T#<client id>#<subject>         T#<device>

    DirectoryTable                                 pk                              sk
    client                                         C#<client id>                   C
    when its secrets were used                     K#<client id>                   K
    what messages cost                             P#prices                        P
    service                                        S#<service id>                  S
    its user                                       S#<service id>                  U#<user id>
    which user has a name in it                    S#<service id>                  I#<id in service>
    which service of a client has a host name      N#<client id>#<host name>       N
    webhook                                        W#<client id>                   W#<webhook id>

The index `by_destination` (keys only) has `destination_hash` and `client_time`, so one query
finds a client's verifications of a destination in order of time, and one without the client
finds everybody's (for erasing).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..domain.guard import Window
from ..domain.limits import Charge
from ..domain.report import Report
from ..domain.verification import (
    DETAIL_NAMES,
    Channel,
    Delivery,
    Details,
    Outcome,
    Reason,
    Record,
    Send,
    Status,
    Try,
    Verification,
)
from ..operations.ports import SendId, Sent

VERSION = {"N": "4"}  # of the items' shape, as their attribute `schema_version`
INDEX = "by_destination"

type Item = dict[str, dict[str, Any]]

_TYPES = {
    "token": "S",
    "kid": "S",
    "client_id": "S",
    "status": "S",
    "channel": "S",
    "created_at": "N",
    "valid_until": "N",
    "expires_at": "N",
    "code_length": "N",
    "max_attempts": "N",
    "max_sends": "N",
    "sends": "N",
    "sent_at": "N",
    "lease_until": "N",
    "brand": "S",
    "attempts": "N",
    "take_overs": "N",
    "auto_sends": "N",
    "max_auto_sends": "N",
    "resend_after": "N",
    "to": "S",
    "destination_hash": "B",
    "nonce": "B",
    "code_mac": "B",
    "last_guess": "B",
    "guess_key": "B",
    "guessed_at": "N",
    "request_mac": "B",
    "country": "S",
    "locale": "S",
    "purpose": "S",
    "reference": "S",
    "user": "S",
    "sender": "S",
    "flash": "BOOL",
    "voice": "S",
    "device": "B",
    "detailed": "BOOL",
    "test": "BOOL",
    "suspicions": "S",
    "ip": "B",
    "paid": "S",
    "credited": "BOOL",
    "channels": "S",
    "verifier": "S",
    "verifier_ref": "S",
    "settled_key": "B",
    "settled_reason": "S",
    "ended": "BOOL",
}
_ENUMS = {"status": Status, "channel": Channel, "settled_reason": Reason}

_SEND = "send_"  # a recorded send, by its number

# Gone from the item when a verification is deleted.
PERSONAL = (
    "to",
    "destination_hash",
    "client_time",
    "nonce",
    "code_mac",
    "last_guess",
    "reference",
    "user",
    "device",
    "ip",
    "paid",
)


def write_value(kind: str, value: Any) -> dict[str, Any]:
    """One attribute as DynamoDB takes it."""
    return {kind: str(value) if kind in ("N", "S") else value}


def read_value(attribute: Mapping[str, Any]) -> Any:
    """The Python value of one attribute."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value)
    if kind == "M":
        return {name: read_value(member) for name, member in value.items()}
    if kind == "L":
        return [read_value(member) for member in value]
    return value


def verification_key(token: str) -> Item:
    return {"pk": {"S": f"V#{token}"}, "sk": {"S": "V"}}


def details_key(token: str) -> Item:
    return {"pk": {"S": f"V#{token}"}, "sk": {"S": "D"}}


def limit_key(charge: Charge, now: int) -> Item:
    return window_key(charge.window_key(now))


def window_key(key: str) -> Item:
    """Of a limit's window, see domain.limits.Charge.window_key()."""
    return {"pk": {"S": f"L#{key}"}, "sk": {"S": "L"}}


def tally_key(window: Window) -> Item:
    pk = f"G#{window.kind}#{window.subject.hex()}#{window.index}"
    return {"pk": {"S": pk}, "sk": {"S": "G"}}


def allowed_key() -> Item:
    return {"pk": {"S": "G#allowed"}, "sk": {"S": "G"}}


def use_key(client_id: str) -> Item:
    return {"pk": {"S": f"K#{client_id}"}, "sk": {"S": "K"}}


def prices_key() -> Item:
    return {"pk": {"S": "P#prices"}, "sk": {"S": "P"}}


def client_key(client_id: str) -> Item:
    return {"pk": {"S": f"C#{client_id}"}, "sk": {"S": "C"}}


def service_key(service_id: str) -> Item:
    return {"pk": {"S": f"S#{service_id}"}, "sk": {"S": "S"}}


def host_name_key(client_id: str, fqdn: str) -> Item:
    return {"pk": {"S": f"N#{client_id}#{fqdn}"}, "sk": {"S": "N"}}


def user_key(service_id: str, user_id: str = "") -> Item:
    """Of a user; without one, what the keys of all users of a service begin with."""
    return {"pk": service_key(service_id)["pk"], "sk": {"S": f"U#{user_id}"}}


def user_name_key(service_id: str, id_in_service: str) -> Item:
    """At most 1,022 bytes, of the 1,024 that DynamoDB takes: 255 characters of four bytes."""
    return {"pk": service_key(service_id)["pk"], "sk": {"S": f"I#{id_in_service}"}}


def webhook_key(client_id: str, webhook_id: str) -> Item:
    """Of a webhook; those of a client stand together."""
    return {"pk": {"S": f"W#{client_id}"}, "sk": {"S": f"W#{webhook_id}"}}


def message_key(provider: str, message_id: str) -> Item:
    return {"pk": {"S": f"M#{provider}#{message_id}"}, "sk": {"S": "M"}}


def sandbox_key(to: str, now: int, message_id: str) -> Item:
    return {"pk": {"S": f"S#{to}"}, "sk": {"S": f"{now:014d}#{message_id}"}}


def device_key(client_id: str, destination_hash: bytes, device: bytes = b"") -> Item:
    """Two hashes: neither the number nor the cookie can be read from it."""
    pk = f"T#{client_id}#{destination_hash.hex()}"
    return {"pk": {"S": pk}, "sk": {"S": f"T#{device.hex()}"}}


def client_time(client_id: str, created_at: int | None = None, token: str = "") -> str:
    """The index's range key; without a time, what all of a client's begin with."""
    return f"{client_id}#" if created_at is None else f"{client_id}#{created_at:014d}#{token}"


def write_verification(verification: Verification) -> Item:
    """The item of a verification; what is absent or false takes no room."""
    item = verification_key(verification.token)
    item["schema_version"] = VERSION
    for name, kind in _TYPES.items():
        value = getattr(verification, name)
        if name != "token" and value is not None and value is not False:
            item[name] = write_value(kind, value)
    item["client_time"] = {
        "S": client_time(verification.client_id, verification.created_at, verification.token)
    }
    return item


def read_verification(item: Mapping[str, Any]) -> Verification:
    values = {name: read_value(item[name]) for name in _TYPES if name in item}
    values |= {name: enum(values[name]) for name, enum in _ENUMS.items() if name in values}
    return Verification(token=item["pk"]["S"].removeprefix("V#"), **values)


def write_details(verification: Verification, details: Details) -> Item:
    item = details_key(verification.token) | {
        "schema_version": VERSION,
        "expires_at": {"N": str(verification.expires_at)},
    }
    for name in DETAIL_NAMES:
        value = getattr(details, name)
        if name == "metadata" and value is not None:
            item[name] = {"M": {key: {"S": text} for key, text in value.items()}}
        elif value is True:
            item[name] = {"BOOL": True}
        elif value is not None and value is not False:
            item[name] = {"S": value}
    return item


_TRY_TYPES = {
    "provider": "S",
    "channel": "S",
    "outcome": "S",
    "at": "N",
    "message_id": "S",
    "vendor_code": "S",
    "refused": "BOOL",
    "delegated": "BOOL",
    "feedback": "BOOL",
}


def write_send(send: Send) -> dict[str, Any]:
    return {
        "M": {
            "claimed": write_value("N", send.claimed),
            "outcome": write_value("S", send.outcome),
            "tries": {"L": [_write_try(one) for one in send.tries]},
        }
    }


def _write_try(one: Try) -> dict[str, Any]:
    values = ((name, kind, getattr(one, name)) for name, kind in _TRY_TYPES.items())
    return {"M": {n: write_value(k, v) for n, k, v in values if v is not None and v is not False}}


def write_report(send: SendId, report: Report, now: int) -> dict[str, Any]:
    written = {
        "delivery": write_value("S", report.delivery),
        "at": write_value("N", now),
        "began": write_value("N", send.began),
    }
    if report.vendor_code:
        written["vendor_code"] = write_value("S", report.vendor_code)
    return {"M": written}


def send_name(number: int) -> str:
    """The attribute of a recorded send; its number is the last part."""
    return f"{_SEND}{number}"


def report_name(number: int, provider: str) -> str:
    """The attribute of a provider's report on a send."""
    return f"report_{number}_{provider}"


def _read_send(verification: Verification, number: int, beside: Mapping[str, Any]) -> Send:
    written = beside[send_name(number)]

    def read_try(values: Mapping[str, Any]) -> Try:
        one = _read_try(values)
        report = beside.get(report_name(number, values["provider"]))
        # Reports on an older life of this id, and on what was not taken, say nothing.
        counts = report and report["began"] == verification.created_at
        taken = one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        delivery = Delivery(report["delivery"]) if report and counts and taken else None
        return replace(one, report=delivery)

    return Send(
        number=number,
        claimed=written["claimed"],
        outcome=Outcome(written["outcome"]),
        tries=tuple(map(read_try, written["tries"])),
    )


def read_sends(verification: Verification, item: Mapping[str, Any]) -> tuple[Send, ...]:
    """What was recorded of a verification's sends in the item beside it."""
    beside = {name: read_value(value) for name, value in item.items()}
    sends = (
        _read_send(verification, number, beside)
        for number in range(1, verification.sends + 1)
        if send_name(number) in beside
    )
    # TTL deletes the two items apart: an older life of this id may have left things beside it.
    return tuple(send for send in sends if send.claimed >= verification.created_at)


def read_sent(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sent | None:
    """What a write to the recorded sends of a verification says was taken; None where nothing."""
    known = [one for name in _sends(before) for one in before[name]["M"]["tries"]["L"]]
    found = [one for name in _sends(after) for one in after[name]["M"]["tries"]["L"]]
    tries = [_read_try(read_value(one)) for one in found if one not in known]
    taken = tuple(one for one in tries if one.outcome == Outcome.ACCEPTED)
    return Sent(after.get("country", {}).get("S"), taken) if taken else None


def _sends(item: Mapping[str, Any]) -> list[str]:
    return [name for name in item if name.startswith(_SEND)]


def _read_try(values: Mapping[str, Any]) -> Try:
    enums = {"channel": Channel(values["channel"]), "outcome": Outcome(values["outcome"])}
    return Try(**{**values, **enums})


def read_record(items: list[Mapping[str, Any]]) -> Record | None:
    """Put together the items of one verification; None without the verification itself."""
    by_kind = {item["sk"]["S"]: item for item in items}
    if "V" not in by_kind:
        return None
    verification = read_verification(by_kind["V"])
    beside = by_kind.get("D", {})
    known = [name for name in DETAIL_NAMES if verification.detailed and name in beside]
    tried = beside.get("page_tried_at") if verification.detailed else None
    return Record(
        verification,
        Details(**{name: read_value(beside[name]) for name in known}),
        read_sends(verification, beside),
        read_value(tried) if tried else None,
    )
