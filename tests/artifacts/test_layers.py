"""What is inside the built layers."""

import importlib.metadata
import importlib.util
import marshal
import os
import re
import ssl
import struct
import zipfile
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import CodeType

import maxminddb
import pytest
from OpenSSL.crypto import FILETYPE_PEM, X509Store, X509StoreContext, load_certificate
from verification.catalogue import SERVICES

from tests.client.packages import link_boto3
from tests.local import ROOT

from .conftest import LAYERS, Layers, build_layer
from .test_functions import run_bare, run_on

UNCHECKED_HASH = 0b01  # PEP 552: bit 0 says "by hash", bit 1 "look at the source" is not set
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine in the header of an ELF file


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest, layers: Layers) -> Path:
    folder: Path = getattr(layers, request.param)
    return folder


@pytest.fixture(scope="session")
def countries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer with the countries of addresses, found or built as the others."""
    build = os.environ.get("VERIFY_BUILD_DIR")
    if build:
        return ROOT / build / "CountriesLayer"
    folder = tmp_path_factory.mktemp("build")
    build_layer("CountriesLayer", ROOT / "layers/countries", folder)
    return folder / "CountriesLayer"


def read_lock(path: Path) -> dict[str, str]:
    """The version of each package in a requirements.txt."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))


def versions(distributions: Iterable[importlib.metadata.Distribution]) -> dict[str, str]:
    return {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in distributions}


def test_each_source_is_compiled_and_nothing_else(layer: Path) -> None:
    sources = {importlib.util.cache_from_source(str(path)) for path in layer.rglob("*.py")}
    assert sources == {str(path) for path in layer.rglob("*.pyc")}


def test_bytecode_is_used_whatever_the_date_of_its_source(layer: Path) -> None:
    for source in layer.rglob("*.py"):
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert compiled[:4] == importlib.util.MAGIC_NUMBER, source
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH, source
        assert compiled[8:16] == importlib.util.source_hash(source.read_bytes()), source


def test_tracebacks_name_files_as_lambda_has_them(layer: Path) -> None:
    for source in layer.rglob("*.py"):
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        code = marshal.loads(compiled[16:])  # noqa: S302 - we compiled it
        assert isinstance(code, CodeType)
        assert code.co_filename == f"/opt/python/{source.relative_to(layer)}"


def test_the_layer_holds_the_lock_and_no_more(layers: Layers) -> None:
    distributions = importlib.metadata.distributions(path=[str(layers.dependencies)])
    assert versions(distributions) == read_lock(ROOT / "layers/dependencies/requirements.txt")
    assert not (layers.dependencies / "boto3").exists()  # slow at a cold start: see DESIGN.md


def test_functions_run_with_the_same_versions_here() -> None:
    layer = read_lock(ROOT / "layers/dependencies/requirements.txt")
    assert layer.items() <= read_lock(ROOT / "tests/requirements.txt").items()
    assert layer.items() <= versions(importlib.metadata.distributions()).items()


def test_extensions_are_there_for_both_architectures(layers: Layers) -> None:
    found = {name: set[str]() for name in ELF_MACHINES}
    for path in layers.dependencies.rglob("*.so*"):
        machine = struct.unpack_from("<H", path.read_bytes(), offset=18)[0]
        [architecture] = [name for name in ELF_MACHINES if f"-{name}-" in path.name]
        assert machine == ELF_MACHINES[architecture], path
        found[architecture].add(str(path).replace(architecture, "*"))
    assert found["x86_64"] == found["aarch64"] != set()


def test_botocore_knows_the_services_in_use_and_no_others(layers: Layers) -> None:
    data = layers.dependencies / "botocore/data"
    there = {path.name for path in data.iterdir() if path.is_dir()}
    assert there == set((ROOT / "layers/dependencies/aws-services.txt").read_text().split())

    calls = re.compile(r"\bmake(?:_json)?_client\(\s*\"([a-z0-9-]+)\"")
    sources = (path.read_text() for path in layers.verification.rglob("*.py"))
    made = {service for source in sources for service in calls.findall(source)}
    assert there == made | set(SERVICES.values())


