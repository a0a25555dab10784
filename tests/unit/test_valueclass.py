"""Values compare, hash and show themselves as dataclasses do, for less at every cold start."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest
from verification.valueclass import valueclass


@valueclass
class Point:
    """A place."""

    x: int
    y: int = 2
    secret: str = field(default="hidden", repr=False)


@valueclass(kw_only=True)
class Named(Point):
    """One with a name, which has to be said."""

    name: str


@dataclass(frozen=True)
class Usual:
    """What the library makes of the same."""

    x: int
    y: int = 2
    secret: str = field(default="hidden", repr=False)


def test_equal_by_fields_and_class() -> None:
    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(1, 3)
    assert Named(x=1, name="a") != Point(1)
    assert Point(1).__eq__(Usual(1)) is NotImplemented
    assert Point(1).__eq__(1) is NotImplemented


def test_hashed_by_fields() -> None:
    assert {Point(1), Point(1), Point(3)} == {Point(3), Point(1)}
    with pytest.raises(TypeError):
        hash(Point([]))  # type: ignore[arg-type]


def test_shown_as_a_dataclass_is() -> None:
    assert repr(Point(1)) == repr(Usual(1)).replace("Usual", "Point") == "Point(x=1, y=2)"


def test_what_the_library_does_with_dataclasses() -> None:
    assert replace(Named(x=1, name="a"), name="b") == Named(x=1, name="b")
    assert [one.name for one in fields(Named)] == ["x", "y", "secret", "name"]
    with pytest.raises(TypeError):
        Named(1, name="a", more=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Named(1, 2, "3", "a")  # type: ignore[call-arg]
    point = Point(1, 5)
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point  # noqa: S301


def test_slots() -> None:
    point: Any = Point(1)
    with pytest.raises(AttributeError):
        point.z = 1
    usual: Any = Usual(1)
    with pytest.raises(FrozenInstanceError):  # what only mypy says of a value
        usual.x = 1
