"""Proofs at INIT that tables and secrets are there: a wrong name never meets a customer.

They also open the connections that the first request then uses. What is out of reach for the moment
proves nothing, and is left to the requests.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ..aws import error_code, reaching_aws
from ..errors import ConfigurationError
from .table import Item

_NOT_THERE = "ResourceNotFoundException"
_NOT_ALLOWED = "AccessDeniedException"


def prove_table(client: Any, table_name: str, nobody: Item, variable: str) -> None:
    """Use a table, in whichever way this function's role may.

    Args:
        client: a low-level DynamoDB client.
        nobody: the key of an item that there never is, so nothing is read and nothing written.
        variable: the setting that names the table.

    Raises:
        ConfigurationError: there is no such table.
        TemporarilyUnavailable: it is out of reach just now.
    """
    at = {"TableName": table_name}
    query = {
        "KeyConditionExpression": "pk = :nobody",
        "ExpressionAttributeValues": {":nobody": nobody["pk"]},
    }
    ways = (
        partial(client.get_item, **at, Key=nobody),
        partial(client.query, **at, **query),
        partial(client.update_item, **at, Key=nobody, ConditionExpression="attribute_exists(pk)"),
    )
    for use in ways:
        if _prove(use, table_name, variable):
            return


def prove_secret(read: Callable[[], Any], secret_id: str, variable: str) -> None:
    """Read a secret; what was read is remembered.

    Raises:
        ConfigurationError: there is no such secret, or it has not the form it should have.
        TemporarilyUnavailable: it is out of reach just now.
    """
    _prove(read, secret_id, variable)


def _prove(use: Callable[[], Any], name: str, variable: str) -> bool:
    """Whether the role let us."""
    try:
        with reaching_aws():
            use()
    except ClientError as error:
        if error_code(error) == _NOT_THERE:
            raise ConfigurationError(f"{variable}: there is no {name}.") from error
        return error_code(error) != _NOT_ALLOWED
    return True
