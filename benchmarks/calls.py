"""Calls to AWS and capacity of DynamoDB, for each operation, as they pass the door, warm.

DynamoDB Local tells what a call takes, but for three things, which are counted here by AWS's rules
(DynamoDB developer guide, *Read and write operations*, *Transactions*):

- a transaction: it says 4 units for any small one. AWS: 2 write units for each item and begun KB
  of it, whether it is put, updated or only checked;
- a condition that fails: it says nothing. AWS: the write units of the item as it stands, 1 at
  least;
- items of a batch that are not there: it says nothing. AWS: as if they were, and small.

The index of the sessions table is written when an item comes, and when its keys go: those units
are counted apart, as AWS bills them.
"""

import base64
import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.cold import check
from benchmarks.started import Started, start_some
from benchmarks.wire import Said
from benchmarks.world import DIRECTORY_TABLE, SESSIONS_TABLE, World, a_number
from tests.local import ROOT

OPERATIONS = {
    "ours": ("start", "verify", "lookup", "delete", "resend", "tally"),
    "naive": ("start", "verify"),
}
_ASKED = ("start", "verify", "lookup", "delete")  # the others look after what these did
_CALLS = 5  # of each operation, after one that is not counted
_FAILED = "ConditionalCheckFailedException"


def measure(world: World) -> dict[str, Any]:
    """Of one request, for each variant and operation: `calls` by name, `read_units`,
    `write_units`, `index_write_units`, `item_bytes` of the largest item that was written,
    `cpu_seconds`, `log_bytes`; and `first`, the same of the first request.

    The largest number of each, over the requests, is what is not the same in all of them.
    """
    found: dict[str, Any] = {}
    for variant, operations in OPERATIONS.items():
        with world.door.listening() as heard:
            started = start_some(world, variant, _CALLS + 1)
        looks = [c.request["MessageBody"] for c in heard.calls if c.operation == "SendMessage"]
        new = old = _images(world, started) if variant == "ours" else []
        found[variant] = {}
        for operation in operations:
            if operation == "resend":
                events = [_look(body) for body in looks]
            elif operation == "tally":
                events = [_change(*images) for images in zip(old, new, strict=True)]
            else:
                events = _events(world, operation, [(one.id, one.code) for one in started])
            found[variant][operation] = _one(world, variant, operation, events)
            if operation == "verify" and variant == "ours":
                new = _images(world, started)
    return found


def _one(world: World, variant: str, operation: str, events: list[Any]) -> dict[str, Any]:
    with world.function(variant, operation) as function:
        replies, logged = [], 0
        with world.door.listening() as first:
            replies.append(function.invoke(events[0]))
        logged = len(function.output.encode())
        with world.door.listening() as heard:
            replies += [function.invoke(event) for event in events[1:]]
        logged = len(function.output.encode()) - logged
        for reply in replies:
            if operation in _ASKED:
                check(operation, reply.status)
            elif reply.body["batchItemFailures"]:
                raise AssertionError(f"{operation} left something undone: {function.output}")
    return summary(world, heard.calls, _CALLS) | {
        "cpu_seconds": statistics.median(reply.cpu for reply in replies[1:]),
        "log_bytes": logged / _CALLS,
        "first": summary(world, first.calls, 1),
    }


def _look(body: str) -> Any:
    """A look at a send as SQS hands it over, when it is time for it."""
    event = json.loads((ROOT / "events/resend-queue.json").read_text())
    event["Records"][0]["body"] = json.dumps(json.loads(body))
    return event


def _images(world: World, started: Sequence[Started]) -> list[dict[str, Any]]:
    return [_image(world, one) for one in started]


