"""Build the real template with SAM and deploy it into an emulator through CloudFormation."""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.local import ROOT
from tests.local.emulator import KEYS, REGION, aws
from tests.local.processes import locked, run

STACK_NAME = "serverless-verify"
STAGE = "local"
EMAIL_SENDER = "verify@example.org"
TEMPLATE = ROOT / "template.yaml"
BUILD = ROOT / ".aws-sam" / "build"
# A section that samconfig.toml does not have: what is in it is about the user's AWS account.
_NO_CONFIGURATION = ("--config-env", "on-this-machine")
BIN = Path(sys.executable).parent  # of the virtual environment: sam, and python3.13 for the layers

PARAMETERS = {
    "Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    "Stage": STAGE,
    "Routes": "sms=sns; voice=sandbox; email=ses",
    "EmailSender": EMAIL_SENDER,
    "SandboxEnabled": "true",
    "TestCode": "246810",
    "DeletionProtection": "false",
    "Events": "webhooks",
    "WebhookNetworks": "127.0.0.0/8",
    "ConversionAlarm": "false",  # the emulator refuses to deploy an alarm on an expression
}


def build() -> Path:
    """Build functions and layers into BUILD, unless what is there was made of the same files.

    Of two processes that build at once the second leaves alone what the first has built: it may
    be in use by then.
    """
    options = [
        *_NO_CONFIGURATION,
        *("--template-file", str(TEMPLATE)),
        *("--build-dir", str(BUILD)),
        *("--cache-dir", str(BUILD.with_name("cache"))),
        *("--cached", "--parallel"),
        *("--parameter-overrides", *overrides(PARAMETERS)),
    ]
    made_of, stamp = _digest(options), BUILD / "made-of"
    with locked(BUILD.with_name(BUILD.name + ".lock")), tidy() as tmp:
        if not stamp.exists() or stamp.read_text() != made_of:
            stamp.unlink(missing_ok=True)
            run([BIN / "sam", "build", *options], "sam build", environment() | tmp)
            stamp.write_text(made_of)
    return BUILD


def sam_build(template: Path, directory: Path) -> Path:
    """Build another template than ours into a folder."""
    options = [
        *_NO_CONFIGURATION,
        *("--template-file", str(template)),
        *("--build-dir", str(directory)),
    ]
    with tidy() as tmp:
        run([BIN / "sam", "build", *options], "sam build", environment() | tmp)
    return directory


def _digest(options: list[str]) -> str:
    """Of all that a build is made of: our files, the versions of the tools, what SAM is told."""
    digest = hashlib.sha256("\0".join(options).encode())
    folders = (ROOT / "functions", ROOT / "layers")
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    for path in (TEMPLATE, ROOT / "tests/requirements.txt", *sorted(found)):
        if "__pycache__" not in path.parts:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(ROOT)}\0{content}\n".encode())
    return digest.hexdigest()


def deploy(
    endpoint_url: str,
    directory: Path = BUILD,
    stack_name: str = STACK_NAME,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Deploy what `build` made into an emulator, creating the stack or changing it.

    `parameters` go over PARAMETERS. Returns the stack's outputs.
    """
    # SES refuses senders nobody vouched for, here as on AWS.
    aws(endpoint_url, "ses").verify_email_identity(EmailAddress=EMAIL_SENDER)
    found = sam_deploy(endpoint_url, directory, stack_name, PARAMETERS | dict(parameters or {}))
    tell_address(endpoint_url, found)
    return found


def sam_deploy(
    endpoint_url: str, directory: Path, stack_name: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Deploy what SAM built into an emulator. Returns the stack's outputs."""
    options = [
        *_NO_CONFIGURATION,
        *("--template-file", str(directory / "template.yaml")),
        *("--stack-name", stack_name),
        *("--region", REGION),
        "--resolve-s3",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--parameter-overrides", *overrides(parameters)),
    ]
    with locked(directory.with_name(directory.name + ".lock")), tidy() as tmp:
        run([BIN / "sam", "deploy", *options], "sam deploy", environment(endpoint_url) | tmp)
    return outputs(endpoint_url, stack_name)


def tell_address(endpoint_url: str, outputs: Mapping[str, str]) -> None:
    """Tell the functions that answer with addresses where they are; the emulator's events do not.

    As the parameter PublicUrl does, but that would have to be known before the API is there.
    """
    client = aws(endpoint_url, "lambda")
    for name in (outputs["MessageBirdFunctionArn"], outputs["StartFunctionArn"]):
        now = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        wanted = now | {"PUBLIC_URL": api_url(endpoint_url, outputs["ApiUrl"])}
        if wanted != now:
            variables = {"Variables": wanted}
            client.update_function_configuration(FunctionName=name, Environment=variables)


def api_url(endpoint_url: str, url: str) -> str:
    """Where the emulator serves what API Gateway would at this URL."""
    api, _, _ = (urlsplit(url).hostname or "").partition(".")
    return f"{endpoint_url}/_aws/execute-api/{api}{urlsplit(url).path}"


@contextmanager
def tidy() -> Iterator[dict[str, str]]:
    """A TMPDIR for sam, which leaves folders behind in the user's own."""
    with tempfile.TemporaryDirectory() as folder:
        yield {"TMPDIR": folder}


def outputs(endpoint_url: str, stack_name: str = STACK_NAME) -> dict[str, str]:
    """The outputs of a deployed stack."""
    stacks = aws(endpoint_url, "cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}


def overrides(parameters: Mapping[str, str]) -> list[str]:
    """Parameters in the spelling of `sam --parameter-overrides`, blanks and all."""
    return [f'{name}="{value}"' for name, value in parameters.items()]


def environment(endpoint_url: str | None = None) -> dict[str, str]:
    """The user's environment, with an emulator in the place of the user's AWS account.

    Without one there is no AWS at all: a build needs none.
    """
    # Nor what make hands down to its own kind, since SAM runs make for the layers.
    hidden = ("AWS_", "MAKE", "MFLAGS", "PYTHON", "SAM_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",  # seconds between looks at the stack
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **({**KEYS, "AWS_ENDPOINT_URL": endpoint_url} if endpoint_url else {}),
    }
