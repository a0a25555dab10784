"""Sizes of layers and functions, zipped as SAM uploads them, and unpacked.

Lambda keeps all of a function's files unpacked at 250 MB; zips are what is fetched at a cold start.
"""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.builds import FUNCTIONS, NAIVE_BUILD, NAIVE_COMPILED, build_naive
from tests.local.deploy import BUILD

_LAYERS = ("DependenciesLayer", "VerificationLayer", "CountriesLayer")


def measure() -> dict[str, Any]:
    """`zipped` and `unpacked` bytes, by what is uploaded."""
    build_naive()
    folders = {f"ours, {name}": BUILD / name for name in _LAYERS}
    folders |= {f"ours, {one} function": BUILD / f"{one.title()}Function" for one in FUNCTIONS}
    folders["naive, each function"] = NAIVE_BUILD / "StartFunction"
    folders["naive, each function with bytecode"] = NAIVE_COMPILED
    return {name: size_of(folder) for name, folder in folders.items()}


def size_of(folder: Path) -> dict[str, int]:
    """Bytes of a folder, by DEFLATE as SAM's zips, and as it lies there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with tempfile.TemporaryFile() as room:
        with zipfile.ZipFile(room, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as zipped:
            for path in files:
                zipped.write(path, path.relative_to(folder))
        return {"zipped": room.tell(), "unpacked": sum(path.stat().st_size for path in files)}
