"""Requests to URLs of others: to public addresses alone, wherever a name leads at that moment."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from verification.errors import ProviderError, ProviderUnavailable
from verification.providers.outbound import Outbound

LEFT = 10_000  # milliseconds
PUBLIC = "93.184.215.14"

# Names as a hostile name server may answer them.
NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "localtest.example": ["127.0.0.1"],
    "private.example": ["10.0.0.7"],
    "shared.example": ["100.64.0.1"],
    "ula.example": ["fd00:ec2::254"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "sixtofour.example": ["2002:7f00:1::1"],
    "teredo.example": ["2001:0:7f00:1::1"],
    "two.example": [PUBLIC, "127.0.0.1"],
    "public.example": [PUBLIC],
}
# Each with TLS and at a public port, so that nothing but its address speaks against it.
HOSTILE = [
    f"https://{host}/latest/meta-data/"
    for host in (
        *("127.0.0.1", "127.0.0.1:8443", "127.1", "127.0.1", "0x7f.0.0.1", "0x7f000001"),
        *("2130706433", "017700000001", "0177.0.0.1", "127.000.000.001", "127.0.0.1.", "0"),
        "0.0.0.0",  # noqa: S104 where a system takes it for itself
        *("localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]"),
        *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
        *("169.254.170.2", "[fd00:ec2::254]", "[fe80::1]", "[fc00::1]", "[ff02::1]"),
        *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
        *("100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.0.2.1"),
        *("203.0.113.9", "224.0.0.251", "255.255.255.255", "240.0.0.1", "[2001:db8::1]"),
        *(name for name in NAMES if name not in ("two.example", "public.example")),
    )
]  # fmt: skip
WITHOUT_TLS = [f"http://{host}:8080/" for host in ("public.example", PUBLIC, "[2606:4700::1111]")]


class Connections:
    """The addresses that sockets were to connect to; none is."""

    def __init__(self) -> None:
        self.to: list[str] = []

    def connect(self, address: Any) -> None:
        self.to.append(str(address[0]))
        raise ConnectionRefusedError


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connections]:
    made, really = Connections(), socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        name = str(host).lower().rstrip(".")
        if name not in NAMES:
            return really(host, port, *args, **more)
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port),
            )
            for one in NAMES[name]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: made.connect(address))
    yield made


def post(outbound: Outbound, url: str) -> str:
    """What became of a request that cannot succeed."""
    with pytest.raises(ProviderError) as failed:
        outbound.post(url, {}, b"{}", lambda: LEFT)
    return failed.value.vendor_code


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 55


@pytest.mark.parametrize("url", HOSTILE + WITHOUT_TLS)
def test_a_hostile_url_is_refused_when_it_is_registered(url: str, connections: Connections) -> None:
    with pytest.raises(ValueError, match="nothing is posted|leads to no address|^write a URL"):
        Outbound().check(url)
    assert connections.to == []


@pytest.mark.parametrize("url", HOSTILE + WITHOUT_TLS)
def test_a_hostile_url_is_not_connected_to_when_it_is_posted_to(
    url: str, connections: Connections
) -> None:
    # Where the system reads no number in it, there is nothing to connect to at all.
    assert post(Outbound(), url) in ("address_not_allowed", "no_connection", "bad_request")
    assert connections.to == []


def test_a_public_url_is_registered_and_posted_to(connections: Connections) -> None:
    Outbound().check("https://public.example/events")
    assert post(Outbound(), "https://public.example/events") == "no_connection"
    assert connections.to and set(connections.to) == {PUBLIC}


def test_a_name_that_leads_elsewhere_after_it_was_registered_is_not_followed(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the address that counts is the one that the connection is made to."""
    outbound = Outbound()
    outbound.check("https://public.example/")
    monkeypatch.setitem(NAMES, "public.example", ["127.0.0.1"])
    assert post(outbound, "https://public.example/") == "address_not_allowed"
    assert connections.to == []


def test_of_several_addresses_the_public_ones_alone_are_connected_to(
    connections: Connections,
) -> None:
    with pytest.raises(ValueError, match="nothing is posted"):
        Outbound().check("https://two.example/")
    post(Outbound(), "https://two.example/")
    assert set(connections.to) == {PUBLIC}


def test_a_network_that_an_operator_named_is_reached_without_tls_too(
    connections: Connections,
) -> None:
    outbound = Outbound(["10.0.0.0/24"])
    for url in ("http://private.example:8080/", "https://private.example/"):
        outbound.check(url)
        assert post(outbound, url) == "no_connection"
    assert set(connections.to) == {"10.0.0.7"}
    with pytest.raises(ValueError, match="is at 127.0.0.1: nothing is posted there"):
        outbound.check("https://localtest.example/")


def test_a_name_that_nobody_knows_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="^the name nobody.invalid leads to no address$"):
        Outbound().check("https://nobody.invalid/")


def test_a_proxy_of_the_environment_is_not_used(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    with pytest.raises(ProviderUnavailable):
        Outbound().post("https://public.example/", {}, b"", lambda: LEFT)
    assert set(connections.to) == {PUBLIC}
