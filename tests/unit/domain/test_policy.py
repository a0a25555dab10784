"""A client's own policy: from where it may call, what it may do, and as whom it may send."""

import pytest
from verification.domain.policy import Client, Profile, Scope


def client(networks: tuple[str, ...] = (), senders: tuple[str, ...] = ()) -> Client:
    return Client("shop", Profile("Shop"), networks=networks, senders=senders)


V4, ONE_V4, V6 = "192.0.2.0/24", "198.51.100.7", "2001:db8:7::/48"


@pytest.mark.parametrize(
    ("networks", "address", "may"),
    [
        # none: from anywhere, known or not
        ((), "192.0.2.1", True),
        ((), "2001:db8::1", True),
        ((), "", True),
        ((), "unknown", True),
        # the edges of a network
        ((V4,), "192.0.2.0", True),
        ((V4,), "192.0.2.255", True),
        ((V4,), "192.0.1.255", False),
        ((V4,), "192.0.3.0", False),
        ((V6,), "2001:db8:7::", True),
        ((V6,), "2001:db8:7:ffff:ffff:ffff:ffff:ffff", True),
        ((V6,), "2001:0DB8:0007::1", True),
        ((V6,), "2001:db8:6:ffff::1", False),
        ((V6,), "2001:db8:8::", False),
        # one address is a network
        ((ONE_V4,), "198.51.100.7", True),
        ((ONE_V4,), "198.51.100.8", False),
        (("2001:db8::1",), "2001:db8::1", True),
        (("2001:db8::1",), "2001:db8::2", False),
        # any of several
        ((ONE_V4, V6, V4), "192.0.2.9", True),
        ((ONE_V4, V6, V4), "2001:db8:7::9", True),
        ((ONE_V4, V6, V4), "203.0.113.9", False),
        # all of one kind, none of the other
        (("0.0.0.0/0",), "203.0.113.9", True),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("::/0",), "2001:db8::1", True),
        (("::/0",), "192.0.2.1", False),
        # spelled as the other kind, it is another address
        ((V4,), "::ffff:192.0.2.1", False),
        ((V4,), "::192.0.2.1", False),
        # what cannot be read is nowhere
        (("0.0.0.0/0", "::/0"), "", False),
        (("0.0.0.0/0", "::/0"), "unknown", False),
        (("0.0.0.0/0", "::/0"), " 192.0.2.1", False),
        (("0.0.0.0/0", "::/0"), "192.0.2.1:443", False),
        (("0.0.0.0/0", "::/0"), "192.0.2.1, 192.0.2.2", False),
        (("0.0.0.0/0", "::/0"), "192.0.2.0/24", False),
        (("0.0.0.0/0", "::/0"), "192.0.2.256", False),
        (("0.0.0.0/0", "::/0"), "192.0.02.1", False),
        (("0.0.0.0/0", "::/0"), "3221225985", False),
        (("0.0.0.0/0", "::/0"), "[2001:db8::1]", False),
    ],
)
def test_a_client_may_call_from_its_networks(
    networks: tuple[str, ...], address: str, may: bool
) -> None:
    assert client(networks).may_call_from(address) is may


@pytest.mark.parametrize(
    ("senders", "sender", "may"),
    [
        ((), None, True),
        ((), "Shop", True),
        ((), "+3197010", True),
        (("Shop",), None, True),
        (("Shop",), "Shop", True),
        (("Shop", "+3197010"), "+3197010", True),
        (("Shop",), "Bank", False),
        (("Shop",), "shop", False),
        (("Shop",), "Sho", False),
        (("Shop",), "Shop ", False),
        (("Shop",), "", False),
        (("+3197010",), "3197010", False),
    ],
)
def test_a_client_may_send_as_its_senders(
    senders: tuple[str, ...], sender: str | None, may: bool
) -> None:
    assert client(senders=senders).may_send_as(sender) is may


def test_a_client_may_do_all_unless_it_has_scopes() -> None:
    assert all(client().may(scope) for scope in Scope)
    for own in Scope:
        bound = Client("shop", Profile("Shop"), scopes=(own,))
        assert [scope for scope in Scope if bound.may(scope)] == [own]
    assert not any(Client("shop", Profile("Shop"), scopes=()).may(scope) for scope in Scope)
