"""What the parameters of both requests have in common."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from ....errors import FieldFault, InvalidFields, InvalidRequest
from ....operations.devices import Visitor
from ...addresses import read_address
from ...events import Call
from ...fields import QueryFields, read_fields

# Two faults that have a word of their own: a template without its `<PIN>`, a `pin` of no digits.
NO_PIN, NOT_A_CODE = "template.pin", "pin.code"


def _digits(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise ValueError("should be a whole number")
    return int(value)


def _printable(value: str) -> str:
    return "".join(filter(str.isprintable, value))


Digits = Annotated[int, BeforeValidator(_digits)]


class VisitorFields(QueryFields):
    """What both requests say of the client's user, who may send anything: none of it is wrong."""

    ip: str | None = None
    browser: Annotated[str | None, BeforeValidator(_printable)] = None
    cookie: Annotated[str | None, BeforeValidator(_printable)] = None

    @property
    def visitor(self) -> Visitor:
        """The user; an `ip` that is no address is an unknown one."""
        return Visitor(self.ip and read_address(self.ip), self.cookie)


def read_parameters[Model: BaseModel](model: type[Model], call: Call) -> Model:
    """Check parameters; an empty one is absent, whole numbers may be JSON's.

    Raises:
        InvalidFields: some are missing or wrong.
        InvalidRequest: one is of a type that no query could have.
    """
    return read_fields(model, dict(_texts(model, call.fields)))


def _texts(model: type[BaseModel], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in (field.alias or name for name, field in model.model_fields.items()):
        value = given.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise InvalidRequest("A parameter should be a text or a whole number.")
        if value not in (None, ""):
            yield name, str(value)


def fault(field: str, message: str) -> InvalidFields:
    """A fault of one field."""
    return InvalidFields(faults=[FieldFault(field, message)])