def _image(world: World, started: Started) -> dict[str, Any]:
    """The item of a verification, as streams and events have it: bytes in Base64."""
    key = {"pk": {"S": f"V#{started.id[1:]}"}, "sk": {"S": "V"}}  # the id begins with its key's
    item = world.dynamodb.get_item(TableName=SESSIONS_TABLE, Key=key)["Item"]
    return {
        name: {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value
        for name, value in item.items()
    }


def _change(old: Any, new: Any) -> Any:
    """What the stream tells of a start and of the right guess after it."""
    event = json.loads((ROOT / "events/tally-stream.json").read_text())
    [record] = event["Records"]
    keys = {name: new[name] for name in ("pk", "sk")}
    begun = record["dynamodb"] | {"Keys": keys, "NewImage": old}
    judged = begun | {"NewImage": new, "OldImage": old, "SequenceNumber": "2" * 25}
    event["Records"] = [
        record | {"dynamodb": begun},
        record | {"dynamodb": judged, "eventName": "MODIFY", "eventID": "2" * 32},
    ]
    return event


def _events(world: World, operation: str, started: list[tuple[str, str]]) -> list[Any]:
    path = "/v1/verifications/{id}"
    if operation == "start":
        return [world.start_event(a_number()) for _ in started]
    if operation == "verify":
        return [world.verify_event(id_, code) for id_, code in started]
    method = {"lookup": "GET", "delete": "DELETE"}[operation]
    return [world.event(method, path, id_=id_) for id_, _ in started]


def summary(world: World, calls: Iterable[Said], requests: int) -> dict[str, Any]:
    """What calls come to, for one request of as many; of several, what is done once a minute is
    left out."""
    names: Counter[str] = Counter()
    units: Counter[str] = Counter()
    largest = 0
    for call in calls:
        if requests > 1 and is_minutely(call):
            continue
        names[f"{call.service}:{call.operation}".replace("vendor:", "vendor:POST ")] += 1
        if call.service == "dynamodb":
            units.update(capacity(world, call))
            largest = max(largest, *(size_of(item) for item in _items(call)), 0)
    return {
        "calls": {name: count / requests for name, count in sorted(names.items())},
        **{kind: units[kind] / requests for kind in ("read_units", "write_units")},
        "index_write_units": units["index_write_units"] / requests,
        "item_bytes": largest,
    }


def is_minutely(call: Said) -> bool:
    """Whether it reads credentials again, as each environment does once a minute."""
    # On a slow machine a minute may end between any two requests.
    return call.operation == "GetItem" and call.request["TableName"] == DIRECTORY_TABLE


def capacity(world: World, call: Said) -> Mapping[str, float]:
    """Units of one call to DynamoDB, by AWS's rules where DynamoDB Local has others."""
    if call.operation == "TransactWriteItems":
        return _transaction(world, call.request["TransactItems"])
    if call.operation == "BatchGetItem":
        return {"read_units": _batch(call)}
    writes = call.operation in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")
    if call.status != 200:
        failed = call.answer["__type"].endswith(_FAILED)
        size = size_of(call.answer.get("Item", {}))
        return {"write_units": max(1, math.ceil(size / 1024)) if failed else 0}
    consumed = call.answer["ConsumedCapacity"]
    units: dict[str, float] = defaultdict(float)
    for one in consumed if isinstance(consumed, list) else [consumed]:
        indexes = sum(
            index["CapacityUnits"] for index in one.get("GlobalSecondaryIndexes", {}).values()
        )
        if writes:
            units["write_units"] += one["CapacityUnits"] - indexes
            units["index_write_units"] += indexes
        else:
            units["read_units"] += one["CapacityUnits"]
    return units


def _transaction(world: World, members: list[dict[str, Any]]) -> Mapping[str, float]:
    """2 units for each begun KB of each item; and the index's, when an item comes into it."""
    units: dict[str, float] = defaultdict(float)
    for member in members:
        [(kind, what)] = member.items()
        if kind == "Put":
            item = what["Item"]
            units["index_write_units"] += "destination_hash" in item
        else:
            key = what["Key"]
            item = world.dynamodb.get_item(TableName=what["TableName"], Key=key).get("Item")
        units["write_units"] += 2 * max(1, math.ceil(size_of(item or {}) / 1024))
    return units


def _batch(call: Said) -> float:
    """Half a unit for each begun 4 KB of each item, there or not; if read consistently, one."""
    units = 0.0
    for table, asked in call.request["RequestItems"].items():
        each = 1 if asked.get("ConsistentRead") else 0.5
        found = call.answer["Responses"].get(table, [])
        units += each * (len(asked["Keys"]) - len(found))
        units += sum(each * max(1, math.ceil(size_of(item) / 4096)) for item in found)
    return units


def _items(call: Said) -> list[Any]:
    """The items that a call wrote, as far as the wire has them."""
    if call.operation == "TransactWriteItems":
        return [m["Put"]["Item"] for m in call.request["TransactItems"] if "Put" in m]
    if call.operation == "PutItem":
        return [call.request["Item"]]
    answer = call.answer or {}
    if call.request.get("ReturnValues") == "ALL_NEW":
        return [answer.get("Attributes", {})]
    return []


def size_of(item: Mapping[str, Any]) -> int:
    """Bytes of an item as DynamoDB counts them; of names and of values.

    Numbers: a byte for each two digits, and one more; lists and maps: 3 bytes, and 1 for each
    member (DynamoDB developer guide, *Item sizes and formats*).
    """
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    [(kind, what)] = value.items()
    if kind == "S":
        return len(what.encode())
    if kind == "B":
        return len(what) * 3 // 4 - what[-2:].count("=") if isinstance(what, str) else len(what)
    if kind == "N":
        return math.ceil(len(what.lstrip("-").replace(".", "").strip("0") or "0") / 2) + 1
    if kind == "M":
        return 3 + sum(len(name.encode()) + 1 + _size(one) for name, one in what.items())
    if kind == "L":
        return 3 + sum(1 + _size(one) for one in what)
    return 1  # BOOL, NULL
