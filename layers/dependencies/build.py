"""Install the locked packages into a Lambda layer that suits both architectures, and trim it.

Compiled extensions carry their platform in their names, so those for x86_64 and for arm64 lie
side by side: the architecture the template asks for can never differ from the one built.

Usage: python3.13 build.py FOLDER, with pip installed. The Makefile compiles the result.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHITECTURES = ("x86_64", "aarch64")

# Wheels that run on Amazon Linux 2023 (glibc 2.34), the system of Lambda's Python 3.13.
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")

UNUSED = (
    "bin",  # commands, which name this machine's Python
    "share",  # their manual pages
    "**/*.pyi",
    "**/py.typed",
    "botocore/data/*/*/examples-1.json",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.css",
    "segno/cli.py",
    "segno/helpers.py",  # codes for Wi-Fi, contacts, payments
)

# Of each *.dist-info: METADATA tells Amazon Inspector and pydantic which version is here.
USED_METADATA = ("METADATA", "LICENSE", "LICENSE.txt", "NOTICE", "licenses")


def main(layer: Path) -> None:
    """Fill a folder with what Lambda mounts as /opt/python.

    Args:
        layer: the folder; made if missing, must have no other packages in it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch, architecture) for architecture in ARCHITECTURES]
        install(folders)
        for folder in folders:
            trim(folder)
            merge(folder, layer)
    separate_roots(layer / "certifi")


def install(folders: list[Path]) -> None:
    """Install the lock for each architecture, at the same time.

    Args:
        folders: one for each of ARCHITECTURES.

    Raises:
        SystemExit: pip failed; it has said why.
    """
    pips = [
        subprocess.Popen(pip_command(architecture, folder))  # noqa: S603 - no outside input
        for architecture, folder in zip(ARCHITECTURES, folders, strict=True)
    ]
    if any([pip.wait() for pip in pips]):
        sys.exit("pip could not install the dependencies layer; its own words stand above.")


def pip_command(architecture: str, folder: Path) -> list[str]:
    platforms = [f"--platform={platform}_{architecture}" for platform in PLATFORMS]
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", f"--requirement={HERE / 'requirements.txt'}"),
        *("--only-binary=:all:", "--implementation=cp", "--python-version=3.13", "--abi=cp313"),
        *platforms,
        *("--no-compile", f"--target={folder}"),
    ]


def trim(folder: Path) -> None:
    """Remove what no function reads at run time."""
    services = (HERE / "aws-services.txt").read_text().split()
    remove(path for path in folder.glob("botocore/data/*/") if path.name not in services)
    remove(path for path in folder.glob("*.dist-info/*") if path.name not in USED_METADATA)
    for pattern in UNUSED:
        remove(folder.glob(pattern))


def remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def merge(source: Path, target: Path) -> None:
    """Copy a folder into another.

    Raises:
        SystemExit: both have a file of one name that differs, so only one could be right.
    """
    for path in source.rglob("*"):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif not copy.exists():
            shutil.copy2(path, copy)
        elif copy.read_bytes() != path.read_bytes():
            sys.exit(f"{path.relative_to(source)} differs between {' and '.join(ARCHITECTURES)}.")


def separate_roots(certifi: Path) -> None:
    """Put certifi's certificates one by one into `roots`, named as OpenSSL looks for them.

    The name is a hash of whom the certificate speaks for; of several with one hash, the next has
    the next number: openssl-rehash(1).

    Raises:
        SystemExit: there is no openssl here.
    """
    openssl = shutil.which("openssl")
    if not openssl:
        sys.exit("The command `openssl` is not installed, and names the certificates in a layer.")
    roots = certifi / "roots"
    roots.mkdir()
    bundle = (certifi / "cacert.pem").read_text()
    names: Counter[str] = Counter()
    for certificate in re.findall("-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n", bundle):
        hashed = subprocess.run(  # noqa: S603 - no outside input
            [openssl, "x509", "-noout", "-subject_hash"],
            input=certificate,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        (roots / f"{hashed}.{names[hashed]}").write_text(certificate)
        names[hashed] += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
