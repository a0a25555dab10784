"""Services and users: their ids, and a service's name in our messages."""

import uuid

import pytest
from verification.domain.services import Service, is_id, make_id


def test_an_id_is_a_random_uuid() -> None:
    made = make_id(bytes(range(16)))
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (4, uuid.RFC_4122)
    assert is_id(made)
    assert made != make_id(bytes(range(1, 17)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "my-service-id",
        "00010203-0405-4607-8809-0a0b0c0d0e0F",
        "00010203-0405-4607-8809-0a0b0c0d0e0f\n",
        "{00010203-0405-4607-8809-0a0b0c0d0e0f}",
        "000102030405460788090a0b0c0d0e0f",
        "00010203-0405-4607-8809-0a0b0c0d0e0f#U",
    ],
)
def test_what_is_no_id_of_ours_is_told(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize(
    ("name", "brand"),
    [("Shop", "Shop"), ("x" * 20, "x" * 20), ("x" * 21, None), (" ", None)],
)
def test_a_name_is_a_brand_where_it_is_short_enough(name: str, brand: str | None) -> None:
    assert Service("id", "shop", "shop.example", name, 0).brand == brand
