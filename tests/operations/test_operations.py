"""Every command in docs/operations.md runs, each block in its place, against a stack of its own.

Blocks are run by a shell as they stand there, with what the page names made to be there: a client,
a verification, files. Three programs are wrapped:

- `sam` builds nothing (the tests' build is there) and is told nothing by hand;
- `verifyctl tail` ends by itself, `keys rotate` waits no days, and `doctor` may have found what
  the emulator does not answer;
- `aws` does not make the calls in MISSING, which the emulator lacks: it checks their parameters.
"""

import json
import os
import random
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from boto3.dynamodb.types import TypeSerializer
from pytest_httpserver import HTTPServer
from verification.domain.policy import Client, Profile
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client

from tests.docs.sources import read
from tests.e2e.talking import code_in
from tests.e2e.vendors import Vendors
from tests.local import ROOT, emulator
from tests.local.deploy import (
    EMAIL_SENDER,
    PARAMETERS,
    STACK_NAME,
    deploy,
    environment,
    outputs,
    overrides,
)
from tests.local.emulator import REGION, aws
from tests.local.processes import free_port

PAGE = "docs/operations.md"
CLIENT = "shop-k3q7m2xa"
VERIFICATION = "ajqopgr262u3fibltxjeyks5k6u"
SERVICE = "81213bfd-b690-499e-b9d2-8754cb1550e8"
WEBHOOK = "w0a1b2c3d4e5"
# Names may lead nowhere on this machine: an address in their place, which nobody connects to.
ADDRESSES = {"https://example.com/verified": "https://1.1.1.1/verified"}

# What the emulator has not; everything else is called.
MISSING = {
    "sqs start-message-move-task": "the emulator has no redrive",
    "sns get-sms-sandbox-account-status": "the emulator has no SMS sandbox",
    "sns create-sms-sandbox-phone-number": "the emulator has no SMS sandbox",
    "sns verify-sms-sandbox-phone-number": "the emulator has no SMS sandbox",
    "sns set-sms-attributes": "the emulator has no SMS attributes",
    "sns get-sms-attributes": "the emulator has no SMS attributes",
}
# Blocks that are not run here, by a word in them.
ELSEWHERE = {
    "make -s env": "it is about the stack of `make up`; the lines below it are run by other blocks",
}

PARAMETERS_OF_PAGE = PARAMETERS | {
    "Routes": "sms=sns,messente; email=ses",
    "SandboxEnabled": "false",
    "TestCode": "",
    "Countries": "EE GB",
    "DeletionProtection": "true",
}


def page_blocks() -> list[tuple[str, str]]:
    """Each block of shell commands with the heading it stands under."""
    found, heading = [], ""
    pattern = r"^#+ (?P<heading>[^\n]+)$|^(?P<indent> *)```sh\n(?P<block>.*?)^ *```$"
    for match in re.finditer(pattern, read(PAGE), re.S | re.M):
        if match["heading"]:
            heading = match["heading"]
        else:
            found.append((heading, textwrap.dedent(match["block"])))
    return found


BLOCKS = page_blocks()
PREAMBLE = BLOCKS[0][1]


