"""Clients in DynamoDB, and the check of their credentials."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeIs

from botocore.exceptions import ClientError

from ..aws import reaching_aws
from ..domain.guard import Mode
from ..domain.limits import parse_all_limits
from ..domain.policy import Client, Profile, Scope
from ..errors import TemporarilyUnavailable, Unauthorized
from ..valueclass import valueclass
from . import table

CACHE_SECONDS = 60  # a revoked secret works no longer than this
LOOK_AGAIN_SECONDS = 5  # a new secret or client works after this, and may be looked for so often
CACHE_ENTRIES = 1_000

USE_SECONDS = 3_600  # how often at most the use of a secret is written down

_LISTS = ("networks", "senders")  # of a client; there only where it has some
_SETS = ("countries", "refused_kinds")  # of its profile; absent: as the stack says
_MAPS = ("senders", "templates")  # of its profile, by country

# Compared with when there is nothing to compare with, so that it takes as long.
_NO_HASH = bytes(32)


@valueclass
class Secret:
    """A hashed secret of a client.

    Args:
        hash: SHA-256; enough, since the secret is 256 random bits and no password.
        valid_until: epoch milliseconds; None while it was not rotated.
    """

    hash: bytes
    valid_until: int | None = None


@valueclass
class ClientRecord:
    """A client as it is stored. A disabled one keeps its verifications and opens nothing."""

    client: Client
    secrets: tuple[Secret, ...]
    disabled: bool = False


# In place of a client that there is not, so that it takes as long.
_NOBODY = ClientRecord(Client("nobody", Profile("nobody")), (Secret(_NO_HASH),), disabled=True)


def hash_secret(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def use_name(hashed: bytes) -> str:
    """The attribute that says when a secret was last used (epoch milliseconds)."""
    return f"used_{hashed[:8].hex()}"


def write_client(record: ClientRecord, name: str, created_at: int) -> table.Item:
    """The item of a client; `name` and `created_at` (epoch milliseconds) are for people."""
    client, profile = record.client, record.client.profile
    item: table.Item = table.client_key(client.id) | {
        "schema_version": table.VERSION,
        "name": {"S": name},
        "created_at": {"N": str(created_at)},
        "secrets": {"L": [write_secret(secret) for secret in record.secrets]},
        "test": {"BOOL": client.test},
        "direct_invoke": {"BOOL": client.direct_invoke},
        "disabled": {"BOOL": record.disabled},
    }
    for listed in _LISTS:
        if values := getattr(client, listed):
            item[listed] = write_words(values)
    if profile.brand:
        item["brand"] = {"S": profile.brand}
    if profile.locale:
        item["locale"] = {"S": profile.locale}
    if client.scopes != tuple(Scope):
        item["scopes"] = write_words(client.scopes)
    return item


def write_words(words: Iterable[str]) -> dict[str, Any]:
    """A list of words, as a client's item has it."""
    return {"L": [{"S": word} for word in words]}


def write_secret(secret: Secret) -> dict[str, Any]:
    values: dict[str, Any] = {"hash": {"B": secret.hash}}
    if secret.valid_until is not None:
        values["valid_until"] = {"N": str(secret.valid_until)}
    return {"M": values}


def read_client(item: table.Item, default_brand: str) -> ClientRecord:
    """Read a client; what its profile does not say comes from the stack.

    Raises:
        ValueError: its item was written by somebody else's hand, and cannot be read.
    """
    return ClientRecord(
        Client(
            item["pk"]["S"].removeprefix("C#"),
            _read_profile(item, default_brand),
            test=item["test"]["BOOL"],
            direct_invoke=item["direct_invoke"]["BOOL"],
            scopes=tuple(map(Scope, _words(item, "scopes") if "scopes" in item else Scope)),
            **{name: tuple(_words(item, name)) for name in _LISTS},
        ),
        tuple(
            Secret(
                secret["M"]["hash"]["B"],
                int(secret["M"]["valid_until"]["N"]) if "valid_until" in secret["M"] else None,
            )
            for secret in item["secrets"]["L"]
        ),
        disabled=item["disabled"]["BOOL"],
    )


def _read_profile(item: table.Item, default_brand: str) -> Profile:
    texts = {n: item[n]["S"] for n in ("brand", "locale", "limits", "guard") if n in item}
    sets: Any = {name: frozenset(_words(item, name)) for name in _SETS if name in item}
    maps: Any = {
        name: {country: text["S"] for country, text in item[f"{name}_by_country"]["M"].items()}
        for name in _MAPS
        if f"{name}_by_country" in item
    }
    return Profile(
        texts.get("brand", default_brand),
        texts.get("locale"),
        limits=parse_all_limits(texts.get("limits", "")),
        guard=Mode(texts["guard"]) if "guard" in texts else None,
        counts_alone=item.get("counts_alone", {}).get("BOOL", False),
        return_urls=tuple(_words(item, "return_urls")),
        **sets,
        **maps,
    )


