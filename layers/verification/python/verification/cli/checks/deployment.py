"""The stack itself, its functions, what feeds them, and what they could not do."""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from .examined import Examined, Finding, problem, warning

_SKEW = 30  # seconds; AWS refuses what is signed five minutes off
_DEPLOY = "deploy again: see docs/operations.md#deploying-and-upgrading"
_FEW = 100  # executions at once; a new account may have 10


def check_stack(examined: Examined) -> Iterator[Finding]:
    status = str(examined.stack["StackStatus"])
    roll_back = "deploy what works: see docs/operations.md#rolling-back"
    if re.search("FAILED|ROLLBACK_IN_PROGRESS|^ROLLBACK|DELETE", status):
        yield problem(f"The stack is {status}.", f"look at its events, then {roll_back}")
    elif "ROLLBACK" in status:
        yield warning(f"The last deployment was rolled back ({status}).", roll_back)
    elif "IN_PROGRESS" in status:
        yield warning(f"A deployment is under way ({status}).", "run this again when it is done")


def check_clock(examined: Examined) -> Iterator[Finding]:
    said = examined.answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    there = parsedate_to_datetime(said).timestamp()
    skew = round(examined.now / 1000 - there)
    if abs(skew) > _SKEW:
        yield problem(
            f"The clock of this machine is {abs(skew)} s {'ahead' if skew > 0 else 'behind'}.",
            "set it, by NTP for instance: AWS refuses what is signed 5 minutes off",
        )


def check_functions(examined: Examined) -> Iterator[Finding]:
    for name, found in examined.functions.items():
        state = found.get("State", "Active")
        if state == "Pending" or found.get("LastUpdateStatus") == "InProgress":
            yield warning(f"{name} is just being made or changed.", "run this again in a minute")
        elif state not in ("Active", "Inactive"):  # those nobody called for weeks wake up
            yield problem(f"{name} is {state}: {_reason(found, 'State')}", _DEPLOY)
        if found.get("LastUpdateStatus") == "Failed":
            yield problem(
                f"The last update of {name} failed: {_reason(found, 'LastUpdateStatus')}",
                _DEPLOY,
            )


def _reason(found: Any, what: str) -> str:
    return str(found.get(f"{what}Reason") or "AWS gives no reason")


def check_concurrency(examined: Examined) -> Iterator[Finding]:
    client = examined.aws("lambda")
    for name, found in examined.functions.items():
        answer = client.get_function_concurrency(FunctionName=found["FunctionName"])
        reserved = answer.get("ReservedConcurrentExecutions")
        if reserved == 0:
            yield problem(
                f"{name} may not run at all: its reserved concurrency is 0.",
                f"`aws lambda delete-function-concurrency --function-name {found['FunctionName']}`",
            )
    limit = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if limit < _FEW:
        yield warning(
            f"Functions of this account may run {limit} times at once, all together.",
            "ask for more: Service Quotas, Lambda, Concurrent executions",
        )


def check_sources(examined: Examined) -> Iterator[Finding]:
    client = examined.aws("lambda")
    for one in examined.resources("AWS::Lambda::EventSourceMapping"):
        state = client.get_event_source_mapping(UUID=one.physical)["State"]
        if state not in ("Enabled", "Creating", "Enabling", "Updating"):
            yield problem(
                f"{one.name} is {state}: its function gets nothing to do.",
                f"`aws lambda update-event-source-mapping --enabled --uuid {one.physical}`",
            )


def check_dead_letters(examined: Examined) -> Iterator[Finding]:
    client = examined.aws("sqs")
    name = "ApproximateNumberOfMessages"
    for one in examined.resources("AWS::SQS::Queue"):
        if "DeadLetter" in one.name:
            answer = client.get_queue_attributes(QueueUrl=one.physical, AttributeNames=[name])
            count = int(answer["Attributes"][name])
            if count:
                yield problem(
                    f"{count} messages failed and wait in {one.name}.",
                    "see docs/operations.md#the-dead-letter-queue",
                )
