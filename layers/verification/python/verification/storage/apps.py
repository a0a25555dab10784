"""The authenticator apps of users in DynamoDB, on the items of the users; see `operations.totp`."""

from collections.abc import Mapping
from typing import Any

from ..domain.services import User
from . import table
from .writes import Writer

_IS_OWN = "client_id = :client"


class DynamoDbApps:
    """The apps in the table of services and their users.

    Args:
        client: a low-level DynamoDB client.
        table_name: the directory table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._writer = Writer(client, table_name)

    def enrol(self, user: User, nonce: bytes) -> bool:
        return self._update(user, "SET totp_pending = :nonce", {":nonce": {"B": nonce}})

    def confirm(self, user: User, step: int) -> bool:
        nonce = {"B": user.totp_pending}
        done, item = self._writer.decide(
            table.user_key(user.service_id, user.id),
            UpdateExpression=(
                "SET totp_nonce = :nonce, totp_step = :step REMOVE totp_pending, totp_owner"
            ),
            ConditionExpression=f"{_IS_OWN} AND totp_pending = :nonce",
            ExpressionAttributeValues={
                ":client": {"S": user.client_id},
                ":nonce": nonce,
                ":step": {"N": str(step)},
            },
        )
        # Done before, if the answer to our own write got lost.
        return done or bool(item and item.get("totp_nonce") == nonce)

    def spend(self, user: User, step: int, owner: str) -> bool:
        return self._update(
            user,
            "SET totp_step = :step, totp_owner = :owner",
            {
                ":nonce": {"B": user.totp_nonce},
                ":step": {"N": str(step)},
                ":owner": {"S": owner},
            },
            "totp_nonce = :nonce AND (attribute_not_exists(totp_step) OR totp_step < :step "
            "OR (totp_step = :step AND totp_owner = :owner))",
        )

    def remove(self, user: User) -> None:
        self._update(user, "REMOVE totp_nonce, totp_pending, totp_step, totp_owner", {})

    def _update(
        self, user: User, expression: str, values: Mapping[str, Any], condition: str = ""
    ) -> bool:
        """Change a user, if they are there and the condition holds; whether that was so."""
        return self._writer.update_if(
            table.user_key(user.service_id, user.id),
            UpdateExpression=expression,
            ConditionExpression=f"{_IS_OWN} AND {condition}" if condition else _IS_OWN,
            ExpressionAttributeValues={":client": {"S": user.client_id}, **values},
        )
