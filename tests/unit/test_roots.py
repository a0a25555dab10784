"""The roots of a layer, one file each."""

from pathlib import Path

import certifi
import pytest

from layers.dependencies.build import separate_roots


def test_without_openssl_a_build_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="`openssl` is not installed"):
        separate_roots(tmp_path)


def test_roots_of_one_name_are_numbered(tmp_path: Path) -> None:
    """As OpenSSL asks for: it tries .0, .1 and so on, until there is none."""
    bundle = tmp_path / "cacert.pem"
    one = Path(certifi.where()).read_text().split("-----END CERTIFICATE-----\n")[0]
    whole = one[one.index("-----BEGIN") :] + "-----END CERTIFICATE-----\n"
    bundle.write_text(f"# Label: one\n{whole}\n# and again\n{whole}")
    separate_roots(tmp_path)
    names = sorted(path.name for path in (tmp_path / "roots").iterdir())
    assert [name.partition(".")[2] for name in names] == ["0", "1"]
    assert len({name.partition(".")[0] for name in names}) == 1
    assert {path.read_text() for path in (tmp_path / "roots").iterdir()} == {whole}