@dataclass
class Desk:
    """Where an operator sits: a folder with what the page names, and a stack."""

    folder: Path
    url: str
    outputs: Mapping[str, str]

    def aws(self, service: str) -> Any:
        return aws(self.url, service)

    def run(self, block: str, typed: str = "") -> str:
        """What a block prints; each of its commands must succeed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{PREAMBLE}\n{block}"],
            cwd=self.folder,
            env=environment(self.url)
            | {"PATH": f"{self.folder}/.venv/bin{os.pathsep}{os.environ['PATH']}"},
            input=typed,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def client(self) -> None:
        """Let the client be there, as it was before somebody revoked it."""
        record = ClientRecord(
            Client(CLIENT, Profile("Shop"), direct_invoke=True),
            (Secret(hash_secret("a secret that nobody uses")),),
        )
        self.aws("dynamodb").put_item(
            TableName=self.outputs["DirectoryTableName"], Item=write_client(record, "Shop", 0)
        )

    def put(self, pk: str, sk: str, **values: Any) -> None:
        """Let an item be in the directory."""
        serialize = TypeSerializer().serialize
        item = {name: serialize(value) for name, value in {"pk": pk, "sk": sk, **values}.items()}
        self.aws("dynamodb").put_item(TableName=self.outputs["DirectoryTableName"], Item=item)

    def ask(self, function: str, **payload: Any) -> Any:
        answer = self.aws("lambda").invoke(
            FunctionName=self.outputs[f"{function}FunctionArn"],
            Payload=json.dumps({"client": CLIENT, **payload}),
        )
        return json.load(answer["Payload"])

    def verification(self) -> tuple[str, str]:
        """A verification of the client, and its code."""
        to = f"+3725{random.randrange(10**7):07d}"
        begun = self.ask("Start", to=to)
        inbox = f"{self.url}/_ministack/sns/sms-messages?phoneNumber=%2B{to[1:]}"
        text = requests.get(inbox, timeout=10).json()["sms_messages"][to][0]["Message"]
        return begun["id"], code_in(text)

    def send(self, queue: str, body: Any) -> None:
        url = self.outputs[f"{queue}Url"]
        self.aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))


AWS = """#!/bin/sh
# The tests' AWS CLI is version 1: it takes a payload as it is, and has no word for that; and it
# asks SQS where that was years ago, unless it is told where to.
case "$*" in *"--cli-binary-format raw-in-base64-out"*)
  for one; do shift; case "$one" in
    --cli-binary-format|raw-in-base64-out) ;;
    *) set -- "$@" "$one" ;;
  esac; done ;;
esac
case "$1 $2" in
{missing}) exec {python} {bin}/aws "$@" --generate-cli-skeleton output ;;
*) exec {python} {bin}/aws --endpoint-url "$AWS_ENDPOINT_URL" "$@" ;;
esac
"""
SAM = """#!/bin/sh
[ "$1" = build ] && exit 0
for one; do shift; [ "$one" = --guided ] || set -- "$@" "$one"; done
exec {bin}/sam "$@"
"""
VERIFYCTL = """#!/bin/sh
case "$*" in
tail*--once*) ;;
tail*) set -- "$@" --once ;;
"keys rotate --leaked") ;;
"keys rotate"*) set -- "$@" --caches 0s --validity 0s ;;
doctor*)  # 3: it could not look at the sandbox of SMS, which the emulator has not
  {python} -m verification.cli "$@" || [ $? -eq 3 ]
  exit ;;
esac
exec {python} -m verification.cli "$@"
"""
PYTHON = """#!/bin/sh
exec {python} "$@"
"""


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, built: Path, all_vendors: Vendors
) -> Iterator[Desk]:
    """An emulator with a stack of its own: the last block deletes it."""
    folder = tmp_path_factory.mktemp("desk")
    state = tmp_path_factory.mktemp("emulator-of-operations")
    server = emulator.start(state, free_port(), all_vendors.environment)
    try:
        with HTTPServer() as verigator:
            services = verigator.expect_request("/v1/service/service", method="POST")
            services.respond_with_json({"id": SERVICE})
            account = {"username": "user", "password": "password", "service_id": SERVICE}
            settings = {"verigator": account | {"base_url": verigator.url_for("/v1")}}
            yield furnish(folder, server.url, built, all_vendors.settings | settings)
    finally:
        server.process.stop()


def furnish(folder: Path, url: str, built: Path, settings: Mapping[str, Any]) -> Desk:
    topic = aws(url, "sns").create_topic(Name="alarms")["TopicArn"]
    aws(url, "sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    parameters = PARAMETERS_OF_PAGE | {"AlarmTopicArn": topic}
    deploy(url, built, STACK_NAME, parameters)
    found = outputs(url, STACK_NAME)
    # What the emulator's CloudFormation leaves out, see test_doctor.py.
    dynamodb = aws(url, "dynamodb")
    dynamodb.update_time_to_live(
        TableName=found["SessionsTableName"],
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    dynamodb.update_continuous_backups(
        TableName=found["DirectoryTableName"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    aws(url, "sesv2").create_email_identity(EmailIdentity=EMAIL_SENDER)
    binaries = folder / ".venv/bin"
    binaries.mkdir(parents=True)
    places = {
        "python": sys.executable,
        "bin": Path(sys.executable).parent,
        "missing": "|".join(f'"{one}"' for one in MISSING),
    }
    for name, text in (("aws", AWS), ("sam", SAM), ("verifyctl", VERIFYCTL), ("python", PYTHON)):
        (binaries / name).write_text(
            re.sub(r"\{(python|bin|missing)\}", lambda m: str(places[m[1]]), text)
        )
        (binaries / name).chmod(0o755)
    for name in ("Makefile", "tests", "layers"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv/.complete").touch()  # for make
    (folder / "samconfig.toml").write_text(samconfig(built, parameters))
    (folder / "providers.json").write_text(json.dumps(settings))
    (folder / "prices.csv").write_text("sns,sms,*,0.05\nmessente,sms,*,0.05\nses,email,*,0.0001\n")
    history = "git init -q . && git config user.email a@b.c && git config user.name Test"
    commit = "git commit -q --allow-empty -m"
    subprocess.run(
        ["sh", "-c", f"{history} && {commit} One && git tag v0.1.0 && {commit} Two"],
        cwd=folder,
        check=True,
    )
    return Desk(folder, url, found)


def samconfig(built: Path, parameters: Mapping[str, str]) -> str:
    """As samconfig.toml is after a first `make deploy`, and nothing is asked."""
    given = " ".join(overrides(parameters)).replace('"', '\\"')
    return f"""version = 0.1
