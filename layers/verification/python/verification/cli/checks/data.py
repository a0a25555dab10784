"""Tables: that what is over goes, that what is lost can come back, that somebody may call."""

from collections.abc import Iterator

from ...storage import table
from ..shared import is_client, scan
from .examined import Examined, Finding, problem, warning

_EXPIRES = "expires_at"


def check_expiry(examined: Examined) -> Iterator[Finding]:
    name = examined.outputs["SessionsTableName"]
    found = examined.aws("dynamodb").describe_time_to_live(TableName=name)
    ttl = found["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        yield problem(
            "The sessions table deletes nothing: its time to live is off, so numbers stay.",
            f"`aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification "
            f"Enabled=true,AttributeName={_EXPIRES}`",
        )
    elif ttl.get("AttributeName") != _EXPIRES:
        yield problem(
            f"The sessions table deletes by {ttl.get('AttributeName')}, not by {_EXPIRES}.",
            "switch its time to live off, and on again by the right attribute",
        )


def check_stream(examined: Examined) -> Iterator[Finding]:
    for name in ("SessionsTableName", "DirectoryTableName"):
        found = examined.aws("dynamodb").describe_table(TableName=examined.outputs[name])["Table"]
        if found["TableStatus"] != "ACTIVE":
            yield problem(f"{name} is {found['TableStatus']}.", "look at it in the console")
        streams = found.get("StreamSpecification", {}).get("StreamEnabled")
        if name == "SessionsTableName" and not streams:
            yield problem(
                "The sessions table has no stream: no guess is given back, the guard is blind.",
                "deploy again",
            )


def check_backups(examined: Examined) -> Iterator[Finding]:
    name = examined.outputs["DirectoryTableName"]
    found = examined.aws("dynamodb").describe_continuous_backups(TableName=name)
    backups = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if backups.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield problem(
            "The directory of clients has no point-in-time recovery: what is lost stays lost.",
            f"`aws dynamodb update-continuous-backups --table-name {name} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`",
        )


def check_protection(examined: Examined) -> Iterator[Finding]:
    name = examined.outputs["DirectoryTableName"]
    found = examined.aws("dynamodb").describe_table(TableName=name)["Table"]
    if not found.get("DeletionProtectionEnabled"):
        yield warning(
            "The directory of clients may be deleted by mistake.",
            "deploy with DeletionProtection true",
        )


def check_clients(examined: Examined) -> Iterator[Finding]:
    items = [*filter(is_client, scan(examined.outputs["DirectoryTableName"]))]
    live = [item for item in items if not table.read_value(item.get("disabled", {"BOOL": False}))]
    if not live:
        yield problem(
            "There is no client, so nobody may call." if not items else "All clients are revoked.",
            "`verifyctl clients create NAME`",
        )
