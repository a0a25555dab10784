"""How a vendor's HTTP API may fail, and what each failure is called.

A call that ended by its deadline is told by its vendor code, never by a stopwatch. Deadlines are
about one second: what is left of `SHORT` without the time to record the send.
"""

import base64
import gzip
import json
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.providers import http as http_module
from verification.providers.http import IDLE_SECONDS, MAX_ANSWER_BYTES, Answer, HttpApi
from verification.trust import _read

from layers.dependencies.build import separate_roots
from tests.providers.hostile import (
    PATIENCE,
    Asked,
    Behaviour,
    Close,
    RawServer,
    Talk,
    drips,
    http,
    says,
    says_and_closes,
    says_and_waits,
    self_signed,
)

SHORT, PLENTY = 2_600, 15_000  # milliseconds the function has left
OK = http('{"id": "1"}')


def call(url: str, left: int = PLENTY, api: HttpApi | None = None) -> Answer:
    return (api or HttpApi("acme")).call("POST", url, lambda: left, json={"to": "+31612345678"})


def failure(url: str, left: int = PLENTY, api: HttpApi | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call(url, left, api)
    assert caught.value.provider == "acme"
    return caught.value


def is_(error: ProviderError, kind: type[ProviderError], vendor_code: str) -> bool:
    return (type(error), error.vendor_code) == (kind, vendor_code)


@pytest.fixture
def refusing_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
        return port


class Resolver:
    """Answers for names, in place of the machine's resolver: one list of addresses for each."""

    def __init__(self, *answers: list[tuple[str, int]]) -> None:
        self._answers = list(answers)
        self.questions = 0

    def __call__(self, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.questions += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in answer]


# No connection: nothing was sent.


def test_a_refused_connection_is_unavailable(refusing_port: int) -> None:
    error = failure(f"http://127.0.0.1:{refusing_port}/")
    assert is_(error, ProviderUnavailable, "no_connection")


def test_a_name_that_does_not_resolve_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver([]))
    assert is_(failure("https://acme.example/"), ProviderUnavailable, "no_connection")


