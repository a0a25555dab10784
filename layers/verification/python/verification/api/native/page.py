"""`page` in POST /v1/verifications; imported by those starts alone that have one."""

from collections.abc import Mapping
from typing import Any

from ...domain.destination import Destination
from ...domain.messages import is_host
from ...domain.policy import MAX_RETURN_URL
from ...domain.return_urls import ReturnUrlError, parse_return_url
from ...domain.verification import Channel
from ...errors import FieldFault, InvalidFields
from ..fields import Fields, read_fields, text


class PageFields(Fields):
    """Where a page leads to, whether it offers calls, and whether its SMS are bound to it."""

    return_url: str = text(MAX_RETURN_URL)
    call: bool = False
    webotp: bool = True


def read_page(
    values: Mapping[str, Any], to: Destination, url: str, details: Mapping[str, Any]
) -> dict[str, Any]:
    """What a page needs of a verification's Details.

    Args:
        url: where pages are found; empty: nobody knows.
        details: those that the start names itself.

    Raises:
        InvalidFields: some fields are wrong, each under the name `page.…`.
    """
    try:
        fields = read_fields(PageFields, values)
    except InvalidFields as error:
        named = [FieldFault(f"page.{fault.field}", fault.message) for fault in error.faults]
        raise InvalidFields(faults=named) from None
    if not url:
        raise _fault("page", "needs the parameter PublicUrl or DomainName in a direct invoke")
    try:
        found: dict[str, Any] = {"return_url": str(parse_return_url(fields.return_url))}
    except ReturnUrlError as error:
        raise _fault("page.return_url", f"should be one that {error}") from None
    if fields.call:
        found["page_call"] = True
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    is_bound = details.keys() & {"webotp_domain", "android_hash"}
    # Browsers fill in what an SMS says to be for their page's host.
    if fields.webotp and Channel.SMS in to.channels and not is_bound and is_host(host):
        found["webotp_domain"] = host
    return found


def _fault(field: str, message: str) -> InvalidFields:
    return InvalidFields(faults=[FieldFault(field, message)])
