"""What checkov finds in the template, compared with what is answered to it.

checkov asks for whatever could be asked of any stack, so each finding is mended or answered: about
one resource in template.yaml, by a comment there, `# checkov:skip=ID: why`; about each resource of
a kind by a line of .checkov.yaml. An answer to nothing is a fault, too.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local import ROOT, LocalError
from tests.local.processes import tail
from tests.template.loading import STACK, TEMPLATE, TEMPLATE_FILE

CHECKOV = ROOT / ".venv/checkov/bin/checkov"
FOR_ALL = ROOT / ".checkov.yaml"

# Report and end well, whatever is found; fetch nothing of its vendor's platform.
_OPTIONS = ("--output=json", "--soft-fail", "--skip-download")

_ANSWER = re.compile(r"# checkov:skip=(CKV\w+): *(.*)")
_ANSWER_FOR_ALL = re.compile(r"  - (CKV\w+) *(?:# *(.*))?")
_RESOURCE = re.compile(r"  (\w+):")


@dataclass(frozen=True, order=True)
class Finding:
    """What checkov would have otherwise: one of its checks, and a resource of template.yaml."""

    check: str
    resource: str
    wish: str


@dataclass(frozen=True, order=True)
class Answer:
    """Why a check is not heeded.

    Args:
        resource: a resource of template.yaml; None: whatever the check is about.
    """

    check: str
    resource: str | None
    why: str

    def answers(self, finding: Finding) -> bool:
        return finding.check == self.check and self.resource in (None, finding.resource)


def answers() -> list[Answer]:
    """All answers that there are."""
    return [*read_answers(TEMPLATE_FILE.read_text()), *read_answers_for_all(FOR_ALL.read_text())]


def read_answers(template: str) -> Iterator[Answer]:
    """The answers in a template, each with the resource it stands in."""
    resource = None
    for line in template.splitlines():
        if named := _RESOURCE.match(line):
            resource = named[1]
        if found := _ANSWER.search(line):
            yield Answer(found[1], resource, found[2])


def read_answers_for_all(settings: str) -> Iterator[Answer]:
    """The answers in checkov's own settings."""
    for line in settings.splitlines():
        if found := _ANSWER_FOR_ALL.fullmatch(line):
            yield Answer(found[1], None, found[2] or "")


def findings() -> list[Finding]:
    """What checkov says of the stack when nobody answers.

    Raises:
        LocalError: checkov did not look at all of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "stack.json").write_text(json.dumps(deployed()))
        done = subprocess.run(
            [CHECKOV, "--file=stack.json", "--framework=cloudformation", *_OPTIONS],
            cwd=folder,  # away from .checkov.yaml and a person's own settings
            env={"HOME": folder, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise LocalError(f"checkov failed. Its last lines:\n{tail(done.stdout + done.stderr)}")
    report = json.loads(done.stdout)
    if report["summary"]["resource_count"] != len(STACK["Resources"]):
        raise LocalError(f"checkov did not see all resources: {report['summary']}")
    return sorted({_finding(one) for one in report["results"]["failed_checks"]})


def deployed() -> dict[str, Any]:
    """The stack as AWS gets it: with the roles and stages that SAM makes; all conditions hold."""
    stack: dict[str, Any] = _decide(STACK)
    for resource in stack["Resources"].values():
        resource.pop("Condition", None)
    return stack


def _decide(part: Any) -> Any:
    if isinstance(part, list):
        return [_decide(member) for member in part]
    if not isinstance(part, dict):
        return part
    if part.keys() == {"Fn::If"}:
        _, then, _ = part["Fn::If"]
        return _decide(then)
    return {name: _decide(member) for name, member in part.items()}


def _finding(failed: Mapping[str, Any]) -> Finding:
    made = failed["resource"].rpartition(".")[2]
    return Finding(failed["check_id"], origin(made), failed["check_name"])


def origin(made: str) -> str:
    """The resource of template.yaml that SAM made this one of: StartFunctionRole, StartFunction."""
    names = (name for name in TEMPLATE["Resources"] if made.startswith(name))
    return max(names, key=len, default=made)


def compare(found: Iterable[Finding], answered: Iterable[Answer]) -> list[str]:
    """What is wrong, a line each: findings without an answer, and answers without a finding."""
    found, answered = list(found), list(answered)
    open_ = [one for one in found if not any(answer.answers(one) for answer in answered)]
    idle = [one for one in answered if not any(one.answers(finding) for finding in found)]
    return [
        *(f"{one.resource}: {one.check} asks: {one.wish}" for one in open_),
        *(f"{one.resource or FOR_ALL.name}: {one.check} asks for nothing now" for one in idle),
    ]


def audit() -> list[str]:
    """What is wrong, a line each."""
    found, answered = findings(), answers()
    wrong = compare(found, answered)
    if not wrong:
        print(f"checkov asks {len(found)} things of the template; {len(answered)} lines answer.")
    return wrong