def test_each_root_of_certifi_is_found_by_its_name_alone(layers: Layers) -> None:
    folder = layers.dependencies / "certifi"
    alone = [
        load_certificate(FILETYPE_PEM, one.read_bytes()) for one in (folder / "roots").iterdir()
    ]
    bundle = ssl.create_default_context(cafile=folder / "cacert.pem").cert_store_stats()
    assert len(alone) == bundle["x509"] > 100

    roots = X509Store()
    roots.load_locations(cafile=None, capath=str(folder / "roots"))
    valid = [certificate for certificate in alone if not certificate.has_expired()]
    assert len(valid) > 100
    for certificate in valid:
        X509StoreContext(roots, certificate).verify_certificate()


def zipped(folder: Path, archive: Path) -> float:
    """The megabytes of a folder in an archive."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder.parent))
    return archive.stat().st_size / 1e6


def test_the_zipped_layers_are_small(
    layers: Layers, countries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = vars(layers) | {"countries": countries / "python"}
    sizes = {name: zipped(folders[name], tmp_path / f"{name}.zip") for name in folders}
    with capsys.disabled():
        print(f"\nzipped layers: {', '.join(f'{k} {v:.2f} MB' for k, v in sizes.items())}")
    assert sizes["dependencies"] <= 12
    assert sizes["verification"] <= 0.9
    assert sizes["client"] <= 0.05
    assert sizes["countries"] <= 6


def test_the_client_layer_is_used_with_boto3_alone(layers: Layers, tmp_path: Path) -> None:
    link_boto3(tmp_path)
    script = """
from verification_client import VerificationClient, VerificationError
client = VerificationClient.over_https("http://127.0.0.1:9", "shop", "secret", tries=1)
assert "boto3" not in sys.modules
VerificationClient.over_lambda("verify", "shop")
try:
    client.lookup("afictionalverificationtoken")
except VerificationError as error:
    print(error.code)
"""
    assert run_on([layers.client, tmp_path], script).strip() == "unreachable"


def test_the_countries_layer_holds_a_database_and_its_licence_and_no_more(countries: Path) -> None:
    files = {str(path.relative_to(countries)) for path in countries.rglob("*") if path.is_file()}
    folder = "python/verification_countries"
    assert files == {f"{folder}/geo-whois-asn-country.mmdb", f"{folder}/NRO_LICENSE"}
    licence = (countries / folder / "NRO_LICENSE").read_text()
    assert "Creative Commons Attribution 4.0" in licence and "nro.net" in licence


def test_the_database_knows_most_countries_by_ipv4_and_by_ipv6(countries: Path) -> None:
    sample: dict[int, Iterable[IPv4Address | IPv6Address]] = {
        4: (IPv4Address(number) for number in range(0, 1 << 32, 1 << 14)),
        6: (IPv6Address(0x2001 << 112 | number << 96) for number in range(1 << 16)),
    }
    [path] = countries.rglob("*.mmdb")
    with maxminddb.open_database(path) as database:
        found = {
            version: {str(record) for record in map(database.get, addresses) if record}
            for version, addresses in sample.items()
        }
    assert len(found[4]) > 200 and len(found[6]) > 100  # of 249
    codes = re.compile(r"{'country_code': '[A-Z]{2}'}")
    assert [record for record in found[4] | found[6] if not codes.fullmatch(record)] == []


def test_a_function_finds_the_countries_with_the_layers_alone(
    layers: Layers, countries: Path
) -> None:
    script = """
from verification.countries import Countries
print(Countries()("8.8.8.8"), Countries()("2001:4860:4860::8888"), Countries()("10.0.0.1"))
"""
    printed = run_bare(layers, script, folder=countries / "python", variables={})
    assert printed.split() == ["US", "US", "None"]
