"""The country of an address, asked of the database that the layer has."""

from pathlib import Path

import pytest
from verification.countries import Countries, _country
from verification.errors import ConfigurationError

from tests.artifacts.conftest import build_layer
from tests.local import ROOT

DATABASE = "python/verification_countries/geo-whois-asn-country.mmdb"


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer as SAM builds it; npm is asked at most once, then it comes out of .cache."""
    folder = tmp_path_factory.mktemp("build")
    build_layer("CountriesLayer", ROOT / "layers/countries", folder)
    return folder / "CountriesLayer"


@pytest.fixture(scope="session")
def countries(layer: Path) -> Countries:
    return Countries(layer / DATABASE)


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("8.8.8.8", "US"),  # Google
        ("4.4.4.4", "US"),  # Level 3
        ("194.126.115.18", "EE"),  # Telia Eesti
        ("90.190.0.1", "EE"),
        ("133.11.0.1", "JP"),  # University of Tokyo
        ("193.0.6.139", "NL"),  # RIPE NCC
        ("217.0.0.1", "DE"),  # Deutsche Telekom
        ("77.88.8.8", "RU"),  # Yandex
        ("139.130.4.5", "AU"),  # Telstra
        ("200.160.2.3", "BR"),  # NIC.br
        ("196.25.1.1", "ZA"),  # Telkom
        ("102.88.0.1", "NG"),  # MTN Nigeria
        ("2001:4860:4860::8888", "US"),  # Google
        ("2606:4700:4700::1111", "US"),  # Cloudflare
        ("2001:7d0::1", "EE"),  # Telia Eesti
        ("2a02:6b8::1", "RU"),  # Yandex
        ("2a01:4f8::1", "DE"),  # Hetzner
        ("2001:67c:2e8:22::c100:68b", "NL"),  # RIPE NCC
        ("2001:12ff::1", "BR"),  # NIC.br
        ("2001:6c8::1", "DK"),  # TDC
    ],
)
def test_addresses_are_where_everybody_knows_them_to_be(
    countries: Countries, ip: str, country: str
) -> None:
    assert countries(ip) == country


@pytest.mark.parametrize(
    ("spelling", "ip"),
    [
        ("::ffff:90.190.0.1", "90.190.0.1"),
        ("::FFFF:5abe:1", "90.190.0.1"),
        ("0:0:0:0:0:ffff:90.190.0.1", "90.190.0.1"),
        ("2001:07D0:0000:0000:0000:0000:0000:0001", "2001:7d0::1"),
    ],
)
def test_an_address_has_one_country_however_it_is_written(
    countries: Countries, spelling: str, ip: str
) -> None:
    assert countries(spelling) == countries(ip) == "EE"


SPECIAL = {
    "this network": ["0.0.0.1", "0.255.255.255", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fec0::1"],
    "shared by customers of one carrier": ["100.64.0.1", "100.127.255.255"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "link-local": ["169.254.169.254", "fe80::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "2001:2::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "100::1", "5f00::1"],
    "6to4": ["2002:808:808::1", "2002:5abe:1::"],
    "Teredo": ["2001:0:808:808::1", "2001::1"],
    "IPv4 in IPv6": ["::808:808", "::8.8.8.8", "64:ff9b::808:808", "::ffff:0:8.8.8.8"],
    "mapped private": ["::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:224.0.0.1"],
    "zone ids": ["fe80::1%eth0", "2001:4860:4860::8888%eth0", "::ffff:8.8.8.8%1"],
}


@pytest.mark.parametrize("ip", [ip for addresses in SPECIAL.values() for ip in addresses])
def test_a_special_address_has_no_country_and_no_database_is_asked(tmp_path: Path, ip: str) -> None:
    assert Countries(tmp_path / "missing.mmdb")(ip) is None


@pytest.mark.parametrize("ip", ["2001:db8::1", "203.0.113.1", "::8.8.8.8"])
def test_it_would_name_one_for_some_of_them(layer: Path, ip: str) -> None:
    import maxminddb

    with maxminddb.open_database(layer / DATABASE) as database:
        assert database.get(ip)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "nowhere", "8.8.8", "8.8.8.8.8", "256.8.8.8", "8.8.8.8/32", "8.8.8.8:443"),
        *(" 8.8.8.8", "8.8.8.8\n", "08.8.8.8", "0x8080808", "134744072", "8.8.8.8, 4.4.4.4"),
        *("[2001:4860:4860::8888]", "2001:4860", ":::", "2001:4860:4860::8888%", "８.8.8.8"),
        *("8.8.8.8\0", "\ud800", "a" * 1_000_000, ":" * 1_000_000, "9" * 100_000),
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_no_address_has_no_country(countries: Countries, text: str) -> None:
    assert countries(text) is None


@pytest.mark.parametrize(
    "ip",
    [
        "2d00::1",  # IANA keeps 2d00::/8 back
        "192.88.99.1",  # 6to4 relays: withdrawn by RFC 7526
        "192.31.196.1",  # AS112, everywhere at once: RFC 7535
    ],
)
def test_an_address_of_nobody_has_no_country(countries: Countries, ip: str) -> None:
    assert countries(ip) is None


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country_code": "EE"}, "EE"),
        ({"country_code": "XK"}, "XK"),  # Kosovo: ISO 3166-1 has no code for it
        *(({"country_code": code}, None) for code in ("", "ZZ", "XX", "AA", "QM", "QZ", "T1")),
        *(({"country_code": code}, None) for code in ("EU", "AP", "AN", "ee", "EST", "EE\n", 7)),
        ({"country_code": None}, None),
        ({"country": "EE"}, None),
        ("EE", None),
        (None, None),
    ],
)
def test_only_codes_of_countries_count(record: object, country: str | None) -> None:
    assert _country(record) == country


def test_the_layer_on_the_import_path_is_found(
    layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(layer / "python")
    assert Countries()("90.190.0.1") == "EE"


def test_without_the_layer_the_answer_says_what_is_missing() -> None:
    countries = Countries()
    assert countries("10.0.0.1") is None  # needs no database
    with pytest.raises(ConfigurationError, match="CountriesLayer"):
        countries("8.8.8.8")


def test_the_database_is_opened_by_the_first_question_and_kept(layer: Path, tmp_path: Path) -> None:
    copy = tmp_path / "countries.mmdb"
    countries = Countries(copy)
    copy.write_bytes((layer / DATABASE).read_bytes())
    assert countries("8.8.8.8") == "US"
    copy.unlink()
    assert countries("90.190.0.1") == "EE"


def damage(database: bytes, damaged: str) -> bytes:
    if damaged == "empty":
        return b""
    if damaged == "cut off":
        return database[: len(database) // 2]
    if damaged == "something else":
        return b"PK\3\4" * 1000
    tree = 4_000_000  # of what follows the tree, nothing is touched
    return b"\xff" * tree + database[tree:]


@pytest.mark.parametrize("damaged", ["empty", "cut off", "something else", "its tree overwritten"])
def test_a_damaged_database_is_an_error_that_tells_no_address(
    layer: Path, tmp_path: Path, damaged: str
) -> None:
    copy = tmp_path / "countries.mmdb"
    copy.write_bytes(damage((layer / DATABASE).read_bytes(), damaged))
    with pytest.raises(ConfigurationError, match="database of countries") as raised:
        Countries(copy)("90.190.0.1")
    assert "90.190" not in str(raised.value)


@pytest.mark.parametrize("path", [Path("missing.mmdb"), Path(".")])
def test_a_missing_database_is_an_error(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Countries(tmp_path / path)("8.8.8.8")
