"""Addresses that requests for others may go to: public ones, in whichever spelling."""

import pytest
from verification.domain.networks import may_reach

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8"]
PUBLIC += ["64:ff9b::808:808", "64:ff9b::101:101"]
NOT_PUBLIC = [
    "127.0.0.1", "127.255.255.254", "0.1.2.3", "10.0.0.1", "10.255.255.255",
    "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "5f00::1", "2002:808:808::1",
    "0.0.0.0",  # noqa: S104 where a system takes it for itself
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert may_reach(address)
    assert not may_reach(address, public=False)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_may(address: str) -> None:
    assert not may_reach(address)


@pytest.mark.parametrize(
    "nonsense", ["", "localhost", "127.1", "0x7f.1", "2130706433", "1.2.3.4:80"]
)
def test_what_is_no_address_may_not(nonsense: str) -> None:
    assert not may_reach(nonsense)


def test_networks_that_an_operator_named_may_be_reached_and_nothing_beside_them() -> None:
    networks = ["10.1.0.0/16", "fd12::/16"]
    assert may_reach("10.1.2.3", networks) and may_reach("fd12::1", networks, public=False)
    assert not may_reach("10.2.0.1", networks) and not may_reach("169.254.169.254", networks)
    # Not by another name of the same: the resolver says which it is.
    assert not may_reach("::ffff:10.1.2.3", networks)
