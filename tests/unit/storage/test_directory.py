"""Clients: whose credentials are good, and for how long that is remembered."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from verification.domain.policy import Client, Profile
from verification.errors import TemporarilyUnavailable, Unauthorized
from verification.storage.directory import (
    CACHE_ENTRIES,
    ClientRecord,
    Directory,
    Secret,
    hash_secret,
    read_client,
    write_client,
)

from tests.fakes.clock import SettableClock

SHOP = Client("shop", Profile("Shop", "de"))
RECORD = ClientRecord(SHOP, (Secret(hash_secret("right")),))


class FakeDynamoDb:
    """The directory table; counts how often it is read.

    Attributes:
        used: the uses of secrets that were written down: key, attribute and time.
        failing: raised in place of reading, `failing_writes` of writing.
    """

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.reads: list[str] = []
        self.used: list[tuple[str, str, int]] = []
        self.failing: Exception | None = None
        self.failing_writes: Exception | None = None

    def get_item(self, TableName: str, Key: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        assert TableName == "directory" and Key["sk"] == {"S": "C"}
        key = Key["pk"]["S"]
        self.reads.append(key)
        if self.failing:
            raise self.failing
        return {"Item": self.items[key]} if key in self.items else {}

    def update_item(self, Key: dict[str, Any], **update: Any) -> None:  # noqa: N803
        assert update["TableName"] == "directory" and Key["sk"] == {"S": "K"}
        assert update["UpdateExpression"] == "SET #used = :now, schema_version = :version"
        if self.failing_writes:
            raise self.failing_writes
        values = update["ExpressionAttributeValues"]
        name = update["ExpressionAttributeNames"]["#used"]
        self.used.append((Key["pk"]["S"], name, int(values[":now"]["N"])))

    def put(self, record: ClientRecord) -> None:
        self.items[f"C#{record.client.id}"] = write_client(record, "A name", 0)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def table() -> FakeDynamoDb:
    fake = FakeDynamoDb()
    fake.put(RECORD)
    return fake


@pytest.fixture
def directory(table: FakeDynamoDb, clock: SettableClock) -> Directory:
    return Directory(table, "directory", "Verify", clock)


def test_the_right_secret_opens_and_others_do_not(directory: Directory) -> None:
    assert directory.authenticate("shop", "right") == SHOP
    for client_id, secret in (
        ("shop", "wrong"),
        ("shop", ""),
        ("shop", "RIGHT"),
        ("nobody", "right"),
    ):
        with pytest.raises(Unauthorized) as refused:
            directory.authenticate(client_id, secret)
        assert refused.value.detail == ""  # never says which


@pytest.mark.parametrize("client_id", ["shop", "nobody"])
def test_for_a_secret_that_does_not_match_it_looks_again_every_few_seconds_known_or_not(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock, client_id: str
) -> None:
    for seconds, reads in ((0, 1), (4.999, 1), (0.001, 2), (0, 2), (5, 3)):
        clock.advance(seconds)
        with pytest.raises(Unauthorized):
            directory.authenticate(client_id, "wrong")
        assert table.reads == [f"C#{client_id}"] * reads


def test_a_client_whose_secret_matches_is_remembered_for_a_minute(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    for seconds, reads in ((0, 1), (59.999, 1), (0.001, 2)):
        clock.advance(seconds)
        assert directory.authenticate("shop", "right") == SHOP
        assert len(table.reads) == reads


def test_a_new_secret_works_within_seconds_though_the_old_record_is_remembered(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    directory.authenticate("shop", "right")
    table.put(ClientRecord(SHOP, (Secret(hash_secret("new")),)))
    with pytest.raises(Unauthorized):
        directory.authenticate("shop", "new")
    clock.advance(5)
    assert directory.authenticate("shop", "new") == SHOP
    with pytest.raises(Unauthorized):
        directory.authenticate("shop", "right")


def test_a_revoked_client_is_shut_out_within_a_minute(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    directory.authenticate("shop", "right")
    table.put(ClientRecord(SHOP, RECORD.secrets, disabled=True))
    clock.advance(60)
    ways: list[Callable[[], Client]] = [
        lambda: directory.authenticate("shop", "right"),
        lambda: directory.trusted("shop"),
        lambda: directory.named("shop"),
    ]
    for enter in ways:
        with pytest.raises(Unauthorized):
            enter()


def test_a_client_without_secrets_takes_none(directory: Directory, table: FakeDynamoDb) -> None:
    table.put(ClientRecord(SHOP, ()))
    with pytest.raises(Unauthorized):
        directory.authenticate("shop", "right")


def test_a_rotated_secret_works_until_its_end_even_if_remembered(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    old = Secret(hash_secret("old"), clock.now + 30_000)
    table.put(ClientRecord(SHOP, (Secret(hash_secret("new")), old)))
    assert directory.authenticate("shop", "old") == SHOP
    assert directory.authenticate("shop", "new") == SHOP
    clock.advance(29.999)
    assert directory.authenticate("shop", "old") == SHOP
    clock.advance(0.001)
    with pytest.raises(Unauthorized):
        directory.authenticate("shop", "old")
    assert directory.authenticate("shop", "new") == SHOP
    assert len(table.reads) == 2  # once more for the secret that had ended


def test_only_so_many_clients_are_remembered_and_the_longest_unused_goes(
    directory: Directory, table: FakeDynamoDb
) -> None:
    for number in (*range(CACHE_ENTRIES), 0, CACHE_ENTRIES):
        with pytest.raises(Unauthorized):
            directory.trusted(f"c{number}")
    reads = len(table.reads)
    for client_id, more in ((f"c{CACHE_ENTRIES}", 0), ("c0", 0), ("c2", 0), ("c1", 1)):
        with pytest.raises(Unauthorized):
            directory.trusted(client_id)
        assert len(table.reads) - reads == more


def test_the_payload_may_name_only_clients_marked_for_it(
    directory: Directory, table: FakeDynamoDb
) -> None:
    marked = Client("batch", Profile("Verify"), direct_invoke=True)
    table.put(ClientRecord(marked, ()))
    assert directory.named("batch") == marked
    assert directory.trusted("shop") == SHOP
    for client_id in ("shop", "nobody", ""):
        with pytest.raises(Unauthorized):
            directory.named(client_id)


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="x"),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"),
        ClientError({"ResponseMetadata": {"HTTPStatusCode": 500}}, "GetItem"),  # type: ignore[typeddict-item]  # the rest does not matter
    ],
)
def test_a_table_out_of_reach_lets_nobody_in_and_is_asked_again(
    directory: Directory, table: FakeDynamoDb, error: Exception
) -> None:
    table.failing = error
    with pytest.raises(TemporarilyUnavailable):
        directory.authenticate("shop", "right")
    table.failing = None
    assert directory.authenticate("shop", "right") == SHOP


def test_a_refusal_is_a_fault_of_ours(directory: Directory, table: FakeDynamoDb) -> None:
    table.failing = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem")
    with pytest.raises(ClientError):
        directory.authenticate("shop", "right")


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        ClientRecord(Client("a", Profile("Verify"), test=True, direct_invoke=True), ()),
        ClientRecord(SHOP, (Secret(bytes(32), 5), Secret(b"x" * 32)), disabled=True),
        ClientRecord(Client("a", Profile("Verify"), networks=("192.0.2.0/24",)), ()),
        ClientRecord(Client("a", Profile("Verify"), senders=("Shop", "+3197010")), ()),
        ClientRecord(
            Client("a", Profile("V"), networks=("192.0.2.7", "2001:db8::/32"), senders=("Shop",)),
            (),
        ),
    ],
)
def test_a_client_is_read_as_it_was_written(record: ClientRecord) -> None:
    assert read_client(write_client(record, "A name", 1), "Verify") == record


def test_the_item_of_a_client_has_its_lists_only_where_it_has_some() -> None:
    none = write_client(RECORD, "A name", 1)
    assert not {"networks", "senders"} & none.keys()
    some = Client("a", Profile("V"), networks=("192.0.2.0/24", "::1"), senders=("Shop",))
    item = write_client(ClientRecord(some, ()), "A name", 1)
    assert item["networks"] == {"L": [{"S": "192.0.2.0/24"}, {"S": "::1"}]}
    assert item["senders"] == {"L": [{"S": "Shop"}]}
    assert item["name"] == none["name"] == {"S": "A name"}


def test_a_client_comes_with_its_lists_whichever_way_it_comes_in(
    directory: Directory, table: FakeDynamoDb
) -> None:
    listed = Client(
        "listed", Profile("V"), direct_invoke=True, networks=("192.0.2.7",), senders=("Shop",)
    )
    table.put(ClientRecord(listed, (Secret(hash_secret("right")),)))
    assert directory.authenticate("listed", "right") == listed
    assert directory.trusted("listed") == directory.named("listed") == listed


def test_a_client_without_a_brand_has_the_stacks() -> None:
    item = write_client(ClientRecord(Client("a", Profile("")), ()), "A name", 1)
    assert "brand" not in item
    assert read_client(item, "Verify").client.profile == Profile("Verify")