[default.deploy.parameters]
template_file = "{built}/template.yaml"
stack_name = "{STACK_NAME}"
region = "{REGION}"
capabilities = "CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
resolve_s3 = true
confirm_changeset = false
fail_on_empty_changeset = false
parameter_overrides = "{given}"
"""


# ---------------------------------------------------------------------- What has to be there before


def before_reports(desk: Desk) -> None:
    event = json.loads((ROOT / "events/reports-eventbridge.json").read_text())
    desk.send("ReportsDeadLetterQueue", {"requestPayload": event})


def before_batches(desk: Desk) -> None:
    desk.send("TallyDeadLetterQueue", {})


def before_health(desk: Desk) -> None:
    """What other blocks left behind, put right: providers, prices, a topic that is heard."""
    desk.client()
    desk.run(".venv/bin/verifyctl providers put providers.json >/dev/null")
    desk.run(".venv/bin/verifyctl prices put prices.csv >/dev/null")


def before_service(desk: Desk) -> None:
    """A service of the client, as Verigator's API registers them."""
    desk.put(f"S#{SERVICE}", "S", client_id=CLIENT, fqdn="shop.example", name="Shop", created_at=1)


def before_webhook(desk: Desk) -> None:
    """A webhook of the client, as `webhooks create` makes them."""
    facts = {"url": "https://1.1.1.1/", "generation": 1, "overlap_until": 0, "disabled": False}
    desk.put(f"W#{CLIENT}", f"W#{WEBHOOK}", created_at=1, **facts)


BEFORE: dict[str, Callable[[Desk], None]] = {
    SERVICE: before_service,
    WEBHOOK: before_webhook,
    "out ReportsDeadLetterQueueUrl": before_reports,
    "out TallyDeadLetterQueueUrl": before_batches,
    "verifyctl doctor": before_health,
}


@pytest.mark.parametrize(
    "number", range(1, len(BLOCKS)), ids=lambda n: f"{n}-{BLOCKS[n][0].replace(' ', '-')[:40]}"
)
def test_the_commands_of_a_block_run(desk: Desk, number: int) -> None:
    _, block = BLOCKS[number]
    if reasons := [why for word, why in ELSEWHERE.items() if word in block]:
        print(f"not run: {reasons[0]}")
        return
    for one, why in MISSING.items():
        if f"aws {one}" in block:
            print(f"aws {one}: its parameters are checked, no more: {why}")
    desk.client()
    for word, prepare in BEFORE.items():
        if word in block:
            prepare(desk)
    typed = ""
    if VERIFICATION in block:
        one, typed = desk.verification()
        block = block.replace(VERIFICATION, one)
    for name, address in ADDRESSES.items():
        block = block.replace(name, address)
    desk.run(block, typed)


def test_the_page_has_a_section_for_each_thing_an_operator_does() -> None:
    headings = {heading for heading, _ in BLOCKS}
    assert headings >= {
        "Deploying and upgrading",
        "Rolling back",
        "Clients",
        "Rotating the code keys",
        "Restoring",
        "Leaving the sandboxes of AWS",
        "Under attack",
        "A provider is down",
        "Deleting everything",
    }
    assert BLOCKS[-1][0] == "Deleting everything"
    text = "".join(block for _, block in BLOCKS)
    assert [one for one in MISSING if f"aws {one}" not in text] == []
