"""Proofs at INIT that tables, secrets and queues are there: a wrong name never meets a customer.

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

_NOT_THERE = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
_NOT_ALLOWED = {"AccessDenied", "AccessDeniedException"}
# AWS asks who may use it before it looks whether it is there.
_NOT_USABLE = "{} is not there, or this function may not use it."


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
    if not any(_prove(use, table_name, variable) for use in ways):
        raise ConfigurationError(f"{variable}: {_NOT_USABLE.format(table_name)}")


def prove_secret(read: Callable[[], Any], secret_id: str, variable: str) -> None:
    """Read a secret; what was read is remembered.

    Raises:
        ConfigurationError: there is no such secret, or it has not the form it should have.
        TemporarilyUnavailable: it is out of reach just now.
    """
    if not _prove(read, secret_id, variable):
        raise ConfigurationError(f"{variable}: {_NOT_USABLE.format(secret_id)}")


def prove_queue(client: Any, queue_url: str, variable: str) -> None:
    """Ask for a queue's name alone.

    Args:
        client: a low-level SQS client.

    Raises:
        ConfigurationError: there is no such queue.
        TemporarilyUnavailable: it is out of reach just now.
    """
    ask = partial(client.get_queue_attributes, QueueUrl=queue_url, AttributeNames=["QueueArn"])
    if not _prove(ask, queue_url, variable):
        raise ConfigurationError(f"{variable}: {_NOT_USABLE.format(queue_url)}")


def _prove(use: Callable[[], Any], name: str, variable: str) -> bool:
    """Whether the role let us."""
    try:
        with reaching_aws():
            use()
    except ClientError as error:
        if error_code(error) in _NOT_THERE:
            raise ConfigurationError(f"{variable}: there is no {name}.") from error
        return error_code(error) not in _NOT_ALLOWED
    return True
