"""What the fraud guard has seen, and what operators let through for a while, in DynamoDB."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..aws import reaching_aws
from ..domain.guard import Allowed, Seen, Tally, Window
from . import table
from .writes import Writer, do_whole

_KEPT_SECONDS = 3_600  # after its window: nobody reads it any more
_WORD = "word "  # begins the attributes of what is let through


class DynamoDbTallies:
    """The tallies of one stack.

    Args:
        client: a low-level DynamoDB client.
        table_name: the sessions table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name
        self._writer = Writer(client, table_name)

    def read(self, windows: Collection[Window], now: int) -> tuple[Mapping[Window, Tally], Allowed]:
        by_key = {table.tally_key(window)["pk"]["S"]: window for window in windows}
        keys = [*map(table.tally_key, windows), table.allowed_key()]
        found: dict[str, Mapping[str, Any]] = {}

        def read(asked: Mapping[str, Any]) -> Any:
            answer = self._client.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(self._table, []):
                found[item["pk"]["S"]] = item
            return answer.get("UnprocessedKeys")

        do_whole({self._table: {"Keys": keys}}, read)
        allowed = found.get(table.allowed_key()["pk"]["S"], {})
        tallies = {by_key[pk]: _read(item) for pk, item in found.items() if pk in by_key}
        return tallies, Allowed(frozenset(_current(_words(allowed), now)))

    def add(self, window: Window, seen: Seen) -> None:
        values: dict[str, Any] = {
            ":sends": {"N": str(seen.sends)},
            ":verified": {"N": str(seen.verified)},
            ":ttl": {"N": str(window.ends + _KEPT_SECONDS)},
            ":version": table.VERSION,
        }
        adding = ["sends :sends", "verified :verified"]
        if seen.countries:
            adding.append("countries :countries")
            values[":countries"] = {"SS": sorted(seen.countries)}
        if seen.joined:
            adding.append("numbers :joined")
            values[":joined"] = _numbers(seen.joined)
        self._writer.update(
            table.tally_key(window),
            UpdateExpression=(
                f"SET expires_at = :ttl, schema_version = :version ADD {', '.join(adding)}"
            ),
            ExpressionAttributeValues=values,
        )
        # An update cannot add to a set and take from it.
        if seen.cleared:
            self._take(window, "countries", {"SS": sorted(seen.cleared)})
        if seen.left:
            self._take(window, "numbers", _numbers(seen.left))

    def _take(self, window: Window, name: str, values: dict[str, Any]) -> None:
        self._writer.update(
            table.tally_key(window),
            UpdateExpression=f"DELETE {name} :gone",
            ExpressionAttributeValues={":gone": values},
        )

    def unblock(self, word: str, until: int, now: int) -> None:
        """Let a place through until then (epoch seconds); see domain.guard.Allowed.

        Args:
            now: epoch milliseconds; what was let through until then goes.
        """
        words = self._all_words()
        ended = words.keys() - _current(words, now).keys() - {word}
        gone = {f"#gone{n}": f"{_WORD}{one}" for n, one in enumerate(sorted(ended))}
        removing = f" REMOVE {', '.join(gone)}" if gone else ""
        self._writer.update(
            table.allowed_key(),
            UpdateExpression=f"SET #word = :until, schema_version = :version{removing}",
            ExpressionAttributeNames={"#word": f"{_WORD}{word}", **gone},
            ExpressionAttributeValues={":until": {"N": str(until)}, ":version": table.VERSION},
        )

    def unblocked(self, now: int) -> Mapping[str, int]:
        """What is let through now (epoch milliseconds), and until when (epoch seconds)."""
        return _current(self._all_words(), now)

    def _all_words(self) -> Mapping[str, int]:
        with reaching_aws():
            answer = self._client.get_item(
                TableName=self._table, Key=table.allowed_key(), ConsistentRead=True
            )
        return _words(answer.get("Item", {}))


def _words(item: Mapping[str, Any]) -> Mapping[str, int]:
    named = ((name, value) for name, value in item.items() if name.startswith(_WORD))
    return {name.removeprefix(_WORD): int(value["N"]) for name, value in named}


def _current(words: Mapping[str, int], now: int) -> Mapping[str, int]:
    return {word: until for word, until in words.items() if until > now // 1000}


def _read(item: Mapping[str, Any]) -> Tally:
    return Tally(
        int(item["sends"]["N"]),
        int(item["verified"]["N"]),
        frozenset(item.get("countries", {}).get("SS", ())),
        frozenset(map(int, item.get("numbers", {}).get("NS", ()))),
    )


def _numbers(numbers: Iterable[int]) -> dict[str, Any]:
    return {"NS": [str(number) for number in sorted(numbers)]}
