"""Calls to AWS and capacity of DynamoDB, for each operation, as they pass the door, warm.

DynamoDB Local tells what a call takes, but for two things, which are counted here by AWS's rules
(DynamoDB developer guide, *Read and write capacity*):

- a transaction: it says 4 units for any small one. AWS: 2 write units for each item and begun KB
  of it, whether it is put, updated or only checked;
- a condition that fails: it says nothing. AWS: the write units of the item as it stands, 1 at
  least.

The index of the sessions table is written when an item comes, and when its keys go: those units
are counted apart, as AWS bills them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.cold import check
from benchmarks.started import start_some
from benchmarks.wire import Said
from benchmarks.world import World, a_number

OPERATIONS = {"ours": ("start", "verify", "lookup", "delete"), "naive": ("start", "verify")}
_CALLS = 5  # of each operation, after one that is not counted
_FAILED = "ConditionalCheckFailedException"


def measure(world: World) -> dict[str, Any]:
    """For each variant and operation: `calls` by name, `read_units`, `write_units`,
    `index_write_units` and `item_bytes`, the largest item that was written; of one request.

    Also `credentials`: what the first request in a minute reads besides, ours alone.
    """
    found: dict[str, Any] = {}
    for variant, operations in OPERATIONS.items():
        started = start_some(world, variant, _CALLS + 1)
        found[variant] = {}
        for operation in operations:
            events = _events(world, operation, [(one.id, one.code) for one in started])
            with world.function(variant, operation) as function:
                with world.door.listening() as first:
                    check(operation, function.invoke(events[0]).status)
                with world.door.listening() as heard:
                    for event in events[1:]:
                        check(operation, function.invoke(event).status)
            found[variant][operation] = summary(world, heard.calls, _CALLS)
            found[variant][operation]["first"] = summary(world, first.calls, 1)
    return found


def _events(world: World, operation: str, started: list[tuple[str, str]]) -> list[Any]:
    path = "/v1/verifications/{id}"
    if operation == "start":
        return [world.start_event(a_number()) for _ in started]
    if operation == "verify":
        return [world.verify_event(id_, code) for id_, code in started]
    method = {"lookup": "GET", "delete": "DELETE"}[operation]
    return [world.event(method, path, id_=id_) for id_, _ in started]


def summary(world: World, calls: Iterable[Said], requests: int) -> dict[str, Any]:
    """What calls come to, for one request of as many."""
    names: Counter[str] = Counter()
    units: Counter[str] = Counter()
    largest = 0
    for call in calls:
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


def capacity(world: World, call: Said) -> dict[str, float]:
    """Units of one call to DynamoDB, by AWS's rules where DynamoDB Local has others."""
    if call.operation == "TransactWriteItems":
        return _transaction(world, call.request["TransactItems"])
    writes = call.operation in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")
    if call.status != 200:
        failed = call.answer["__type"].endswith(_FAILED)
        size = size_of(call.answer.get("Item", {}))
        return {"write_units": max(1, math.ceil(size / 1024)) if failed else 0}
    consumed = call.answer["ConsumedCapacity"]
    units: Counter[str] = Counter()
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


def _transaction(world: World, members: list[dict[str, Any]]) -> dict[str, float]:
    """2 units for each begun KB of each item; and the index's, when an item comes into it."""
    units: Counter[str] = Counter()
    for member in members:
        [(kind, what)] = member.items()
        if kind == "Put":
            item = what["Item"]
            units["index_write_units"] += "destination_hash" in item
        else:
            key = what["Key"]
            item = world.dynamodb.get_item(TableName=what["TableName"], Key=_plain(key)).get("Item")
        units["write_units"] += 2 * max(1, math.ceil(size_of(item or {}) / 1024))
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


def _plain(key: Mapping[str, Any]) -> dict[str, Any]:
    return dict(key)


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