@pytest.mark.parametrize("url", ["https://a b/", "https://acme.example:99999/", "https://*/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert is_(failure(url), ProviderRefused, "bad_request")


def test_without_a_connection_it_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch, refusing_port: int
) -> None:
    with RawServer(says(OK)) as server:
        resolver = Resolver([("127.0.0.1", refusing_port)], [("127.0.0.1", server.port)])
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        assert call("http://acme.example/").status == 200
        assert (resolver.questions, len(server.asked)) == (2, 1)


def test_without_a_connection_it_is_tried_twice_at_most(
    monkeypatch: pytest.MonkeyPatch, refusing_port: int
) -> None:
    resolver = Resolver([("127.0.0.1", refusing_port)])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert is_(failure("http://acme.example/"), ProviderUnavailable, "no_connection")
    assert resolver.questions == 2


def test_with_little_time_left_nobody_is_asked() -> None:
    with RawServer(says(OK)) as server:
        error = failure(server.url, left=2_500)  # one second, less what recording the send takes
        assert is_(error, ProviderUnavailable, "no_time_left")
        assert server.connections == 0


def test_addresses_that_swallow_connections_do_not_hold_us_past_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[Any] = []

    class Swallowing(socket.socket):
        """Behaves as where a firewall drops what is sent to it."""

        def connect(self, address: Any) -> None:
            tried.append(address)
            assert self.gettimeout() is not None
            time.sleep(self.gettimeout() or 0)
            raise TimeoutError

    monkeypatch.setattr(socket, "socket", Swallowing)
    monkeypatch.setattr(socket, "getaddrinfo", Resolver([("127.0.0.1", 9)] * 20))
    error = failure("http://acme.example/", left=SHORT)
    assert isinstance(error, ProviderUnavailable)
    assert len(tried) <= 3  # of twenty addresses, each twice


# Connections made before there is anything to send


def until(condition: Callable[[], object]) -> None:
    """Wait for what a server does in its own time."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_the_first_call_goes_by_the_connection_made_before() -> None:
    api = HttpApi("acme")
    with RawServer(says(OK)) as server:
        api.connect(f"{server.url}/v1")
        until(lambda: server.connections)
        assert call(f"{server.url}/v1/messages", api=api).is_success
        assert server.connections == 1


def test_so_it_does_when_the_other_side_has_said_what_tls_says_after_its_handshake(
    trusted_tls: ssl.SSLContext,
) -> None:
    trusted_tls.minimum_version = ssl.TLSVersion.TLSv1_3
    api = HttpApi("acme")
    with RawServer(says(OK), trusted_tls) as server:
        api.connect(server.url)
        until(lambda: server.talks)
        time.sleep(0.1)  # for its two tickets, which nobody has read
        assert call(server.url, api=api).is_success
        assert server.connections == 1


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_connection_that_has_ended_meanwhile_is_made_again(
    trusted_tls: ssl.SSLContext, encrypted: bool
) -> None:
    api = HttpApi("acme")
    with RawServer(says(OK), trusted_tls if encrypted else None) as server:
        api.connect(server.url)
        until(lambda: server.talks)
        server.hang_up()
        assert server.closed.acquire(timeout=PATIENCE)
        assert call(server.url, api=api).is_success
        assert (server.connections, len(server.asked)) == (2, 1)


def test_who_cannot_be_reached_before_can_be_later(
    tls: tuple[Any, Path], refusing_port: int
) -> None:
    api = HttpApi("acme")
    api.connect(f"http://127.0.0.1:{refusing_port}")
    api.connect("http://no-such-host.invalid")
    api.connect(f"http://{'a' * 64}.example")  # no label is so long
    api.connect("no address at all")
    with RawServer(says(OK), tls[0]) as server:
        api.connect(server.url)  # whom nobody vouches for
        assert is_(failure(f"{server.url}/", api=api), ProviderRefused, "tls_failed")
    with RawServer(says(OK)) as server:
        assert call(server.url, api=api).is_success


# TLS


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Any, Path]:
    return self_signed(tmp_path)


@pytest.fixture
def trusted_tls(tls: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server's TLS that `requests` trusts for the time of a test."""
    monkeypatch.setattr("certifi.where", lambda: str(tls[1]))
    _read.cache_clear()
    yield tls[0]
    _read.cache_clear()


@pytest.mark.parametrize(
    "variable", [None, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
)
def test_a_certificate_that_nobody_signed_is_refused_whatever_the_environment_says(
    tls: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(tls[1]))
    with RawServer(says(OK), tls[0]) as server:
        assert is_(failure(f"{server.url}/"), ProviderRefused, "tls_failed")
        assert not server.asked


def test_of_roots_that_lie_one_by_one_those_alone_are_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the layer, where nothing reads the bundle."""
    ours, theirs = (self_signed(make_folder(tmp_path / name)) for name in ("ours", "theirs"))
    bundle = make_folder(tmp_path / "certifi") / "cacert.pem"
    bundle.write_bytes(ours[1].read_bytes())
    separate_roots(bundle.parent)
    bundle.write_text("")
    monkeypatch.setattr("certifi.where", lambda: str(bundle))
    with RawServer(says(OK), ours[0]) as server:
        assert call(f"{server.url}/").is_success
    with RawServer(says(OK), theirs[0]) as server:
        assert is_(failure(f"{server.url}/"), ProviderRefused, "tls_failed")
        assert not server.asked


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_certificate_for_another_name_is_refused(
    trusted_tls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(says(OK), trusted_tls) as server:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver([("127.0.0.1", server.port)]))
        error = failure(f"https://acme.example:{server.port}/")
        assert is_(error, ProviderRefused, "tls_failed")
        assert not server.asked


def test_a_connection_cut_in_the_tls_handshake_is_unavailable() -> None:
    def cut() -> None:
        with suppress(OSError):  # the end of the test
            while True:
                connection, _ = listener.accept()
                connection.recv(65_536)  # the handshake has begun
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=cut)
        thread.start()
        error = failure(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert is_(error, ProviderUnavailable, "no_connection")


def test_a_server_without_a_word_of_tls_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody answers
        error = failure(f"https://127.0.0.1:{silent.getsockname()[1]}/", left=SHORT)
    assert isinstance(error, ProviderUnavailable)


def test_answers_come_over_tls_and_its_connection_is_kept(trusted_tls: Any) -> None:
    api = HttpApi("acme")
    with RawServer(says(OK), trusted_tls) as server:
        assert [call(server.url, api=api).json() for _ in range(3)] == [{"id": "1"}] * 3
        assert (server.connections, len(server.asked)) == (1, 3)


def test_the_deadline_counts_over_tls_too(trusted_tls: Any) -> None:
    with RawServer(drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), trusted_tls) as server:
        assert is_(failure(server.url, SHORT), ProviderSilent, "deadline")
        assert len(server.asked) == 1


# Asked, and no usable answer: nobody knows. Never asked again.

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN_END = b"HTTP/1.1 200 OK\r\n\r\n"
TOO_LARGE = b"x" * (MAX_ANSWER_BYTES + 100_000)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(says_and_waits(b""), id="silence"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), id="drip of headers"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nA: ", b"b"), id="drip of one header"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="drip of go on"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x"), id="body"),
        pytest.param(drips(CHUNKED, b"1\r\nx\r\n"), id="drip of chunks"),
        pytest.param(drips(CHUNKED + b"1;", b"x"), id="drip of a chunk's head"),
        pytest.param(drips(OPEN_END, b"x"), id="drip of a body without an end"),
        pytest.param(says_and_waits(CHUNKED + b"0\r\nA: b\r\n"), id="trailers without an end"),
        pytest.param(drips(http("", "302 Found", "Location: /")[:-2], b"A: b\r\n"), id="redirect"),
    ],
)
def test_the_deadline_cuts_what_would_take_for_ever(behaviour: Behaviour) -> None:
    with RawServer(behaviour) as server:
        assert is_(failure(server.url, SHORT), ProviderSilent, "deadline")
        assert len(server.asked) == 1


def test_a_silence_longer_than_a_read_may_take_is_a_read_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_module, "READ_SECONDS", 0.2)
    with RawServer(says_and_waits(OK[:-1])) as server:
        assert is_(failure(server.url), ProviderSilent, "read_timeout")
    with RawServer(says_and_waits(b"")) as server:
        assert is_(failure(server.url), ProviderSilent, "read_timeout")
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(OK[:5], id="half a first line"),
        pytest.param(OK[:-1], id="all but the last byte of the body"),
        pytest.param(CHUNKED + b"5\r\nab", id="half a chunk"),
        pytest.param(CHUNKED + b"xyz\r\nab\r\n0\r\n\r\n", id="a chunk of no number"),
        pytest.param(CHUNKED + b"-5\r\nab\r\n0\r\n\r\n", id="a chunk of a negative size"),
        pytest.param(CHUNKED + b"2\r\nab\r\n", id="chunks without an end"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01" * 50, id="TLS, unasked"),
        pytest.param(b"\0" * 5_000, id="zeros"),
        pytest.param(b"x" * 200_000, id="a long first line"),
        pytest.param(b"HTTP/9.9 abc\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 99999 OK\r\n\r\n", id="a status that is none"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", id="a long header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", id="101 headers"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            id="two lengths",
        ),
    ],
)
def test_a_broken_answer_is_silent(answer: bytes) -> None:
    with RawServer(says_and_closes(answer)) as server:
        assert is_(failure(server.url), ProviderSilent, "broken_answer")
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(TOO_LARGE), id="with a length"),
        pytest.param(OPEN_END + TOO_LARGE, id="without a length"),
        pytest.param(
            CHUNKED + b"%x\r\n" % len(TOO_LARGE) + TOO_LARGE + b"\r\n0\r\n\r\n", id="in a chunk"
        ),
        pytest.param(http(TOO_LARGE, "302 Found", "Location: /"), id="of a redirect"),
        pytest.param(http(TOO_LARGE, "500 Oops"), id="of an error"),
    ],
)
def test_an_answer_over_64_kb_is_silent_and_its_connection_not_used_again(answer: bytes) -> None:
    answers = iter([answer, OK])
    api = HttpApi("acme")
    with RawServer(lambda talk, asked: talk.say(next(answers))) as server:
        assert is_(failure(server.url, api=api), ProviderSilent, "answer_too_large")
        assert call(server.url, api=api).json() == {"id": "1"}
        assert (server.connections, len(server.asked)) == (2, 2)


def test_an_answer_of_one_byte_more_than_64_kb_is_silent() -> None:
    with RawServer(says(http(b"x" * (MAX_ANSWER_BYTES + 1)))) as server:
        assert is_(failure(server.url), ProviderSilent, "answer_too_large")


def test_an_endless_answer_is_read_no_further_than_64_kb() -> None:
    sent = 0

    def pour(talk: Talk, asked: Asked) -> None:
        nonlocal sent
        talk.say(OPEN_END)
        while True:
            talk.say(b"x" * 65_536)
            sent += 65_536

    with RawServer(pour) as server:
        assert is_(failure(server.url), ProviderSilent, "answer_too_large")
    assert sent < 16_000_000  # what the kernel holds for us is all


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(b"x" * MAX_ANSWER_BYTES), id="with a length"),
        pytest.param(OPEN_END + b"x" * MAX_ANSWER_BYTES, id="without a length"),
    ],
)
def test_an_answer_of_64_kb_is_taken(answer: bytes) -> None:
    with RawServer(says_and_closes(answer)) as server:
        assert call(server.url).body == b"x" * MAX_ANSWER_BYTES


def test_compression_that_we_did_not_ask_for_is_not_undone() -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    with RawServer(says(http(bomb, "200 OK", "Content-Encoding: gzip"))) as server:
        answer = call(server.url)
        assert server.asked[0].headers["accept-encoding"] == "identity"
    assert answer.body == bomb
    with pytest.raises(ProviderSilent) as caught:
        answer.json()
    assert caught.value.vendor_code == "http_200_not_json"


# Redirects


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_never_followed(status: int) -> None:
    with RawServer(says(OK)) as other:
        redirect = http("", f"{status} Over there", f"Location: {other.url}/")
        with RawServer(says(redirect)) as server:
            answer = call(server.url)
            assert len(server.asked) == 1
        assert other.connections == 0
    assert is_(answer.error(), ProviderRefused, f"http_{status}")


@pytest.mark.parametrize(
    "location", ["http://[::1", "//", "http://\xff\xfe/", "\x01", "http://a:b:c/", "/%zz", ""]
)
def test_where_a_redirect_leads_is_not_even_read(location: str) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n"
    with RawServer(says(redirect % location.encode("latin-1"))) as server:
        assert call(server.url).status == 302


def test_compression_is_not_undone_in_a_redirect_either() -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    redirect = http(bomb, "302 Found", "Location: /", "Content-Encoding: gzip")
    with RawServer(says(redirect)) as server:
        assert call(server.url).body == bomb


# Kept connections


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK, id="with a length"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", id="in chunks"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="without a body"),
        pytest.param(http("{}", "404 Not Found"), id="of an error"),
    ],
)
def test_one_connection_serves_many_calls(answer: bytes) -> None:
    api = HttpApi("acme")
    with RawServer(says(answer)) as server:
        for _ in range(5):
            call(server.url, api=api)
        assert (server.connections, len(server.asked)) == (1, 5)


@pytest.mark.parametrize(
    ("idle", "connections"), [(IDLE_SECONDS, 1), (IDLE_SECONDS + 1, 2)], ids=["fresh", "stale"]
)
def test_a_connection_is_kept_for_a_while_only(idle: int, connections: int) -> None:
    now = 1_000.0
    api = HttpApi("acme", clock=lambda: now)
    with RawServer(says(OK)) as server:
        call(server.url, api=api)
        now += idle
        call(server.url, api=api)
        assert (server.connections, len(server.asked)) == (connections, 2)


def test_each_answer_keeps_its_connection_for_another_while() -> None:
    now = 1_000.0
    api = HttpApi("acme", clock=lambda: now)
    with RawServer(says(OK)) as server:
        for _ in range(4):
            call(server.url, api=api)
            now += IDLE_SECONDS
        assert server.connections == 1


def test_a_kept_connection_that_the_vendor_has_closed_is_not_used() -> None:
    api = HttpApi("acme")
    with RawServer(says_and_closes(OK)) as server:
        for _ in range(3):
            assert call(server.url, api=api).json() == {"id": "1"}
            assert server.closed.acquire(timeout=5)
        assert (server.connections, len(server.asked)) == (3, 3)


def test_a_connection_that_closes_when_it_is_used_again_is_silent_and_not_repeated() -> None:
    def once(talk: Talk, asked: Asked) -> None:
        if len(server.asked) > 1:
            raise Close
        talk.say(OK)

    api = HttpApi("acme")
    with RawServer(once) as server:
        call(server.url, api=api)
        # It was read by them, so it may have been done.
        assert is_(failure(server.url, api=api), ProviderSilent, "broken_answer")
        assert (server.connections, len(server.asked)) == (1, 2)


def test_what_follows_an_answer_is_not_taken_for_the_next_one() -> None:
    forged = http('{"id": "forged"}')
    api = HttpApi("acme")
    with RawServer(says(OK + forged)) as server:
        for _ in range(3):
            assert call(server.url, api=api).json() == {"id": "1"}


def test_the_deadline_counts_on_a_kept_connection_too() -> None:
    def once(talk: Talk, asked: Asked) -> None:
        if len(server.asked) > 1:
            talk.drip(OPEN_END)
        talk.say(OK)

    api = HttpApi("acme")
    with RawServer(once) as server:
        call(server.url, api=api)
        assert is_(failure(server.url, SHORT, api), ProviderSilent, "deadline")
        assert (server.connections, len(server.asked)) == (1, 2)


def test_a_call_works_after_every_kind_of_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "READ_SECONDS", 0.2)
    behaviours = [
        says_and_closes(b""),
        says_and_waits(b""),
        says_and_closes(OK[:-1]),
        says(http(TOO_LARGE)),
        says_and_closes(b"garbage\r\n\r\n"),
        says(OK),
    ]
    api = HttpApi("acme")
    with RawServer(lambda talk, asked: behaviours.pop(0)(talk, asked)) as server:
        for _ in range(len(behaviours) - 1):
            assert isinstance(failure(server.url, api=api), ProviderSilent)
        assert call(server.url, api=api).json() == {"id": "1"}
        assert len(server.asked) == 6


# What is asked


def test_the_environment_names_no_proxy_and_no_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login root password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with RawServer(says(OK)) as proxy, RawServer(says(OK)) as server:
        for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        call(f"{server.url}/send")
        assert proxy.connections == 0
        assert "authorization" not in server.asked[0].headers


def test_a_request_is_what_the_caller_said_and_no_more() -> None:
    with RawServer(says(OK)) as server:
        HttpApi("acme").call(
            "PUT",
            f"{server.url}/a/b",
            lambda: PLENTY,
            auth=("user", "secret"),
            headers={"X-More": "1"},
            params={"q": "ä&="},
            data=b"\x00raw",
        )
        assert server.asked == [
            Asked(
                "PUT",
                "/a/b?q=%C3%A4%26%3D",
                {
                    "host": f"127.0.0.1:{server.port}",
                    "accept": "application/json",
                    "accept-encoding": "identity",
                    "authorization": f"Basic {base64.b64encode(b'user:secret').decode()}",
                    "connection": "keep-alive",
                    "content-length": "4",
                    "user-agent": "verify/1",
                    "x-more": "1",
                },
                b"\x00raw",
            )
        ]


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ({"json": {"to": "ä"}}, "application/json", b'{"to": "\\u00e4"}'),
        ({"data": {"to": "+1 2"}}, "application/x-www-form-urlencoded", b"to=%2B1+2"),
    ],
)
def test_a_body_says_what_it_is(body: dict[str, Any], content_type: str, expected: bytes) -> None:
    with RawServer(says(OK)) as server:
        HttpApi("acme").call("POST", server.url, lambda: PLENTY, **body)
        assert server.asked[0].headers["content-type"] == content_type
        assert server.asked[0].body == expected


@pytest.mark.parametrize("cookie", ["a=b; Path=/", "a=\x03; Path=/"])
def test_cookies_are_not_kept(cookie: str) -> None:
    api = HttpApi("acme")
    with RawServer(says(http("{}", "200 OK", f"Set-Cookie: {cookie}"))) as server:
        call(server.url, api=api)
        call(server.url, api=api)
        assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize(
    "behaviour",
    [
        None,  # nobody listens
        says(OK),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno header\r\n\r\n{}"),
        says(http("{}", "302 Found", "Location: /?password=hunter2")),
        says_and_closes(b""),
        says_and_closes(b"password=hunter2\r\n\r\n"),
    ],
)
def test_no_secret_of_a_request_is_logged_or_in_an_error(
    behaviour: Behaviour | None, refusing_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    password = "hunter2"
    secret = {"password": password}
    shown: list[str] = []

    def ask(url: str) -> None:
        try:
            HttpApi("acme").call(
                "POST", url, lambda: PLENTY, params=secret, data=secret, auth=("user", password)
            )
        except ProviderError as error:
            shown.extend(traceback.format_exception(error))

    with caplog.at_level(logging.DEBUG):
        if behaviour is None:
            ask(f"http://127.0.0.1:{refusing_port}/")
        else:
            with RawServer(behaviour) as server:
                ask(server.url)
    assert password not in caplog.text
    assert password not in "".join(shown)


# What an answer means


@pytest.mark.parametrize("status", range(200, 300))
def test_success_is_200_to_299(status: int) -> None:
    assert Answer("acme", status, b"").is_success


@pytest.mark.parametrize("status", [100, 199, 300, 400, 500, 999])
def test_nothing_else_is_success(status: int) -> None:
    assert not Answer("acme", status, b"").is_success


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (199, ProviderSilent),
        *((status, ProviderRefused) for status in (300, 301, 302, 304, 307, 308)),
        *((status, ProviderRefused) for status in (400, 401, 402, 403, 404, 405, 409, 422, 499)),
        *((status, ProviderUnavailable) for status in (408, 425, 429, 503)),
        *((status, ProviderSilent) for status in (500, 501, 502, 504, 520, 599, 600, 999)),
    ],
)
def test_a_status_means(status: int, kind: type[ProviderError]) -> None:
    answer = Answer("acme", status, b"+31612345678")
    assert is_(answer.error(), kind, f"http_{status}")
    assert is_(answer.error("E42"), kind, "E42")


def test_a_refusal_for_a_while_is_not_repeated_whatever_it_says() -> None:
    for status in ("503 Busy", "429 Slow down", "413 Too large"):
        with RawServer(says(http("{}", status, "Retry-After: 0"))) as server:
            call(server.url)
            assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[{}]",
        b'"text"',
        b"1",
        b"<html></html>",
        b"{",
        b'{"a": \xff}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"a": %s}' % (b"9" * 60_000),
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_json_object_is_silent(body: bytes) -> None:
    with pytest.raises(ProviderSilent) as caught:
        Answer("acme", 201, body).json()
    assert (caught.value.provider, caught.value.vendor_code) == ("acme", "http_201_not_json")


def test_a_json_object_and_a_text_are_read() -> None:
    assert Answer("acme", 200, json.dumps({"ä": [1]}).encode()).json() == {"ä": [1]}
    assert Answer("acme", 200, "OK ä".encode() + b"\xff").text == "OK ä\ufffd"
