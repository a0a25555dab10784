"""Services and their users in DynamoDB; see `operations.services`.

That a host name or an `id_in_service` is taken once is the business of an item of that name,
put in the same transaction: there is no read before that two could pass at the same moment.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..aws import reaching_aws
from ..domain.destination import Destination
from ..domain.services import Auth, Service, User
from ..domain.verification import Channel
from ..errors import AlreadyExists, UserNotFound
from ..operations.ports import Remaining
from . import table
from .writes import CONDITION_FAILED, Writer, do_whole

# The parts of the conditions, by name.
_IS_NEW = "attribute_not_exists(pk)"
_IS_OWN = "client_id = :client"
_IS_OPEN = "attribute_not_exists(closed)"
_IS_CLOSED = "attribute_exists(closed)"
_IS_NOT_OLDER = "(attribute_not_exists(auth_at) OR auth_at <= :at)"

_ROOM = 1_000  # milliseconds that are left after a transaction, for the answer
_BATCH = 25  # items; DynamoDB takes no more


class DynamoDbServices:
    """The table of services and their users.

    Args:
        client: a low-level DynamoDB client.
        table_name: the directory table.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name
        self._writer = Writer(client, table_name)

    def create_service(self, service: Service, remaining: Remaining) -> None:
        named = table.host_name_key(service.client_id, service.fqdn) | {
            "client_id": {"S": service.client_id},
            "service_id": {"S": service.id},
        }
        reasons = self._writer.transact(
            [
                self._put(named),
                self._put(_write_service(service)),
            ],
            remaining,
            _ROOM,
        )
        _refuse_taken(reasons[:1], "service_id", service)

    def service(self, service_id: str) -> Service | None:
        item = self._get(table.service_key(service_id))
        return None if item is None or "closed" in item else read_service(item)

    def close(self, client_id: str, service_id: str) -> Service | None:
        done, item = self._writer.decide(
            table.service_key(service_id),
            UpdateExpression="SET closed = :true",
            ConditionExpression=_IS_OWN,
            ExpressionAttributeValues={":client": {"S": client_id}, ":true": {"BOOL": True}},
        )
        return read_service(item) if done and item else None

    def delete_service(self, service: Service, remaining: Remaining) -> None:
        # When the condition fails another deletion was faster, and the name may be taken anew.
        self._writer.transact(
            [
                self._delete(table.service_key(service.id), ConditionExpression=_IS_CLOSED),
                self._delete(table.host_name_key(service.client_id, service.fqdn)),
            ],
            remaining,
            _ROOM,
        )

    def create_user(self, user: User, remaining: Remaining) -> None:
        named = table.user_name_key(user.service_id, user.id_in_service) | {
            "client_id": {"S": user.client_id},
            "user_id": {"S": user.id},
        }
        check = {
            "TableName": self._table,
            "Key": table.service_key(user.service_id),
            "ConditionExpression": f"{_IS_OWN} AND {_IS_OPEN}",
            "ExpressionAttributeValues": {":client": {"S": user.client_id}},
        }
        reasons = self._writer.transact(
            [
                {"ConditionCheck": check},
                self._put(named),
                self._put(_write_user(user)),
            ],
            remaining,
            _ROOM,
        )
        if reasons and reasons[0].get("Code") == CONDITION_FAILED:
            raise UserNotFound
        _refuse_taken(reasons[1:2], "user_id", user)

    def user(self, service_id: str, user_id: str) -> User | None:
        item = self._get(table.user_key(service_id, user_id))
        return None if item is None else _read_user(item)

    def users(self, service_id: str, limit: int) -> Sequence[User]:
        key = table.user_key(service_id)
        found: list[User] = []
        page: dict[str, Any] = {}
        while len(found) < limit:
            with reaching_aws():
                answer = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk AND begins_with(sk, :users)",
                    ExpressionAttributeValues={":pk": key["pk"], ":users": key["sk"]},
                    ConsistentRead=True,
                    Limit=limit - len(found),
                    **page,
                )
            found += map(_read_user, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                break
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found

    def delete_user(self, user: User, remaining: Remaining) -> bool:
        seen = {":seen": {"S": user.auth.verification_id}} if user.auth else {}
        as_seen = "verification_id = :seen" if seen else "attribute_not_exists(verification_id)"
        reasons = self._writer.transact(
            [
                self._delete(
                    table.user_key(user.service_id, user.id),
                    ConditionExpression=f"{_IS_OWN} AND {as_seen}",
                    ExpressionAttributeValues={":client": {"S": user.client_id}, **seen},
                ),
                self._delete(table.user_name_key(user.service_id, user.id_in_service)),
            ],
            remaining,
            _ROOM,
        )
        return not reasons

    def delete_users(self, users: Sequence[User]) -> None:
        # Names first: after a crash the users are still there, to be deleted with their names.
        self._delete_all([table.user_name_key(u.service_id, u.id_in_service) for u in users])
        self._delete_all([table.user_key(user.service_id, user.id) for user in users])

    def set_auth(self, user: User, auth: Auth) -> Auth | None:
        done, item = self._writer.decide(
            table.user_key(user.service_id, user.id),
            UpdateExpression="SET verification_id = :id, auth_method = :method, auth_at = :at",
            ConditionExpression=f"{_IS_OWN} AND {_IS_NOT_OLDER}",
            ExpressionAttributeValues={
                ":client": {"S": user.client_id},
                ":id": {"S": auth.verification_id},
                ":method": {"S": auth.method},
                ":at": {"N": str(auth.started_at)},
            },
        )
        if done:
            return auth
        is_own = item and item.get("client_id") == {"S": user.client_id}
        return _read_auth(item) if item and is_own else None

    def _get(self, key: table.Item) -> table.Item | None:
        with reaching_aws():
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        found: table.Item | None = answer.get("Item")
        return found

    def _put(self, item: table.Item) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": item | {"schema_version": table.VERSION},
                "ConditionExpression": _IS_NEW,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _delete(self, key: table.Item, **condition: Any) -> dict[str, Any]:
        return {"Delete": {"TableName": self._table, "Key": key, **condition}}

    def _delete_all(self, keys: Sequence[table.Item]) -> None:
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            do_whole(
                {self._table: [{"DeleteRequest": {"Key": key}} for key in batch]},
                lambda left: self._client.batch_write_item(RequestItems=left).get(
                    "UnprocessedItems"
                ),
            )


def _refuse_taken(reasons: Sequence[Mapping[str, Any]], name: str, own: Service | User) -> None:
    """Refuse what somebody has; not when that is our own write, whose answer got lost."""
    for reason in reasons:
        item: Mapping[str, Any] = reason.get("Item") or {}
        if item.get(name) == {"S": own.id}:
            return
        if item.get("client_id") != {"S": own.client_id}:
            raise AlreadyExists
        # Who lost the answer to a create learns the id here.
        raise AlreadyExists(f"There is one of that name: {item[name]['S']}.")


def _write_service(service: Service) -> table.Item:
    return table.service_key(service.id) | {
        "client_id": {"S": service.client_id},
        "fqdn": {"S": service.fqdn},
        "name": {"S": service.name},
        "created_at": {"N": str(service.created_at)},
    }


def read_service(item: Mapping[str, Any]) -> Service:
    return Service(
        id=item["pk"]["S"].removeprefix("S#"),
        client_id=item["client_id"]["S"],
        fqdn=item["fqdn"]["S"],
        name=item["name"]["S"],
        created_at=int(item["created_at"]["N"]),
    )


def _write_user(user: User) -> table.Item:
    """The item of a new user: without `auth` and app, which come later."""
    item = table.user_key(user.service_id, user.id) | {
        "client_id": {"S": user.client_id},
        "id_in_service": {"S": user.id_in_service},
        "to": {"S": user.to.value},
        "created_at": {"N": str(user.created_at)},
    }
    if user.to.country:
        item["country"] = {"S": user.to.country}
    return item


def _read_user(item: Mapping[str, Any]) -> User:
    return User(
        id=item["sk"]["S"].removeprefix("U#"),
        service_id=item["pk"]["S"].removeprefix("S#"),
        client_id=item["client_id"]["S"],
        id_in_service=item["id_in_service"]["S"],
        to=Destination(item["to"]["S"], item.get("country", {}).get("S")),
        created_at=int(item["created_at"]["N"]),
        auth=_read_auth(item) if "verification_id" in item else None,
        totp_nonce=item.get("totp_nonce", {}).get("B"),
        totp_pending=item.get("totp_pending", {}).get("B"),
    )


def _read_auth(item: Mapping[str, Any]) -> Auth:
    return Auth(
        verification_id=item["verification_id"]["S"],
        method=Channel(item["auth_method"]["S"]),
        started_at=int(item["auth_at"]["N"]),
    )
