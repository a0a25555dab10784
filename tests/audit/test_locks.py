"""All that is installed is locked: at one version, by hash, from wherever the machine fetches."""

import re
from pathlib import Path

import pytest

from layers.dependencies.build import ARCHITECTURES, pip_command
from tests.local import ROOT

LOCKS = [
    "layers/countries/node.txt",
    "layers/dependencies/requirements.txt",
    "tests/audit/requirements.txt",
    "tests/local/java.txt",
    "tests/requirements.txt",
]
VERSION = r"[a-z0-9-]+(\[[a-z]+\])?==\S+( ; [^\\]+)?"
ENTRY = re.compile(VERSION + r"( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def test_these_are_all_locks() -> None:
    found = [path for folder in ("layers", "tests") for path in (ROOT / folder).rglob("*.in")]
    assert sorted(str(path.with_suffix(".txt").relative_to(ROOT)) for path in found) == LOCKS


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_versions_and_hashes_and_names_no_server(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if not ENTRY.fullmatch(entry)] == []


def test_every_install_of_the_makefile_wants_hashes() -> None:
    commands = (ROOT / "Makefile").read_text().replace("\\\n", "").splitlines()
    installs = [one for one in commands if re.search(r"\bpip.* (install|sync)\b", one)]
    assert len(installs) == 3
    parts = [part for one in installs for part in one.split("||")]
    assert [part for part in parts if "--require-hashes" not in part] == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_layer_is_built_from_hashes_alone(architecture: str) -> None:
    command = pip_command(architecture, Path("layer"))
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)
    assert not [part for part in command if "index" in part]
