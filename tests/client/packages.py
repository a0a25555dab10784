"""boto3 and what it brings, as Lambda's own Python has it: no registry is asked for them."""

import shutil
from importlib.metadata import distribution
from pathlib import Path

_PACKAGES = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")


def link_boto3(folder: Path) -> None:
    """Put it into a folder for packages, as this environment has it."""
    for name in _PACKAGES:
        found = distribution(name)
        for top in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            source = Path(str(found.locate_file(top)))
            if top.endswith(".dist-info"):  # uv looks for folders
                shutil.copytree(source, folder / top)
            else:
                (folder / top).symlink_to(source)
