"""Calls that are repeated: writes while only other writers are in the way, and rests of batches."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ..aws import delay, error_code, reaching_aws
from ..errors import TemporarilyUnavailable
from ..operations.ports import Remaining
from . import table

CONDITION_FAILED = "ConditionalCheckFailed"  # in the reasons of a transaction

_UPDATE_TRIES = 6  # of a single write that meets a transaction: about a second in all
_BATCH_TRIES = 6  # of a batch that DynamoDB does in part: the same


class Writer:
    """Writes to one table.

    Args:
        client: a low-level DynamoDB client.
        table_name: the table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def update(self, key: table.Item, **update: Any) -> Any:
        """Do one write; again when a transaction holds the item just then.

        Raises:
            TemporarilyUnavailable: the transactions did not end, or the table is out of reach.
        """
        for tries in range(_UPDATE_TRIES):
            try:
                with reaching_aws():
                    return self._client.update_item(TableName=self._table, Key=key, **update)
            except ClientError as error:
                if error_code(error) != "TransactionConflictException":
                    raise
            time.sleep(delay(tries))
        raise TemporarilyUnavailable(retry_after=1)

    def decide(self, key: table.Item, **update: Any) -> tuple[bool, Mapping[str, Any] | None]:
        """Do one write if its condition holds.

        Returns:
            Whether it did, and the item: as it is now, else as it stood; None where none did.
        """
        try:
            answer = self.update(
                key,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **update,
            )
        except ClientError as error:
            if not is_refused(error):
                raise
            stood: Any = error.response.get("Item")
            return False, stood
        return True, answer["Attributes"]

    def update_if(self, key: table.Item, **update: Any) -> bool:
        """Do one write if its condition holds; whether it did."""
        try:
            self.update(key, **update)
        except ClientError as error:
            if not is_refused(error):
                raise
            return False
        return True

    def transact(
        self, writes: Sequence[Mapping[str, Any]], remaining: Remaining, room: int
    ) -> Sequence[Mapping[str, Any]]:
        """Do all the writes or none; again while other transactions are in the way.

        Args:
            room: milliseconds that have to be left after it.

        Returns:
            Nothing when all was written; else for each write DynamoDB's reason, of which some
            have CONDITION_FAILED as their `Code`.

        Raises:
            TemporarilyUnavailable: other transactions were in the way until the deadline.
        """
        tries = 0
        while True:
            try:
                with reaching_aws():
                    self._client.transact_write_items(TransactItems=[*writes])
                return ()
            except ClientError as error:
                reasons = _reasons(error)
            codes = [reason.get("Code") for reason in reasons]
            if CONDITION_FAILED in codes:
                return reasons
            if codes and not _can_repeat(codes):
                raise ValueError(f"a transaction was refused: {codes}")
            tries = _wait(tries, remaining, room)


def do_whole(batch: Mapping[str, Any], do: Callable[[Mapping[str, Any]], Any]) -> None:
    """Do a batch, and again what DynamoDB left of it, until nothing is left.

    Args:
        do: one call; it returns what was left.

    Raises:
        TemporarilyUnavailable: something was left to the last, or the table is out of reach.
    """
    for tries in range(_BATCH_TRIES):
        if tries:
            time.sleep(delay(tries))
        with reaching_aws():
            batch = do(batch)
        if not batch:
            return
    raise TemporarilyUnavailable(retry_after=1)


def is_refused(error: ClientError) -> bool:
    """Whether a condition did not hold."""
    return error_code(error) == "ConditionalCheckFailedException"


def _reasons(error: ClientError) -> Sequence[Mapping[str, Any]]:
    if error_code(error) == "TransactionCanceledException":
        reasons: Sequence[Mapping[str, Any]] = error.response["CancellationReasons"]
        return reasons
    if error_code(error) == "TransactionInProgressException":
        return ()
    raise error


def _can_repeat(codes: Sequence[str | None]) -> bool:
    return {code for code in codes if code not in (None, "None")} <= {
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    }


def _wait(tries: int, remaining: Remaining, room: int) -> int:
    """Wait, unless too little time would be left for what comes after."""
    seconds = delay(tries)
    if remaining() - seconds * 1000 < room:
        raise TemporarilyUnavailable(retry_after=1)
    time.sleep(seconds)
    return tries + 1
