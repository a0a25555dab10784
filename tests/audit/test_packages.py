"""Known holes fail an audit; only where nobody can be asked is it skipped, and says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.audit import packages
from tests.audit.packages import Unanswered, judge
from tests.local import LocalError
from tests.local.processes import free_port

KNOWN = {"name": "six", "version": "1.17.0", "vulns": []}
UNKNOWN = {"name": "segno", "skip_reason": "not there"}
HOLE = {
    "id": "CVE-2026-0001",
    "affected": [
        {
            "package": {"name": "six", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.18.0"}]}],
        }
    ],
}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Two packages of our lock."""
    path = tmp_path / "requirements.txt"
    hash_ = f"--hash=sha256:{'0' * 64}"
    path.write_text(f"segno==1.6.6 {hash_}\nsix==1.17.0 {hash_}\n")
    return path


def service(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let pip-audit ask there."""
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def holes_of(**known: Any) -> Any:
    def answer(request: Request) -> Response:
        name = json.loads(request.get_data())["package"]["name"]
        return Response(json.dumps({"vulns": known[name]} if name in known else {}))

    return answer


def test_packages_without_known_holes_pass(
    lock: Path,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    httpserver.expect_request("/query").respond_with_handler(holes_of())
    service(monkeypatch, httpserver.url_for("/query"))
    assert packages.audit([lock]) == []
    assert "asked for known holes in 2 packages" in capsys.readouterr().out


def test_a_known_hole_fails(
    lock: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/query").respond_with_handler(holes_of(six=[HOLE]))
    service(monkeypatch, httpserver.url_for("/query"))
    assert packages.audit([lock]) == ["six 1.17.0: CVE-2026-0001, mended in 1.18.0"]


def test_an_audit_that_nobody_answers_is_skipped_in_one_line(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service(monkeypatch, f"http://127.0.0.1:{free_port()}")
    assert packages.audit([lock, lock]) == []
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("Skipped: nobody could be asked for known holes")


def test_a_lock_without_hashes_fails_even_where_nobody_can_be_asked(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.write_text("six==1.17.0\n")
    service(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(LocalError, match="with pip-audit failed"):
        packages.audit([lock])


def test_a_mirror_that_knows_none_of_the_packages_is_nobody() -> None:
    """pip-audit itself takes that for the best of news."""
    with pytest.raises(Unanswered):
        judge({"dependencies": [UNKNOWN, UNKNOWN]})


def test_a_single_package_that_nobody_knows_fails() -> None:
    assert judge({"dependencies": [KNOWN, UNKNOWN]}) == ["segno: not there"]
