"""The built layers, as AWS Lambda unpacks them into /opt."""

import os
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from tests.local import ROOT


@dataclass(frozen=True)
class Layers:
    """The `python` folder of each layer; a function finds its own on its path as /opt/python."""

    dependencies: Path
    verification: Path
    client: Path


LAYERS = [field.name for field in fields(Layers)]


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Layers:
    """What `sam build` left in VERIFY_BUILD_DIR; without that, built now as SAM would."""
    build = os.environ.get("VERIFY_BUILD_DIR")
    if build:
        folder = ROOT / build
    else:
        folder = tmp_path_factory.mktemp("build")
        for name in LAYERS:
            build_layer(f"{name.title()}Layer", ROOT / "layers" / name, folder)
    return Layers(*(folder / f"{name.title()}Layer/python" for name in LAYERS))


def build_layer(logical_id: str, source: Path, build: Path) -> None:
    artifacts = build / logical_id
    subprocess.run(
        ["make", "--makefile", source / "Makefile", f"build-{logical_id}"],
        cwd=source,
        env=os.environ | {"ARTIFACTS_DIR": str(artifacts), "PYTHON": sys.executable},
        check=True,
    )
