"""The fields of a request, checked by pydantic; every fault names its field and bound."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ..domain.policy import Bound
from ..errors import FieldFault, InvalidFields

_Model = TypeVar("_Model", bound=BaseModel)

_MAX_FAULTS = 20
_MAX_FIELD_NAME = 64


class Fields(BaseModel):
    """Fields as JSON types; unknown ones are refused, so that a typing error is not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class QueryFields(BaseModel):
    """Fields from a query string, where all is text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_controls(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("may hold no control characters")
    return text


Text = Annotated[str, AfterValidator(_without_controls)]
"""One line of text; its length is bounded where it is used, by text()."""


def text(longest: int, pattern: str | None = None, *, optional: bool = False) -> Any:
    """A text of 1 to `longest` characters."""
    default: Any = None if optional else ...
    return Field(default, min_length=1, max_length=longest, pattern=pattern)


def number(bound: Bound) -> Any:
    """A whole number within the bounds, its default when absent."""
    return Field(ge=bound.lowest, le=bound.highest, default=bound.default)


def read_fields(model: type[_Model], values: Mapping[str, Any]) -> _Model:
    """Check fields.

    Raises:
        InvalidFields: some are missing, unknown, of the wrong type or out of bounds; each is
            named, its value is not repeated.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise InvalidFields(
            faults=[
                FieldFault(_name(fault["loc"]), _sentence(fault["msg"]))
                for fault in faults[:_MAX_FAULTS]
            ]
        ) from None


def _name(location: tuple[int | str, ...]) -> str:
    # A field's name may be the caller's own: only what is printable comes back.
    name = ".".join(str(part) for part in location) or "body"
    return name.encode("ascii", "replace").decode()[:_MAX_FIELD_NAME]


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")
