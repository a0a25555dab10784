"""Sending: that AWS lets us, that routes lead somewhere, that nothing is left open from tests."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ...errors import ConfigurationError
from .examined import Check, Examined, Finding, problem, warning

_SANDBOXES = "see docs/operations.md#leaving-the-sandboxes-of-aws"
_PROD = "prod"  # what the parameter Stage is unless somebody says otherwise
_LITTLE = 1  # US$ a month: what a new account may spend on SMS
_FULL = 0.8
# Of AWS End User Messaging: whose spend limit is which, as DescribeSpendLimits names them.
_SPEND_LIMITS = {"aws-sms": "TEXT", "aws-voice": "VOICE", "aws-notify": "NOTIFY"}


def check_routes(examined: Examined) -> Iterator[Finding]:
    if "ses" in examined.providers and not examined.parameters.get("EmailSender"):
        yield problem(
            "Routes name ses, but there is no EmailSender.", "deploy with the parameter EmailSender"
        )
    if "sandbox" in examined.providers and examined.parameters.get("SandboxEnabled") != "true":
        yield problem(
            "Routes name sandbox, which is not enabled.",
            "deploy with Routes without it, or with SandboxEnabled where nobody real is verified",
        )


def check_email_sender(examined: Examined) -> Iterator[Finding]:
    sender = examined.parameters.get("EmailSender")
    if "ses" not in examined.providers or not sender:
        return
    client = examined.aws("sesv2")
    domain = sender.rpartition("@")[2]
    if not any(_is_verified(client, name) for name in (sender, *_and_parents(domain))):
        yield problem(
            "SES has not verified EmailSender, nor its domain: it sends no e-mail.",
            f"`aws sesv2 create-email-identity --email-identity {domain}`, then {_SANDBOXES}",
        )


def _and_parents(domain: str) -> list[str]:
    """A domain and those above it: what SES has verified holds for all below. No top level."""
    labels = domain.split(".")
    return [".".join(labels[n:]) for n in range(max(len(labels) - 1, 1))]


def _is_verified(client: Any, name: str) -> bool:
    try:
        return bool(client.get_email_identity(EmailIdentity=name)["VerifiedForSendingStatus"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        return False


def check_email_account(examined: Examined) -> Iterator[Finding]:
    if "ses" not in examined.providers:
        return
    account = examined.aws("sesv2").get_account()
    if not account["ProductionAccessEnabled"]:
        yield problem("SES is in its sandbox: it sends to verified addresses only.", _SANDBOXES)
    if not account["SendingEnabled"] or account.get("EnforcementStatus") == "SHUTDOWN":
        yield problem("SES has stopped sending for this account.", "ask AWS in the console of SES")
    quota = account.get("SendQuota", {})
    day = quota.get("Max24HourSend", -1)
    if day > 0 and quota.get("SentLast24Hours", 0) >= day * _FULL:
        yield warning(
            f"{quota['SentLast24Hours']:.0f} of {day:.0f} e-mails that a day may have are sent.",
            "ask for more: Service Quotas, SES",
        )


def check_sms_sandbox(examined: Examined) -> Iterator[Finding]:
    if "sns" in examined.providers:
        if examined.aws("sns").get_sms_sandbox_account_status()["IsInSandbox"]:
            yield problem(
                "SMS of SNS are in their sandbox: they go to verified numbers only.", _SANDBOXES
            )


def check_sms_spend(examined: Examined) -> Iterator[Finding]:
    if "sns" in examined.providers:
        given = examined.aws("sns").get_sms_attributes(attributes=["MonthlySpendLimit"])
        limit = float(given.get("attributes", {}).get("MonthlySpendLimit") or _LITTLE)
        if limit <= _LITTLE:
            yield problem(
                f"SNS may spend {limit:g} US$ a month on SMS, some dozens of them.",
                "`aws sns set-sms-attributes --attributes MonthlySpendLimit=…`; " + _SANDBOXES,
            )


def check_end_user_messaging(examined: Examined) -> Iterator[Finding]:
    kinds = {_SPEND_LIMITS[name] for name in examined.providers if name in _SPEND_LIMITS}
    if not kinds:
        return
    client = examined.aws("pinpoint-sms-voice-v2")
    answer = client.describe_account_attributes()["AccountAttributes"]
    tiers = {one["Name"]: one["Value"] for one in answer}
    # The sandbox is of SMS and calls: Notify has tiers of its own, for each configuration.
    if kinds != {"NOTIFY"} and tiers.get("ACCOUNT_TIER") != "PRODUCTION":
        yield problem("AWS End User Messaging is in its sandbox.", _SANDBOXES)
    pages = client.get_paginator("describe_spend_limits").paginate()
    listed = (one for page in pages for one in page["SpendLimits"])
    limits = {one["Name"]: one["EnforcedLimit"] for one in listed}
    for kind in sorted(kinds):
        name = f"{kind}_MESSAGE_MONTHLY_SPEND_LIMIT"
        if limits[name] <= _LITTLE:
            command = f"set-{kind.lower()}-message-spend-limit-override --monthly-limit …"
            yield problem(
                f"{name} of AWS End User Messaging is {limits[name]} US$.",
                f"raise it: `aws pinpoint-sms-voice-v2 {command}`; {_SANDBOXES}",
            )


def check_back_doors(examined: Examined) -> Iterator[Finding]:
    """What is for tests lets in whoever knows it: not where real people are verified."""
    stage = examined.parameters.get("Stage")
    found = problem if stage == _PROD else warning
    where = f"in the stage {stage}"
    if examined.parameters.get("SandboxEnabled") == "true":
        yield found(
            f"The sandbox provider is enabled {where}: it keeps codes in the table.",
            "deploy with SandboxEnabled false",
        )
    if examined.settings("MessageBirdFunction").optional("TEST_CODE"):
        yield found(f"There is a TestCode {where}.", "deploy with TestCode empty")
    settings = examined.settings("StartFunction")
    try:
        tests = settings.test_destinations
    except ConfigurationError as error:
        yield problem(f"{error}", "deploy with TestDestinations put right, or empty")
        return
    over = [to for to, one in tests.items() if one.until <= examined.now]
    if over:
        yield warning(
            f"The last day of {len(over)} of {len(tests)} TestDestinations is over.",
            "deploy without them, or with another last day",
        )
    if len(over) < len(tests):
        yield found(
            f"There are TestDestinations {where}, whose codes are fixed.",
            "deploy with TestDestinations empty",
        )


CHECKS: tuple[tuple[str, Check], ...] = (
    ("routes", check_routes),
    ("email_sender", check_email_sender),
    ("email_account", check_email_account),
    ("sms_sandbox", check_sms_sandbox),
    ("sms_spend", check_sms_spend),
    ("end_user_messaging", check_end_user_messaging),
    ("back_doors", check_back_doors),
)
