"""Values: data classes that cost little to make, since every cold start makes some sixty.

@dataclass(frozen=True) writes six methods for each class and compiles them: 4.8 million
instructions for eight fields, a tenth of a cold start in all. Only __init__ differs from class to
class; the others are written here once (1.8 million).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, dataclass_transform, overload


@overload
def valueclass[T](cls: type[T], /) -> type[T]: ...
@overload
def valueclass[T](*, kw_only: bool) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True)
def valueclass(cls: Any = None, /, *, kw_only: bool = False) -> Any:
    """Make a data class whose objects are equal by their fields, hashed and shown by them.

    dataclasses' fields(), replace() and field() work as with its own. It has slots. That nobody
    changes an object is mypy's to see: at run time nothing stops it.

    Args:
        kw_only: as of dataclass().
    """

    def make(cls: Any) -> Any:
        cls.__eq__, cls.__hash__, cls.__repr__ = _equal, _hash, _show
        return dataclass(cls, eq=False, repr=False, slots=True, kw_only=kw_only)

    return make if cls is None else make(cls)


def _parts(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in fields(self))


def _equal(self: Any, other: object) -> Any:
    return _parts(self) == _parts(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_parts(self))


def _show(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"
