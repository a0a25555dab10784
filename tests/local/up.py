"""`make up` and `make down`: the service on this machine, for a person to try."""

import json
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

from verification.errors import ConfigurationError
from verification.settings import Settings

from tests.local import ROOT, LocalError, emulator
from tests.local.deploy import build, deploy
from tests.local.emulator import KEYS, Emulator
from tests.local.processes import Process, is_free
from tests.local.stack import Stack, connect, create_client, load, save, wait_until_healthy

STATE = ROOT / ".local"
STACK_FILE = STATE / "stack.json"
EMULATOR_FILE = STATE / "emulator.json"
DEFAULT_PORT = 4566
NUMBER = "+31612345678"
NUMBER_IN_URL = NUMBER.replace("+", "%2B")


def up(port: int | None, routes: str | None = None) -> None:
    """Build, start, deploy, and say how to use it; a second time, bring it up to date.

    `port` is where the emulator listens; None for where it listens already, or the default.
    `routes` go in place of those in deploy.PARAMETERS.
    """
    running = running_emulator()
    check_port(running, port)
    check_routes(routes)
    with step("Building functions and layers with SAM"):
        build()
    local = running or start_emulator(port or DEFAULT_PORT)
    try:
        with step("Deploying template.yaml with SAM"):
            outputs = deploy(local.url, parameters={"Routes": routes} if routes else None)
        with step("Waiting for the API"):
            stack = with_client(local.url, outputs)
            check_init(stack)
        save(stack, STACK_FILE)
    except BaseException:
        if not running:  # a half-made stack helps nobody
            local.process.stop()
            EMULATOR_FILE.unlink()
        raise
    print(usage(stack))


def down() -> None:
    """Stop what `up` started, and nothing else; forget it."""
    running = running_emulator()
    if running:
        running.process.stop()
        print(f"Stopped the emulator on port {running.port}.")
    else:
        print("Nothing is running.")
    if STATE.exists():
        shutil.rmtree(STATE)


def client(name: str) -> None:
    """Create one more client of the running stack, and print its credentials."""
    stack = load(STACK_FILE)
    if not stack or not running_emulator():
        raise LocalError("The local stack is not running: make up, or make down to forget it.")
    created = stack.client(name)
    print(f"A client of the local stack at {stack.api_url}:", file=sys.stderr)
    print(json.dumps(asdict(created), indent=2))


def exports() -> None:
    """Print the running stack's facts as a shell sets them: `eval "$(make -s env)"`."""
    stack = load(STACK_FILE)
    if not stack or not running_emulator():
        raise LocalError("The local stack is not running: make up.")
    variables = {
        "API": stack.api_url,
        "CLIENT_ID": stack.client_id,
        "CLIENT_SECRET": stack.client_secret,
        "KEY": f"{stack.client_id}.{stack.client_secret}",
        "ACCESS_KEY": stack.access_key,
        "TEST_KEY": stack.test_access_key,
        "TEST_CODE": stack.test_code,
        "SMS_INBOX": stack.sms_inbox_url,
        "EMAIL_INBOX": stack.email_inbox_url,
        # For verifyctl and the AWS tools.
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        **KEYS,
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


def check_port(running: Emulator | None, port: int | None) -> None:
    """LocalError when the emulator is not and cannot be where the user wants it."""
    if running:
        if port not in (None, running.port):
            raise LocalError(
                f"It runs on port {running.port} already. "
                f"To move it: make down, then make up PORT={port}"
            )
    elif not is_free(port or DEFAULT_PORT):
        raise LocalError(
            f"Port {port or DEFAULT_PORT} is taken by another program. "
            f"Choose another one: make up PORT={(port or DEFAULT_PORT) + 1}"
        )


def check_routes(routes: str | None) -> None:
    """LocalError when they cannot be read; what they name, the functions check."""
    if routes:
        try:
            _ = Settings({"ROUTES": routes}).routes
        except ConfigurationError as error:
            raise LocalError(f'{error} Write them such as ROUTES="sms=sns; email=ses".') from None


def check_init(stack: Stack) -> None:
    """LocalError, in the words of the function, when one cannot begin."""
    for arn in stack.functions.values():
        answer = stack.aws("lambda").invoke(FunctionName=arn, Payload=b"{}")
        if "FunctionError" in answer:
            raise LocalError(json.load(answer["Payload"])["errorMessage"])


def running_emulator() -> Emulator | None:
    """The emulator that `up` started, if it still runs."""
    if not EMULATOR_FILE.exists():
        return None
    noted = json.loads(EMULATOR_FILE.read_text())
    process = Process(noted["pid"], noted["started"])
    return Emulator(process, noted["port"]) if process.running() else None


def start_emulator(port: int) -> Emulator:
    """Start an emulator that outlives this program, and note which one it is."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    with step("Starting the AWS emulator"):
        local = emulator.start(STATE, port)
    noted = {"pid": local.process.pid, "started": local.process.started, "port": port}
    EMULATOR_FILE.write_text(json.dumps(noted) + "\n")
    return local


def with_client(endpoint_url: str, outputs: Mapping[str, str]) -> Stack:
    """The deployed stack with the client it had, or a new one if that is unknown to it."""
    known = load(STACK_FILE)
    if known:
        stack = connect(endpoint_url, outputs, known.credentials)
        wait_until_healthy(stack)
        if stack.call("GET", f"/v1/verifications?to={NUMBER_IN_URL}").status != 401:
            return stack
    # What is in stack.json is there to be used by this client: functions to be invoked directly,
    # a key for tests.
    directory = outputs["DirectoryTableName"]
    client = create_client(endpoint_url, directory, "Demo", "--direct-invoke", "--test")
    stack = connect(endpoint_url, outputs, client)
    wait_until_healthy(stack)
    return stack


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Say what is being done, and when it is done, how long it took."""
    print(f"{doing} ...", end=" ", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed")
        raise
    print(f"{time.monotonic() - began:.1f} s")


def usage(stack: Stack) -> str:
    """How to use it: three lines to paste into a shell, one after the other."""
    headers = f"-H 'Authorization: {stack.credentials.bearer}' -H 'Content-Type: application/json'"
    url = f"{stack.api_url}/v1/verifications"
    the_id = r"""sed -E 's/.*"id": *"([^"]+)".*/\1/'"""
    last_code = r"""sed -E 's/.*"Message": *"[^"0-9]*([0-9]+).*/\1/'"""
    return f"""
Serverless Verify runs at {stack.api_url}
Its text messages arrive at {stack.sms_inbox_url}
Its e-mail arrives at {stack.email_inbox_url}

Try it: start a verification, read the code that was "sent", give it back. (To one number, five
times in ten minutes.)

  ID=$(curl -s {url} {headers} -d '{{"to": "{NUMBER}"}}' | {the_id}); echo "$ID"

  CODE=$(curl -s '{stack.sms_inbox_url}?phoneNumber={NUMBER_IN_URL}' | {last_code}); echo "$CODE"

  curl -s {url}/$ID/verify {headers} -d "{{\\"code\\": \\"$CODE\\"}}"

The whole flow: make demo. For your shell: eval "$(make -s env)". For programs: .local/stack.json.
Stop, and forget all of it: make down."""
