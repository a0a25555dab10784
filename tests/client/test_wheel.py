"""The wheel: what is in it, and that it is used in an environment of its own."""

import ast
import json
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.client.packages import link_boto3
from tests.local import ROOT

FOLDER = ROOT / "layers/client"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
UV = Path(sys.executable).with_name("uv")

USE = """
import json, sys
from verification_client import VerificationClient, VerificationError
client = VerificationClient.over_https("http://127.0.0.1:9", "shop", "secret", tries=1)
VerificationClient.over_lambda("verify", "shop")
try:
    client.lookup("afictionalverificationtoken")
except VerificationError as error:
    print(json.dumps([error.code, sys.modules["verification_client"].__file__]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        ["make", "wheel", f"DIST={folder}"], cwd=ROOT, check=True, capture_output=True, timeout=120
    )
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_with_its_types_and_no_more(wheel: Path) -> None:
    assert wheel.name == f"verification_client-{PROJECT['version']}-py3-none-any.whl"
    package = FOLDER / "python/verification_client"
    sources = {f"verification_client/{path.name}" for path in package.glob("*.py")}
    metadata = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {name for name in names if not name.endswith("/")}
    assert files - {name for name in files if name.startswith(metadata)} == {
        *sources,
        "verification_client/py.typed",
    }


def test_the_wheel_is_used_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    [site] = (tmp_path / "venv/lib").glob("python3*/site-packages")
    link_boto3(site)
    for command in (["install", "--offline", "--no-deps", str(wheel)], ["check"]):
        pip: list[str | Path] = [UV, "pip", *command, "--quiet", "--python", python]
        subprocess.run(pip, check=True, timeout=120)
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", USE],
        env={"AWS_DEFAULT_REGION": "eu-west-1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    code, where = json.loads(done.stdout)
    assert code == "unreachable" and Path(where).is_relative_to(site)


def test_its_sources_are_python_3_11() -> None:
    assert PROJECT["requires-python"] == ">=3.11"
    for path in FOLDER.rglob("*.py"):
        ast.parse(path.read_text(), path.name, feature_version=(3, 11))
