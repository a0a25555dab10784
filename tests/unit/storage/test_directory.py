"""Clients: whose credentials are good, and for how long that is remembered."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from verification.domain.guard import Mode
from verification.domain.limits import parse_all_limits
from verification.domain.policy import Client, Profile, Scope
from verification.errors import TemporarilyUnavailable, Unauthorized
from verification.storage.directory import (
    CACHE_ENTRIES,
    USE_SECONDS,
    ClientRecord,
    Directory,
    Secret,
    hash_secret,
    read_client,
    use_name,
    write_client,
    write_words,
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


def test_a_wrong_secret_of_a_client_in_use_costs_the_reads_of_an_unknown_client(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    directory.authenticate("shop", "right")
    for seconds, reads in ((0.001, 1), (4.999, 0), (0.001, 1)):
        clock.advance(seconds)
        table.reads.clear()
        for client_id in ("shop", "nobody"):
            with pytest.raises(Unauthorized):
                directory.authenticate(client_id, "wrong")
        assert table.reads == ["C#shop", "C#nobody"] * reads


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
        ClientRecord(Client("a", Profile("Verify"), scopes=(Scope.VERIFY, Scope.LOOKUP)), ()),
        ClientRecord(Client("a", Profile("Verify"), scopes=(Scope.ADMIN,)), ()),
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


def test_without_a_list_of_scopes_a_client_may_do_all_and_with_an_empty_one_nothing() -> None:
    item = write_client(RECORD, "A name", 1)
    assert "scopes" not in item
    assert read_client(item, "Verify").client.scopes == tuple(Scope)
    item["scopes"] = write_words([])
    assert read_client(item, "Verify").client.scopes == ()


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


# ----------------------------------------------------------------------------------- its policy

# What operators set, as `verifyctl` writes it.
POLICY: dict[str, Any] = {
    "countries": write_words(["EE", "NL"]),
    "refused_kinds": write_words(["voip"]),
    "senders_by_country": {"M": {"EE": {"S": "ShopEE"}}},
    "templates_by_country": {"M": {"EE": {"S": "Kood: {code}"}, "NL": {"S": "{code}"}}},
    "limits": {"S": "destination_sends=5/10m; country_sends=EE=9/1h"},
    "guard": {"S": "block"},
    "counts_alone": {"BOOL": True},
}
READ: dict[str, Any] = {
    "countries": frozenset({"EE", "NL"}),
    "refused_kinds": frozenset({"voip"}),
    "senders": {"EE": "ShopEE"},
    "templates": {"EE": "Kood: {code}", "NL": "{code}"},
    "limits": parse_all_limits("destination_sends=5/10m; country_sends=EE=9/1h"),
    "guard": Mode.BLOCK,
    "counts_alone": True,
}


def profile_of(**attributes: Any) -> Profile:
    item = write_client(ClientRecord(Client("a", Profile("Shop", "et")), ()), "A name", 1)
    return read_client(item | attributes, "Verify").client.profile


@pytest.mark.parametrize("attribute", POLICY)
def test_each_part_of_a_policy_is_read_by_itself(attribute: str) -> None:
    name = attribute.removesuffix("_by_country")
    profile = profile_of(**{attribute: POLICY[attribute]})
    assert profile == Profile("Shop", "et", **{name: READ[name]})


def test_a_whole_policy_is_read() -> None:
    assert profile_of(**POLICY) == Profile("Shop", "et", **READ)


def test_a_client_without_a_policy_has_the_stacks() -> None:
    assert profile_of() == Profile("Shop", "et")
    plain = profile_of()
    assert (plain.countries, plain.refused_kinds, plain.guard) == (None, None, None)
    assert not plain.counts_alone and not plain.limits.rules


@pytest.mark.parametrize("name", ["countries", "refused_kinds"])
def test_an_empty_list_is_something_else_than_none(name: str) -> None:
    assert getattr(profile_of(**{name: write_words([])}), name) == frozenset()


@pytest.mark.parametrize(
    "attributes",
    [
        {"limits": {"S": "5/10m"}},
        {"guard": {"S": "perhaps"}},
        {"scopes": write_words(["all"])},
    ],
)
def test_what_somebody_elses_hand_wrote_is_no_policy(attributes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="."):
        profile_of(**attributes)


def test_the_queue_learns_a_policy_as_callers_do_and_remembers_it(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    for seconds, reads in ((0, 1), (59.999, 1), (0.001, 2)):
        clock.advance(seconds)
        assert directory.profile("shop") == SHOP.profile
        assert len(table.reads) == reads
    table.put(ClientRecord(SHOP, RECORD.secrets, disabled=True))
    clock.advance(60)
    assert directory.profile("shop") is None, "whoever is shut out sends nothing any more"


def test_a_client_that_is_gone_has_no_policy(directory: Directory) -> None:
    assert directory.profile("nobody") is None


# ------------------------------------------------------------------------------------- last use

RIGHT = use_name(hash_secret("right"))


def test_the_use_of_a_secret_is_written_down_once_an_hour(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock
) -> None:
    began = clock.now
    for seconds, written in ((0, 1), (1, 1), (USE_SECONDS - 1.001, 1), (0.001, 2), (5, 2)):
        clock.advance(seconds)
        directory.authenticate("shop", "right")
        assert len(table.used) == written
    assert table.used == [
        ("K#shop", RIGHT, began),
        ("K#shop", RIGHT, began + USE_SECONDS * 1000),
    ]


def test_each_secret_of_a_client_by_itself(directory: Directory, table: FakeDynamoDb) -> None:
    secrets = (Secret(hash_secret("right")), Secret(hash_secret("old")))
    table.put(ClientRecord(SHOP, secrets))
    for secret in ("right", "old", "right", "old"):
        directory.authenticate("shop", secret)
    assert [name for _, name, _ in table.used] == [RIGHT, use_name(hash_secret("old"))]


def test_only_what_opens_is_in_use(directory: Directory, table: FakeDynamoDb) -> None:
    for client_id, secret in (("shop", "wrong"), ("nobody", "right")):
        with pytest.raises(Unauthorized):
            directory.authenticate(client_id, secret)
    directory.trusted("shop")
    directory.profile("shop")
    assert table.used == []


def test_what_is_written_of_a_secret_tells_nobody_what_it_is() -> None:
    assert RIGHT == f"used_{hash_secret('right')[:8].hex()}"


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="x"),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "UpdateItem"),
    ],
    ids=["silent", "throttled", "denied"],
)
def test_a_use_that_cannot_be_written_down_locks_nobody_out(
    directory: Directory, table: FakeDynamoDb, clock: SettableClock, error: Exception
) -> None:
    table.failing_writes = error
    for _ in range(2):
        assert directory.authenticate("shop", "right") == SHOP
        clock.advance(USE_SECONDS)


def test_the_uses_of_many_secrets_fill_no_memory(directory: Directory, table: FakeDynamoDb) -> None:
    secrets = tuple(Secret(hash_secret(str(n))) for n in range(CACHE_ENTRIES + 1))
    table.put(ClientRecord(SHOP, secrets))
    for n in range(CACHE_ENTRIES + 1):
        directory.authenticate("shop", str(n))
    assert len(directory._used_at) <= CACHE_ENTRIES
