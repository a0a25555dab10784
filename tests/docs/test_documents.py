"""What holds for every document."""

import re

import pytest

from tests.docs.sources import DOCUMENTS, ERRORS, ROOT, blocks, read


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}


def code_in(document: str) -> str:
    """All that stands in code blocks and between backticks."""
    text = read(document)
    fenced = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.S | re.M)
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", text)])


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", read(document)):
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_command_is_a_target(document: str) -> None:
    assert set(re.findall(r"\bmake ([a-z]+)", code_in(document))) <= targets()


def test_the_readme_names_the_targets_a_user_needs() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)", code_in("README.md")))
    assert {"up", "down", "demo", "test", "lint", "deploy", "client", "clean"} <= named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_error_code_that_is_named_exists(document: str) -> None:
    # A word in backticks right after an HTTP status is a code.
    named = set(re.findall(r"\b(?:4|5)\d\d `([a-z_]+)`", read(document)))
    assert named <= ERRORS.keys() | {"no_such_address", "throttled"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_package_registry(document: str) -> None:
    hosts = ("pypi.org", "npmjs", "docker.io", "ghcr.io", "ecr.aws", "rubygems", "deb.debian")
    assert [host for host in hosts if host in read(document)] == []


def test_every_decision_has_a_date_and_a_way_back() -> None:
    _, *decisions = re.split(r"^## ", read("docs/decisions.md"), flags=re.M)
    assert len(decisions) > 20
    for decision in decisions:
        title, _, text = decision.partition("\n")
        assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d · .+", title), title
        assert text.count("**How to reverse:**") == 1, title


def test_python_in_the_documents_compiles() -> None:
    found = [block for document in DOCUMENTS for block in blocks(document, "python")]
    assert found
    for block in found:
        compile(block, "a document", "exec")
