"""Every error that a caller can see."""

from collections.abc import Iterator

from verification.errors import ServiceError


def _below(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for one in error.__subclasses__():
        yield one
        yield from _below(one)


SERVICE_ERRORS = tuple(_below(ServiceError))
