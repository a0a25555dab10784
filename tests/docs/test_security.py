"""docs/security.md: what it names as code and proof, line by line of two standards, is there."""

import re

import pytest
from verification.domain.limits import parse_limits

from tests.docs.sources import ROOT, read, rows

ASVS = "OWASP ASVS 5.0 §6.5, §6.6"
NIST = "NIST SP 800-63B"
LINES = {
    f"{heading} {number} {asks}": (here, code, proof)
    for heading in (ASVS, NIST)
    for number, asks, here, code, proof in rows("docs/security.md", heading)
}

VERDICT = re.compile(r"\*\*(Met|Partly|Not met|Not claimed|None here|Yours)\b")
# `path` `name`, the path as the page has it: from our package, from the root, or as a link.
NAMED = re.compile(r"(?:`([\w./]+)`|\[[\w.]+]\(\.\./([\w./]+)\)) `(\w+)`")

each_line = pytest.mark.parametrize("line", LINES)


def find(cell: str) -> list[tuple[str, str]]:
    """The files of a cell, from the root, each with what it has to define.

    Raises:
        AssertionError: the cell has something else.
    """
    found = list(NAMED.finditer(cell))
    assert ", ".join(one[0] for one in found) == cell
    return [(_from_root(one[1] or one[2]), one[3]) for one in found]


def _from_root(path: str) -> str:
    ours = f"layers/verification/python/verification/{path}"
    return ours if (ROOT / ours).is_file() else path


def defines(path: str, name: str) -> bool:
    """Whether a file has a function, a class, a constant or a resource of that name."""
    definition = rf"^ *(?:def|class) {name}\b|^{name}\b.* = |^  {name}:$"
    return bool(re.search(definition, read(path), re.MULTILINE))


@each_line
def test_code_and_proof_of_a_line_are_there(line: str) -> None:
    _, code, proof = LINES[line]
    for path, name in find(code) + find(proof):
        assert defines(path, name), f"{path} has no {name}"
    assert all(path.startswith("tests/") for path, _ in find(proof))


@each_line
def test_a_line_has_a_verdict_and_what_is_met_has_code_and_proof(line: str) -> None:
    here, code, proof = LINES[line]
    verdict = VERDICT.match(here)
    assert verdict
    if verdict[1] in ("Met", "Partly"):
        assert find(code) and find(proof)


def test_no_line_of_the_chapters_is_left_out() -> None:
    numbers = [number.split()[0] for number, *_ in rows("docs/security.md", ASVS)]
    assert numbers == [f"6.5.{n}" for n in range(1, 9)] + [f"6.6.{n}" for n in range(1, 5)]


def test_the_limits_that_are_recommended_can_be_set() -> None:
    [rule] = re.findall(r"`GuessLimits` `([^`]+)`", read("docs/security.md"))
    assert [limit.count for limit in parse_limits("destination_guesses", rule)] == [50, 100]