def _words(item: table.Item, name: str) -> list[str]:
    return [word["S"] for word in item.get(name, {"L": []})["L"]]


class Directory:
    """Who may call, from the directory table, remembered for a minute.

    Args:
        client: a low-level DynamoDB client.
        table_name: the directory table.
        default_brand: the brand of clients that name none.
        clock: epoch milliseconds.
    """

    def __init__(
        self, client: Any, table_name: str, default_brand: str, clock: Callable[[], int]
    ) -> None:
        self._client = client
        self._table = table_name
        self._default_brand = default_brand
        self._clock = clock
        self._cache: OrderedDict[str, tuple[int, ClientRecord | None]] = OrderedDict()
        self._failed_at: dict[str, int] = {}  # when a failure last had the table asked
        self._used_at: dict[bytes, int] = {}  # when the use of a secret was last written down

    def authenticate(self, client_id: str, secret: str) -> Client:
        """The client that these credentials belong to.

        Unknown ids take the same way as wrong secrets: a cached read and a comparison, and both
        again unless that was done within LOOK_AGAIN_SECONDS, since a secret that does not match
        may be a new one.

        Raises:
            Unauthorized: unknown, disabled, or no valid secret matches.
            TemporarilyUnavailable: the table is out of reach.
        """
        given, now = hash_secret(secret), self._clock()
        record = self._find(client_id, self._lately())
        if not _opens(record, given, now):
            record = self._find(client_id, self._failed_since(client_id, now))
            if not _opens(record, given, now):
                raise Unauthorized
        self._note_use(client_id, given)
        return record.client

    def profile(self, client_id: str) -> Profile | None:
        """The policy of a client; None where it may send nothing any more."""
        record = self._find(client_id, self._lately())
        return record.client.profile if record and not record.disabled else None

    def trusted(self, client_id: str) -> Client:
        """The client that AWS IAM vouches for, by the alias that was invoked.

        Raises:
            Unauthorized: unknown or disabled.
        """
        record = self._find(client_id, self._lately())
        if not record or record.disabled:
            raise Unauthorized
        return record.client

    def named(self, client_id: str) -> Client:
        """The client that the payload of a direct invoke names.

        Raises:
            Unauthorized: unknown, disabled, or not marked for direct invokes.
        """
        client = self.trusted(client_id)
        if not client.direct_invoke:
            raise Unauthorized
        return client

    def _note_use(self, client_id: str, secret: bytes) -> None:
        """Write down that a secret is in use, once an hour: who rotates wants to know."""
        now, last = self._clock(), self._used_at.get(secret)
        if last is not None and now - last < USE_SECONDS * 1000:
            return
        if len(self._used_at) >= CACHE_ENTRIES:
            self._used_at.clear()
        self._used_at[secret] = now
        # Nobody is locked out for that.
        with suppress(TemporarilyUnavailable, ClientError), reaching_aws():
            self._client.update_item(
                TableName=self._table,
                Key=table.use_key(client_id),
                UpdateExpression="SET #used = :now, schema_version = :version",
                ExpressionAttributeNames={"#used": use_name(secret)},
                ExpressionAttributeValues={":now": {"N": str(now)}, ":version": table.VERSION},
            )

    def _lately(self) -> int:
        """Since when a read still counts, for those that do not fail."""
        return self._clock() - CACHE_SECONDS * 1000 + 1

    def _failed_since(self, client_id: str, now: int) -> int:
        """When a failure of this id last had the table asked: now, if that is too long ago.

        Not when it was last read: a client in use was read just now, and to answer for that one
        from memory would tell it from an unknown one.
        """
        failed_at = self._failed_at.get(client_id)
        if failed_at is not None and now - failed_at < LOOK_AGAIN_SECONDS * 1000:
            return failed_at
        if len(self._failed_at) >= CACHE_ENTRIES:
            self._failed_at.clear()
        self._failed_at[client_id] = now
        return now

    def _find(self, client_id: str, since: int) -> ClientRecord | None:
        """A client, as it was read at `since` (epoch milliseconds) or later."""
        now = self._clock()
        read_at, record = self._cache.get(client_id, (None, None))
        if read_at is not None and read_at >= since:
            self._cache.move_to_end(client_id)
            return record
        with reaching_aws():
            answer = self._client.get_item(TableName=self._table, Key=table.client_key(client_id))
        item = answer.get("Item")
        record = read_client(item, self._default_brand) if item else None
        self._cache[client_id] = (now, record)
        self._cache.move_to_end(client_id)
        if len(self._cache) > CACHE_ENTRIES:
            self._cache.popitem(last=False)
        return record


def _opens(record: ClientRecord | None, given: bytes, now: int) -> TypeIs[ClientRecord]:
    known = record or _NOBODY
    hashes = [secret.hash for secret in known.secrets if _is_valid(secret, now)] or [_NO_HASH]
    matches = [hmac.compare_digest(given, one) for one in hashes]
    return any(matches) and not known.disabled


def _is_valid(secret: Secret, now: int) -> bool:
    return secret.valid_until is None or secret.valid_until > now
