"""Looks for secrets in all logs."""

import json
import re
from collections.abc import Iterable, Iterator, Set
from typing import Any
from urllib.parse import unquote

import requests

from tests.e2e.vendors import PASSWORD, WEBHOOK_SECRET, Vendors
from tests.local.stack import Stack

_PAGE = 10_000  # events that the emulator answers with at most; it has no tokens for more
# What has digits and is neither a code nor a number of anybody: ids, times, what Lambda measured.
_HARMLESS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|1-[0-9a-f]{8}-[0-9a-f]{24}"
    r"|[a-z2-7]{27}-\d+-\d{13}(?!\d)"  # what aws-notify knows a send by
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\+0000"
    r'|"_aws":\{"Timestamp":\d{13},'
    r'|"validity":\d+'
    r"|(Duration|Size|Used): \d+ (ms|MB)"
    r"|\.py:\d+ "
)
_LONG = 9  # digits that chance does not put anywhere
_ESCAPES = re.compile(r"\\+(u[0-9a-f]{4}|.)")  # of JSON: the n of \n is no letter of a word
_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{4,}(?![0-9A-Za-z])")


def logged(stack: Stack) -> Iterator[str]:
    """Every line of all logs."""
    client = stack.aws("logs")
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            yield from _lines(client, group["logGroupName"])


def logged_by(stack: Stack, function: str) -> Iterator[str]:
    """Every line of one function."""
    arn = (stack.functions | stack.other_functions)[function]
    config = stack.aws("lambda").get_function_configuration(FunctionName=arn)
    yield from _lines(stack.aws("logs"), config["LoggingConfig"]["LogGroup"])


def _lines(client: Any, group: str, since: int = 0) -> Iterator[str]:
    """The lines of a log from a time (epoch milliseconds) on; some come twice."""
    events = client.filter_log_events(logGroupName=group, startTime=since)["events"]
    yield from (event["message"] for event in events)
    if len(events) == _PAGE:
        last = events[-1]["timestamp"]
        assert last > since, "more in a millisecond than one answer has"
        yield from _lines(client, group, last)


def numbers(lines: Iterable[str]) -> dict[str, str]:
    """The numbers of four digits or more that stand by themselves, and a line of each.

    A code is one, right or guessed, and so is a destination in most places. No line of ours has
    any, but as a part of an id or a time.
    """
    found = {}
    for line in lines:
        found.update(dict.fromkeys(_NUMBER.findall(_plain(line)), line))
    return found


def leaks(lines: Iterable[str], secrets: Set[str]) -> dict[str, str]:
    """The secrets that are in the lines, and a line of each.

    A few digits count where they stand by themselves (see `numbers`): anywhere else, chance puts
    them into ids. All else counts wherever it is.
    """
    lines = list(lines)
    alone = numbers(lines)
    found = {secret: alone[secret] for secret in secrets & alone.keys()}
    digits = {secret for secret in secrets if secret.isdigit() and len(secret) >= _LONG}
    words = {secret for secret in secrets if not secret.isdigit()}
    addresses = {secret for secret in words if "@" in secret}
    for read, has, searched in (  # thousands of secrets, so in no more lines than need be
        (_plain, rf"\d{{{_LONG}}}", digits),
        (unquote, "@", addresses),
        (unquote, "", words - addresses),
    ):
        text = "\n".join(line for line in map(read, lines) if re.search(has, line))
        for secret in searched:
            if secret in text:
                found[secret] = next(line for line in lines if secret in read(line))
    return found


def _plain(line: str) -> str:
    """A line without escapes and without what is harmless."""
    return _ESCAPES.sub(" ", _HARMLESS.sub(" ", unquote(line)))


def search(stack: Stack, secrets: Set[str]) -> list[dict[str, Any]]:
    """Assert that no log has any of the secrets, nor anything that could be a code.

    Returns:
        The lines of ours.
    """
    lines = list(logged(stack))
    records = [json.loads(line) for line in lines if line.startswith("{")]
    found = leaks(lines, secrets) | numbers(lines)
    assert not found, found
    counted = sum("_aws" in record for record in records)
    print(f"{len(lines)} log lines, {counted} of metrics, have none of {len(secrets)} secrets")
    return records


def keys(stack: Stack) -> Iterator[str]:
    """The stack's own keys, and what its providers know it by."""
    client = stack.aws("secretsmanager")
    for secret in client.list_secrets()["SecretList"]:
        if secret["ARN"] != stack.providers_secret:
            text = client.get_secret_value(SecretId=secret["ARN"])["SecretString"]
            yield from (value for value in json.loads(text).values() if len(value) > 1)
    yield from (PASSWORD, WEBHOOK_SECRET)


def messages(stack: Stack, vendors: Vendors) -> Iterator[tuple[str, str]]:
    """To whom and what was sent in the whole run, by whatever way."""
    texts = requests.get(stack.sms_inbox_url, timeout=30).json()["sms_messages"]
    for number, received in texts.items():
        yield from ((number, message["Message"]) for message in received)
    accounts = requests.get(stack.email_inbox_url, timeout=30).json()["messages"]
    for mails in accounts.values():
        yield from ((to, mail["BodyText"]) for mail in mails for to in mail["To"])
    for vendor in vendors.each:
        yield from ((one.to, one.text) for one in vendor.taken)
    yield from _sandbox(stack)


def _sandbox(stack: Stack) -> Iterator[tuple[str, str]]:
    pages = stack.aws("dynamodb").get_paginator("scan").paginate(TableName=stack.tables["sessions"])
    for page in pages:
        for item in page["Items"]:
            if item["pk"]["S"].startswith("S#"):
                yield item["pk"]["S"][2:], item["text"]["S"]


def codes_in(text: str) -> Iterator[str]:
    """What may be codes in a message: digits; as they are spoken, too."""
    yield from re.findall(r"\d{4,16}", text)
    yield from re.findall(r"\d(?:, \d){3,15}", text)


def report_macs(vendors: Vendors) -> Iterator[str]:
    """What lets a vendor report on a message: the end of each address for it."""
    for vendor in vendors.each:
        yield from (one.report_url[-26:] for one in vendor.taken if one.report_url)


def metrics(records: Iterable[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Each metric with its dimensions."""
    return {
        (metric["Name"], *sorted(dimensions))
        for record in records
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }
