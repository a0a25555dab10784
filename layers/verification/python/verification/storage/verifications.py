"""Verifications in DynamoDB: each change of state is one conditional write.

How a guess is decided, two of them at the same moment, one attempt left:

    guess A ──> UpdateItem  attempts 4 -> 5, last_guess = A ──> returned item: verified or not
    guess B ──> UpdateItem  condition `attempts < max_attempts` fails ──> the item as it stood

No read before, no write after. The loser is handed the item it lost to, and learns why from it.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..aws import reaching_aws
from ..domain.identifiers import TOKEN, VerificationId
from ..domain.limits import BUDGETS, Charge
from ..domain.report import Report
from ..domain.verification import (
    DETAIL_NAMES,
    Delivery,
    Details,
    Guess,
    Reason,
    Record,
    Send,
    Status,
    Verdict,
    Verification,
    concerns,
    judge_counted,
    judge_refused,
)
from ..errors import (
    BudgetSpent,
    FieldFault,
    InvalidFields,
    LimitExceeded,
    NotFound,
)
from ..operations.ports import SEND_ROOM, Claim, Page, Remaining, SendId
from . import table
from .writes import CONDITION_FAILED, Writer, do_whole

# The parts of the conditions, by name.
_IS_OWN = "client_id = :client AND kid = :kid"
_IS_PENDING = "#status = :pending"
_IS_VALID = "valid_until > :now"
_HAS_ATTEMPTS_LEFT = "attempts < max_attempts"
_IS_NOT_VERIFIED = "(attribute_not_exists(last_guess) OR last_guess <> code_mac)"
_IS_NO_REPEAT = "(attribute_not_exists(guess_key) OR guess_key <> :key)"
_IS_AS_SEEN = "sends = :seen_sends AND lease_until = :seen_lease"
_IS_LIVE = f"{_IS_PENDING} AND {_IS_VALID} AND {_HAS_ATTEMPTS_LEFT} AND {_IS_NOT_VERIFIED}"

_SHARDS_TRIED = 3  # of a limit, before it counts as used up
# Not the common one: processes begun from one snapshot would draw the same.
_RANDOM = random.SystemRandom()

_ORPHAN_SECONDS = 3_600  # that a report stays whose send is not recorded, now or ever
_CURSOR = re.compile(f"(?P<created>[0-9]{{1,14}})-(?P<token>{TOKEN})")


class DynamoDbVerifications:
    """The table of verifications.

    Args:
        client: a low-level DynamoDB client.
        table_name: the sessions table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name
        self._writer = Writer(client, table_name)

    def create(
        self,
        verification: Verification,
        details: Details | None,
        charges: Sequence[Charge],
        remaining: Remaining,
    ) -> Verification | None:
        puts = [self._put_new(verification)]
        if details:
            item = table.write_details(verification, details)
            puts.append({"Put": {"TableName": self._table, "Item": item}})
        existing = self._transact(puts, charges, verification.created_at, remaining)
        return table.read_verification(existing) if existing else None

    def guess(self, guess: Guess) -> tuple[Verification, Verdict] | None:
        also = ""
        values = {
            ":mac": {"B": guess.mac},
            ":key": {"B": guess.key},
            ":now": {"N": str(guess.now)},
            ":client": {"S": guess.client_id},
            ":kid": {"S": guess.id.kid},
            ":pending": {"S": Status.PENDING},
            ":one": {"N": "1"},
        }
        if guess.destination_hash is not None:
            also += " AND destination_hash = :to"
            values[":to"] = {"B": guess.destination_hash}
        if guess.purpose is not None:
            also += " AND purpose = :purpose"
            values[":purpose"] = {"S": guess.purpose}
        return self._decide(
            guess,
            UpdateExpression=(
                "SET last_guess = :mac, guessed_at = :now, guess_key = :key ADD attempts :one"
            ),
            ConditionExpression=f"{_IS_OWN} AND {_IS_LIVE} AND {_IS_NO_REPEAT}{also}",
            ExpressionAttributeValues=values,
        )

    def _decide(
        self, guess: Guess, *, alone: bool = False, **update: Any
    ) -> tuple[Verification, Verdict] | None:
        """Do the write that decides a guess; judge it from the item as it is or as it stood."""
        done, item = self._writer.decide(
            table.verification_key(guess.id.token),
            ExpressionAttributeNames={"#status": "status"},
            **update,
        )
        if not done or not item:
            return self._refused(guess, item, alone=alone)
        verification = table.read_verification(item)
        return verification, judge_counted(verification)

    @staticmethod
    def _refused(
        guess: Guess, item: Mapping[str, Any] | None, *, alone: bool = False
    ) -> tuple[Verification, Verdict] | None:
        if not item:
            return None
        verification = table.read_verification(item)
        if not concerns(guess, verification):
            return None
        if alone and verification.status == Status.PENDING and not verification.is_verified:
            return verification, Verdict(False, Reason.INCORRECT)  # another one came in between
        return verification, judge_refused(guess, verification)

    def read(self, token: str) -> Record | None:
        with reaching_aws():
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": table.verification_key(token)["pk"]},
                ConsistentRead=True,
            )
        return table.read_record(answer["Items"])

    def list(self, client_id: str, destination_hash: bytes, limit: int, cursor: str | None) -> Page:
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": table.INDEX,
            "KeyConditionExpression": "destination_hash = :to AND begins_with(client_time, :own)",
            "ExpressionAttributeValues": {
                ":to": {"B": destination_hash},
                ":own": {"S": table.client_time(client_id)},
            },
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            query["ExclusiveStartKey"] = _start_key(client_id, destination_hash, cursor)
        with reaching_aws():
            answer = self._client.query(**query)
        tokens = [key["pk"]["S"].removeprefix("V#") for key in answer["Items"]]
        records = self._read_many(tokens)
        # Without LastEvaluatedKey this was the last page; with it, the last item's key is it.
        last = answer["Items"][-1]["client_time"]["S"] if answer.get("LastEvaluatedKey") else None
        return Page(
            tuple(record for token in tokens if (record := records.get(token))),
            last and last.removeprefix(table.client_time(client_id)).replace("#", "-"),
        )

    def _read_many(self, tokens: Sequence[str]) -> dict[str, Record]:
        if not tokens:
            return {}
        keys = [key(t) for t in tokens for key in (table.verification_key, table.details_key)]
        items: dict[str, list[Mapping[str, Any]]] = {}

        def read(asked: Mapping[str, Any]) -> Any:
            answer = self._client.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(self._table, []):
                items.setdefault(item["pk"]["S"].removeprefix("V#"), []).append(item)
            return answer.get("UnprocessedKeys")

        do_whole({self._table: {"Keys": keys, "ConsistentRead": True}}, read)
        found = {token: table.read_record(of_token) for token, of_token in items.items()}
        return {token: record for token, record in found.items() if record}

    def claim(
        self, seen: Verification, claim: Claim, charges: Sequence[Charge], remaining: Remaining
    ) -> Verification | None:
        update = {
            "TableName": self._table,
            "Key": table.verification_key(seen.token),
            "UpdateExpression": (
                "SET sends = :sends, sent_at = :sent, lease_until = :lease, "
                "channel = :channel, take_overs = :take_overs "
                "ADD auto_sends :automatic"
            ),
            "ConditionExpression": f"{_IS_LIVE} AND {_IS_AS_SEEN}",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":sends": {"N": str(claim.number)},
                ":sent": {"N": str(claim.sent_at)},
                ":lease": {"N": str(claim.lease_until)},
                ":channel": {"S": claim.channel},
                ":automatic": {"N": str(int(claim.automatic))},
                ":take_overs": {"N": str(claim.take_overs)},
                ":pending": {"S": Status.PENDING},
                ":now": {"N": str(claim.sent_at)},
                ":seen_sends": {"N": str(seen.sends)},
                ":seen_lease": {"N": str(seen.lease_until)},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        existing = self._transact([{"Update": update}], charges, claim.sent_at, remaining)
        return table.read_verification(existing) if existing else None

    def record_send(self, verification: Verification, send: Send) -> None:
        # An older life of this id may have left details, which TTL has not deleted yet: without
        # details of its own, this one takes them away rather than keep them longer.
        left = () if verification.detailed else DETAIL_NAMES
        self._writer.update_if(
            table.details_key(verification.token),
            UpdateExpression=(
                "SET #send = :send, expires_at = :ttl, schema_version = :version"
                + (", country = :country " if verification.country else " ")
                + (f"REMOVE {_names('#d', left)}" if left else "")
            ),
            ConditionExpression="attribute_not_exists(#send) OR #send.claimed <= :claimed",
            ExpressionAttributeNames={"#send": table.send_name(send.number), **_named("#d", left)},
            ExpressionAttributeValues={
                ":send": table.write_send(send),
                ":claimed": {"N": str(send.claimed)},
                ":ttl": {"N": str(verification.expires_at)},
                ":version": table.VERSION,
                # For what it costs: whoever reads it from the stream sees this item alone.
                **({":country": {"S": verification.country}} if verification.country else {}),
            },
        )

    def adopt(self, verification: Verification, adopted: Verification) -> None:
        names = ("channel", "code_mac", "verifier", "verifier_ref")
        item = table.write_verification(adopted)
        there = [name for name in names if name in item]
        gone = [name for name in names if name not in item]
        if adopted.code_mac != verification.code_mac:
            # A guess that was wrong until now must not become right by itself.
            gone += ["last_guess", "guess_key", "settled_key", "settled_reason"]
        self._writer.update_if(
            table.verification_key(verification.token),
            UpdateExpression="SET "
            + ", ".join(f"{name} = :{name}" for name in there)
            + (f" REMOVE {', '.join(gone)}" if gone else ""),
            ConditionExpression=f"{_IS_PENDING} AND {_IS_NOT_VERIFIED} AND sent_at = :claimed",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":pending": {"S": Status.PENDING},
                ":claimed": {"N": str(verification.sent_at)},
                **{f":{name}": item[name] for name in there},
            },
        )

    def confirm(self, guess: Guess, *, alone: bool = False) -> tuple[Verification, Verdict] | None:
        # From now on the guess is the code: all that speaks of codes works as with one of ours.
        also = " AND attempts = :one AND guess_key = :key" if alone else ""
        return self._decide(
            guess,
            alone=alone,
            UpdateExpression=(
                "SET code_mac = :mac, last_guess = :mac, guess_key = :key, settled_key = :key"
            ),
            ConditionExpression=f"{_IS_OWN} AND {_IS_PENDING} AND {_IS_NOT_VERIFIED}{also}",
            ExpressionAttributeValues={
                ":mac": {"B": guess.mac},
                ":key": {"B": guess.key},
                ":client": {"S": guess.client_id},
                ":kid": {"S": guess.id.kid},
                ":pending": {"S": Status.PENDING},
                **({":one": {"N": "1"}} if alone else {}),
            },
        )

    def dismiss(self, guess: Guess, reason: Reason) -> None:
        self._writer.update_if(
            table.verification_key(guess.id.token),
            UpdateExpression="SET settled_key = :key, settled_reason = :reason",
            ConditionExpression="guess_key = :key",
            ExpressionAttributeValues={":key": {"B": guess.key}, ":reason": {"S": reason}},
        )

    def ask_again(self, guess: Guess, before: int) -> bool:
        return self._writer.update_if(
            table.verification_key(guess.id.token),
            UpdateExpression="SET guessed_at = :now",
            ConditionExpression="guess_key = :key AND guessed_at <= :before",
            ExpressionAttributeValues={
                ":key": {"B": guess.key},
                ":now": {"N": str(guess.now)},
                ":before": {"N": str(before)},
            },
        )

    def end(self, token: str, began: int, now: int) -> bool:
        return self._writer.update_if(
            table.verification_key(token),
            UpdateExpression="SET ended = :true",
            ConditionExpression=(
                f"created_at = :began AND {_IS_PENDING} AND valid_until <= :now "
                f"AND {_IS_NOT_VERIFIED} AND attribute_not_exists(ended) "
                # Without a verifier, one that used its guesses up has failed by that.
                f"AND ({_HAS_ATTEMPTS_LEFT} OR attribute_exists(verifier))"
            ),
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":true": {"BOOL": True},
                ":began": {"N": str(began)},
                ":pending": {"S": Status.PENDING},
                ":now": {"N": str(now)},
            },
        )

    def follow(self, provider: str, message_id: str, send: SendId, expires_at: int) -> None:
        with reaching_aws():
            self._client.put_item(
                TableName=self._table,
                Item=table.message_key(provider, message_id)
                | {
                    "schema_version": table.VERSION,
                    "token": {"S": send.token},
                    "number": {"N": str(send.number)},
                    "began": {"N": str(send.began)},
                    "expires_at": {"N": str(expires_at)},
                },
            )

    def find_send(self, provider: str, message_id: str) -> SendId | None:
        with reaching_aws():
            answer = self._client.get_item(
                TableName=self._table, Key=table.message_key(provider, message_id)
            )
        item = answer.get("Item")
        if not item:
            return None
        return SendId(item["token"]["S"], int(item["number"]["N"]), int(item["began"]["N"]))

    def record_report(self, send: SendId, report: Report, now: int) -> bool:
        # It may come before the send is recorded; then it is the first to stand there.
        return self._writer.update_if(
            table.details_key(send.token),
            UpdateExpression=(
                "SET #report = :report, schema_version = :version, "
                "expires_at = if_not_exists(expires_at, :ttl)"
            ),
            ConditionExpression=(
                "attribute_not_exists(#report) OR #report.began < :began OR "
                "(#report.began = :began AND "
                "#report.delivery <> :delivered AND #report.delivery <> :delivery)"
            ),
            ExpressionAttributeNames={"#report": table.report_name(send.number, report.provider)},
            ExpressionAttributeValues={
                ":report": table.write_report(send, report, now),
                ":began": {"N": str(send.began)},
                ":delivery": {"S": report.delivery},
                ":delivered": {"S": Delivery.DELIVERED},
                ":ttl": {"N": str(now // 1000 + _ORPHAN_SECONDS)},
                ":version": table.VERSION,
            },
        )

    def try_from_page(self, verification: Verification, now: int, before: int) -> bool:
        return self._writer.update_if(
            table.details_key(verification.token),
            UpdateExpression="SET page_tried_at = :now",
            ConditionExpression=(
                "expires_at = :ttl AND attribute_exists(return_url) AND "
                "(attribute_not_exists(page_tried_at) OR page_tried_at <= :before)"
            ),
            ExpressionAttributeValues={
                ":now": {"N": str(now)},
                ":before": {"N": str(before)},
                ":ttl": {"N": str(verification.expires_at)},
            },
        )

    def use_result(self, verification: Verification, key: bytes) -> bool:
        # `expires_at` tells this life of the id from another: TTL deletes the two items apart.
        return self._writer.update_if(
            table.details_key(verification.token),
            UpdateExpression="SET result_key = :key",
            ConditionExpression=(
                "expires_at = :ttl AND attribute_exists(return_url) AND "
                "(attribute_not_exists(result_key) OR result_key = :key)"
            ),
            ExpressionAttributeValues={
                ":key": {"B": key},
                ":ttl": {"N": str(verification.expires_at)},
            },
        )

    def cancel(self, verification_id: VerificationId, client_id: str) -> Verification | None:
        done, item = self._writer.decide(
            table.verification_key(verification_id.token),
            UpdateExpression=f"SET #status = :canceled REMOVE {_names('#p', table.PERSONAL)}",
            ConditionExpression=_IS_OWN,
            ExpressionAttributeNames={"#status": "status", **_named("#p", table.PERSONAL)},
            ExpressionAttributeValues={
                ":canceled": {"S": Status.CANCELED},
                ":client": {"S": client_id},
                ":kid": {"S": verification_id.kid},
            },
        )
        if not done or not item:
            return None
        if item.get("detailed"):
            self._erase_details(verification_id.token, item["expires_at"])
        return table.read_verification(item)

    def _erase_details(self, token: str, ttl: Mapping[str, Any]) -> None:
        # What was recorded of the sends stays: it holds no personal data, and bills are
        # disputed by it. `detailed` stays on the item, so that a second DELETE erases what a
        # crash between the two writes left behind.
        # TTL deletes the two items apart: there may be nothing left to erase.
        self._writer.update_if(
            table.details_key(token),
            UpdateExpression=f"REMOVE {_names('#d', DETAIL_NAMES)}",
            ConditionExpression="expires_at = :ttl",
            ExpressionAttributeValues={":ttl": ttl},
            ExpressionAttributeNames=_named("#d", DETAIL_NAMES),
        )

    def _put_new(self, verification: Verification) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": table.write_verification(verification),
                # TTL deletes late: what should be gone by now is as good as gone.
                "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
                "ExpressionAttributeValues": {":now": {"N": str(verification.created_at // 1000)}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _charge(self, charge: Charge, now: int) -> dict[str, Any]:
        # A condition cannot add, so the amount is taken off the bound beforehand.
        return {
            "Update": {
                "TableName": self._table,
                "Key": table.limit_key(charge, now),
                "UpdateExpression": (
                    "SET expires_at = :ttl, schema_version = :version, #rule = :rule "
                    "ADD used :amount"
                ),
                "ConditionExpression": "attribute_not_exists(used) OR used <= :room",
                "ExpressionAttributeNames": {"#rule": "rule"},
                "ExpressionAttributeValues": {
                    ":ttl": {"N": str(charge.window_ends(now) + charge.limit.window)},
                    ":version": table.VERSION,
                    ":rule": {"S": charge.limit.rule},
                    ":amount": {"N": str(charge.amount)},
                    ":room": {"N": str(charge.part - charge.amount)},
                },
            }
        }

    def _transact(
        self,
        writes: Sequence[Mapping[str, Any]],
        charges: Sequence[Charge],
        now: int,
        remaining: Remaining,
    ) -> Mapping[str, Any] | None:
        """Do the writes and count the charges, all or nothing.

        Returns:
            None when all was written; else the item that the first write's condition met.

        Raises:
            LimitExceeded: the writes would do, a limit would not.
            TemporarilyUnavailable: other transactions were in the way until the deadline.
        """
        drawn, codes = draw_shards(charges), [None] * len(charges)
        if impossible := _impossible(drawn):
            if existing := self._find_put(writes[0], now):
                return existing
            raise _limit_exceeded(drawn, impossible, now)
        for _ in range(_SHARDS_TRIED):
            everything = [*writes, *(self._charge(charge, now) for charge in drawn)]
            reasons = self._writer.transact(everything, remaining, SEND_ROOM)
            if not reasons:
                return None
            codes = [reason.get("Code") for reason in reasons]
            if CONDITION_FAILED in codes[: len(writes)]:
                return _met(reasons[0])
            del codes[: len(writes)]
            if not _may_be_chance(drawn, codes):
                break
            drawn = draw_shards(drawn)  # one shard was full: another may not be
        # A replay is no reason to answer 429, and a cancelled transaction need not name every
        # condition that failed: look before refusing.
        if existing := self._find_put(writes[0], now):
            return existing
        raise _limit_exceeded(drawn, codes, now)

    def _find_put(self, write: Mapping[str, Any], now: int) -> Mapping[str, Any] | None:
        if "Put" not in write:
            return None
        item = write["Put"]["Item"]
        with reaching_aws():
            answer = self._client.get_item(
                TableName=self._table,
                Key={"pk": item["pk"], "sk": item["sk"]},
                ConsistentRead=True,
            )
        found: Mapping[str, Any] | None = answer.get("Item")
        # As the condition of the put: what should be gone by now is no replay.
        is_there = found and table.read_value(found["expires_at"]) > now // 1000
        return found if is_there else None


def _met(reason: Mapping[str, Any]) -> Mapping[str, Any]:
    """The item that a condition met; NotFound where there was none: a claim that came too late."""
    if item := reason.get("Item"):
        return dict(item)
    raise NotFound


def _start_key(client_id: str, destination_hash: bytes, cursor: str) -> table.Item:
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise InvalidFields(faults=[FieldFault("cursor", "is not one of ours")])
    token = match["token"]
    return table.verification_key(token) | {
        "destination_hash": {"B": destination_hash},
        "client_time": {"S": table.client_time(client_id, int(match["created"]), token)},
    }


def _named(prefix: str, names: Sequence[str]) -> dict[str, str]:
    return {f"{prefix}{n}": name for n, name in enumerate(names)}


def _names(prefix: str, names: Sequence[str]) -> str:
    return ", ".join(_named(prefix, names))


def draw_shards(charges: Sequence[Charge]) -> list[Charge]:
    """The charges, each on one of its limit's shards by chance."""
    return [replace(c, shard=_RANDOM.randrange(c.limit.shards)) for c in charges]


def _may_be_chance(charges: Sequence[Charge], codes: Sequence[str | None]) -> bool:
    """Whether all that failed did so on one shard of several."""
    failed = [c for c, code in zip(charges, codes, strict=True) if code == CONDITION_FAILED]
    return all(charge.limit.shards > 1 for charge in failed)


def _impossible(charges: Sequence[Charge]) -> list[str | None]:
    """What never fits: an amount over the whole limit. The condition would let a first one pass."""
    codes = [CONDITION_FAILED if c.amount > c.part else None for c in charges]
    return codes if any(codes) else []


def _limit_exceeded(
    charges: Sequence[Charge], codes: Sequence[str | None], now: int
) -> LimitExceeded:
    spent = [c for c, code in zip(charges, codes, strict=True) if code == CONDITION_FAILED]
    worst = max(spent, key=lambda charge: charge.retry_after(now))
    error = BudgetSpent if worst.limit.name in BUDGETS else LimitExceeded
    return error(
        f"The limit {worst.limit} is used up.",
        retry_after=worst.retry_after(now),
        limit=worst.limit.name,
    )
