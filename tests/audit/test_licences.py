"""The licences of what is deployed are known and accepted, and docs/licences.md names them."""

import pytest

from tests.audit.licences import PAGE, READ, accepted, licence, page, rows
from tests.local import LocalError


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "make licences writes it"


def test_what_is_deployed_has_a_licence_that_is_accepted() -> None:
    assert len(rows()) > 10
    assert [row for row in rows() if not accepted(row[2])] == []


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("MIT", True),
        ("Apache-2.0 AND BSD-3-Clause", True),
        ("MIT OR GPL-3.0-only", False),
        ("Dual License", False),
        ("", False),
    ],
)
def test_a_licence_is_accepted_when_all_of_it_is(expression: str, known: bool) -> None:
    assert accepted(expression) is known


def test_a_package_under_another_licence_stops_the_page() -> None:
    with pytest.raises(LocalError, match="asyncssh .* 'EPL-2.0"):
        licence("asyncssh")  # of the emulator


def test_licences_that_were_read_are_of_packages_that_are_there() -> None:
    assert READ.keys() <= {name for name, _, _ in rows()}
