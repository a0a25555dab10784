"""The fields of a request, checked by pydantic; every fault names its field and bound."""

from collections.abc import Mapping
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ..domain.policy import Bound
from ..errors import FieldFault, InvalidFields

COUNTRY = r"^[A-Z]{2}$"  # ISO 3166-1 alpha-2
LOCALE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,3}$"  # BCP 47, as far as we look at it
MAX_DESTINATION = 320  # RFC 3696 errata: 64 for the local part, 255 for the domain, one @

_MAX_FAULTS = 20
_MAX_FIELD_NAME = 64


# Of several lines, and checked for what else it may hold where messages are made.
_FREE = "template"


def one_line(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: it holds a control character, a line's end among them.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("may hold no control characters")
    return text


class QueryFields(BaseModel):
    """Fields from a query string, where all is text; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _check_text(cls, value: Any, info: ValidationInfo) -> Any:
        return one_line(value) if isinstance(value, str) and info.field_name != _FREE else value


class Fields(QueryFields):
    """Fields as JSON types; unknown ones are refused, so that a typing error is not ignored."""

    model_config = ConfigDict(strict=True)


def text(longest: int, pattern: str | None = None, *, optional: bool = False) -> Any:
    """A text of 1 to `longest` characters, of one line."""
    default: Any = None if optional else ...
    return Field(default, min_length=1, max_length=longest, pattern=pattern)


def number(bound: Bound) -> Any:
    """A whole number within the bounds, its default when absent."""
    return Field(ge=bound.lowest, le=bound.highest, default=bound.default)


def read_fields[Model: BaseModel](model: type[Model], values: Mapping[str, Any]) -> Model:
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
    shown = (c if c.isascii() and c.isprintable() else "?" for c in name[:_MAX_FIELD_NAME])
    return "".join(shown)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")
