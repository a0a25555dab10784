"""What is measured, unpacked as Lambda has it: our artifacts, and the baseline's.

Three variants:

    ours       .aws-sam/build as `make build` leaves it: the function's folder, and both layers
               merged into one folder, as Lambda mounts them at /opt/python
    naive      benchmarks/naive with bytecode (compileall, unchecked-hash)
    naive-sam  benchmarks/naive as `sam build` ships it: no bytecode

All files are dated 1980, as in the zip that SAM uploads. To each bundle of certificates in them
one more is added, that of the local stand-in for AWS, and beside those that lie one by one:
everything then is read, parsed and verified as on AWS, from the same files.
"""

import hashlib
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import HERE
from layers.dependencies.build import separate_roots
from tests.local import ROOT, LocalError
from tests.local.deploy import BUILD, environment, tidy
from tests.local.processes import locked, run

FUNCTIONS = ("start", "verify")  # those that the baseline has
OURS = (*FUNCTIONS, "lookup", "delete", "resend", "tally")  # what a verification may pass through
VARIANTS = ("ours", "naive", "naive-sam")
NAIVE_BUILD = ROOT / ".aws-sam" / "naive"
NAIVE_COMPILED = NAIVE_BUILD.with_name("naive-compiled")
_LAYERS = ("DependenciesLayer", "VerificationLayer")
_ZIP_TIME = 315_532_800  # 1980-01-01, the oldest date that a zip can hold


@dataclass(frozen=True)
class Artifact:
    """One function, unpacked.

    Args:
        variant: one of VARIANTS.
        function: its name in the template, in small letters.
        task: the folder that Lambda mounts as /var/task.
        opt: what it mounts as /opt/python; None without layers.
        handler: as in the template.
    """

    variant: str
    function: str
    task: Path
    opt: Path | None
    handler: str


def build_naive() -> None:
    """Build the baseline by `sam build`, unless it is built already of the same files."""
    source, stamp = HERE / "naive", NAIVE_BUILD / "made-of"
    digest = hashlib.sha256(platform.machine().encode())
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes())
    architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    options = [
        *("--config-env", "on-this-machine"),
        *("--template-file", str(source / "template.yaml")),
        *("--build-dir", str(NAIVE_BUILD)),
        *("--parameter-overrides", f'Architecture="{architecture}"'),
    ]
    with locked(NAIVE_BUILD.with_name("naive.lock")), tidy() as tmp:
        if not stamp.exists() or stamp.read_text() != digest.hexdigest():
            stamp.unlink(missing_ok=True)
            sam = Path(sys.executable).parent / "sam"
            run([sam, "build", *options], "sam build of the baseline", environment() | tmp)
            shutil.rmtree(NAIVE_COMPILED, ignore_errors=True)
            # Both functions have one CodeUri, and so the same files.
            shutil.copytree(NAIVE_BUILD / "StartFunction", NAIVE_COMPILED)
            date(NAIVE_COMPILED)
            compile_all(NAIVE_COMPILED)
            date(NAIVE_BUILD / "StartFunction")
            stamp.write_text(digest.hexdigest())


def unpack(folder: Path, certificate: bytes, build: Path = BUILD) -> dict[str, dict[str, Artifact]]:
    """Unpack all variants into a folder, which is on the file system of the builds.

    Args:
        certificate: PEM, added to each bundle of certificates.
        build: where `make build` has built.

    Returns:
        Artifacts, by variant and function; ours has those in OURS.

    Raises:
        LocalError: nothing is built.
    """
    if not (build / "template.yaml").exists():
        raise LocalError(f"There is no build in {build}. Make one with: make build")
    build_naive()
    opt = folder / "ours" / "opt"
    for layer in _LAYERS:
        shutil.copytree(build / layer / "python", opt, dirs_exist_ok=True)
    artifacts: dict[str, dict[str, Artifact]] = {variant: {} for variant in VARIANTS}
    for function in OURS:
        task = folder / "ours" / function
        shutil.copytree(build / f"{function.title()}Function", task)
        artifacts["ours"][function] = Artifact("ours", function, task, opt, "app.handler")
    for variant, source in (
        ("naive", NAIVE_COMPILED),
        ("naive-sam", NAIVE_BUILD / "StartFunction"),
    ):
        task = folder / variant
        shutil.copytree(source, task, copy_function=_link_unless_bundle)
        for function in FUNCTIONS:
            handler = f"{function}.handler"
            artifacts[variant][function] = Artifact(variant, function, task, None, handler)
    for path in folder.rglob("*.pem"):
        bundle = path.read_bytes()
        if b"-----BEGIN CERTIFICATE-----" in bundle:
            path.write_bytes(bundle + b"\n" + certificate)
    for roots in list(folder.rglob("certifi/roots")):
        shutil.rmtree(roots)
        separate_roots(roots.parent)
    date(folder / "ours")
    return artifacts


def _link_unless_bundle(source: str, target: str) -> None:
    """Copy a file that will be changed; let the many others stand where they are."""
    (shutil.copy2 if source.endswith(".pem") else os.link)(source, target)


def date(folder: Path) -> None:
    """Date all files as zips from SAM do."""
    for path in folder.rglob("*"):
        os.utime(path, (_ZIP_TIME, _ZIP_TIME), follow_symlinks=False)


def compile_all(folder: Path) -> None:
    """Bytecode that asks for no date, as our layers' Makefiles make it."""
    options = ("-q", "-j", "0", "--invalidation-mode", "unchecked-hash")
    run([sys.executable, "-m", "compileall", *options, folder], f"Compiling {folder}")


def runtime(folder: Path) -> Path:
    """Lambda's own part: awslambdaric and what it needs, alone in a folder, compiled.

    It stands outside all variants, since Lambda brings it: the same for each.
    """
    import awslambdaric  # type: ignore[import-untyped] # it has no types

    packages = Path(awslambdaric.__file__).parents[1]
    folder.mkdir(parents=True)
    names = ("awslambdaric", "simplejson", "snapshot_restore_py.py")
    extensions = [path.name for path in packages.glob("runtime_client.*.so")]
    if not extensions:
        raise LocalError("awslambdaric has no compiled runtime_client here: install it again.")
    for name in (*names, *extensions):
        if (packages / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(packages / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(packages / name, folder / name)
    compile_all(folder)
    return folder
