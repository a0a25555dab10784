"""Fetched packages are the ones we know, whole, and fetched once."""

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from layers.countries import fetch
from layers.countries.fetch import FetchError, Package, npm_package, once, unpack

FILES = {"package/data.bin": b"1", "package/sub/more.bin": b"2", "elsewhere/other.bin": b"3"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def known(archive: Path, folder: str = "package") -> Package:
    sha512 = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    return Package("@some/package", "1.0.0", sha512, folder)


@pytest.mark.parametrize(
    ("folder", "files"),
    [("package", {"data.bin", "sub/more.bin"}), ("package/sub", {"more.bin"})],
)
def test_what_is_wanted_of_the_package_is_unpacked(
    archive: Path, tmp_path: Path, folder: str, files: set[str]
) -> None:
    target = tmp_path / "unpacked"
    unpack(known(archive, folder), archive, target)
    assert {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()} == files


def test_another_package_than_the_known_one_is_not_unpacked(archive: Path, tmp_path: Path) -> None:
    package = known(archive)
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(FetchError, match="not the package we know"):
        unpack(package, archive, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_a_package_that_was_fetched_needs_no_npm(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some-package-1.0.0").mkdir()
    monkeypatch.setenv("PATH", "")
    assert npm_package(known(archive), tmp_path) == tmp_path / "some-package-1.0.0"


def test_when_npm_fails_its_words_and_advice_are_told_and_nothing_is_left(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands, cache = tmp_path / "commands", tmp_path / "cache"
    commands.mkdir()
    for name in ("npm", "node"):
        (commands / name).write_text("#!/bin/sh\necho nobody is there\nexit 1\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(commands))
    with pytest.raises(FetchError, match=r"@some/package 1\.0\.0.*npm ping[^$]*nobody is there"):
        npm_package(known(archive), cache)
    assert list(cache.iterdir()) == []


def test_a_folder_is_filled_once(tmp_path: Path) -> None:
    once(tmp_path / "a/b", lambda folder: folder.mkdir())
    (tmp_path / "a/b/kept").touch()
    once(tmp_path / "a/b", lambda folder: folder.mkdir())
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        *("a", "a/b", "a/b/kept")
    ]


def test_a_folder_that_could_not_be_filled_is_absent(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        folder.mkdir()
        raise FetchError

    with pytest.raises(FetchError):
        once(tmp_path / "folder", fill)
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_begin_at_once_the_first_one_stays(tmp_path: Path) -> None:
    target = tmp_path / "folder"

    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / "mine").touch()
        target.mkdir()  # meanwhile, by somebody else
        (target / "theirs").touch()

    assert [path.name for path in once(target, fill).iterdir()] == ["theirs"]


def test_the_command_prints_the_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "some-package-1.0.0").mkdir()
    script, cache = fetch.__file__, str(tmp_path)
    command = [sys.executable, "-I", "-S", script, cache, "@some/package", "1.0.0", "-"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == f"{tmp_path / 'some-package-1.0.0'}\n"
