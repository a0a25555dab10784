"""docs/page.md says what the page does, and shows each of its states."""

import ast
import re

import pytest
from verification.domain.page_texts import PAGE_TEXTS
from verification.domain.pages import PageResult
from verification.domain.policy import MAX_RETURN_URL, RESEND_INTERVAL, RESULT_SECONDS
from verification.domain.return_urls import ReturnUrlError, parse_return_url

from tests.docs.curls import curls
from tests.docs.sources import ROOT, blocks, openapi, read, rows
from tests.unit.api.test_pages import MAX_BYTES

PICTURES = {path.name for path in (ROOT / "docs/page").glob("*.png")}
MAX_PICTURE = 60_000  # bytes


def text() -> str:
    """The document on one line."""
    return " ".join(read("docs/page.md").split())


def test_each_picture_is_shown_and_none_is_heavy() -> None:
    assert set(re.findall(r"!\[]\(page/([\w.]+)\)", read("docs/page.md"))) == PICTURES
    assert all((ROOT / "docs/page" / name).stat().st_size < MAX_PICTURE for name in PICTURES)


def test_each_picture_is_taken_by_a_test() -> None:
    taken = re.findall(r'shoot\([\w.]+, "(\w+)"\)', read("tests/browser/test_page.py"))
    assert {f"{name}.png" for name in taken} == PICTURES


def test_the_results_are_those_of_the_code() -> None:
    written = [row[0].strip("`") for row in rows("docs/page.md", "How to use it")]
    assert written == [*PageResult]


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"under {MAX_BYTES // 1000} KB" in text()
    assert f"in the {len(PAGE_TEXTS)} languages of the messages" in text()
    assert f"At most {MAX_RETURN_URL} characters" in text()
    assert text().count(f"{RESULT_SECONDS // 60} minutes") == 2
    assert f"{RESEND_INTERVAL} seconds after the last one" in text()


def test_the_start_that_is_shown_leads_to_where_the_command_lets_it() -> None:
    (curl,) = curls("docs/page.md")
    method, _, resource = curl.route.partition(" ")
    assert method.lower() in openapi()["paths"][resource]
    (allowed,) = re.findall(r"--return-url (\S+)", read("docs/page.md"))
    (led,) = re.findall(r'"return_url": "([^"]+)"', read("docs/page.md"))
    assert parse_return_url(led).within([allowed])


@pytest.mark.parametrize("escape", ["%2e", "%2f", "%5c", "%25", "%3b"])
def test_what_a_return_url_may_not_have_is_refused(escape: str) -> None:
    assert f"`{escape}`" in read("docs/page.md")
    with pytest.raises(ReturnUrlError):
        parse_return_url(f"https://shop.example.com/{escape}")


def test_the_code_for_a_server_is_python() -> None:
    (block,) = blocks("docs/page.md", "python")
    assert [type(node) for node in ast.parse(block).body][-1] is ast.FunctionDef
