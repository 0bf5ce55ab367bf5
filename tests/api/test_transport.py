"""The way to the host: the pace, what takes too long or is too large, proxies and certificates, and secrets."""

from __future__ import annotations

import base64
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from secret_watch import KEY, PASSWORD, SECRETS, USERNAME, texts_of
from serving import serving

import om_toolkit as om
from om_toolkit.api import client, http_transport, throttle
from om_toolkit.api.throttle import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDER = b'{"order_id": "1"}'


# ---- The pace


class Clock:
    """Stands in for the time and for the event that ends a batch: waiting moves it on, a little too far."""

    def __init__(self) -> None:
        self.now = 100.0
        self.late = 0.0
        self.while_waiting: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.now += seconds + self.late
        if self.while_waiting:
            self.while_waiting.pop()()
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def places(limit: RateLimit, clock: Any, number: int) -> list[float]:
    found = []
    for _ in range(number):
        limit.wait(clock)
        found.append(round(clock.now, 6))
    return found


def test_places_are_an_interval_apart(clock: Clock) -> None:
    assert places(RateLimit(4), clock, 5) == [100, 100.25, 100.5, 100.75, 101]


def test_threads_that_wake_a_little_late_do_not_slow_the_pace(clock: Clock) -> None:
    clock.late = 0.01
    assert places(RateLimit(4), clock, 4) == [100, 100.26, 100.51, 100.76]


@pytest.mark.parametrize("away", [0.5, 3600])
def test_places_are_not_saved_up_while_nobody_asks_or_the_machine_sleeps(clock: Clock, away: float) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    clock.now = 100 + away
    assert places(limit, clock, 3) == [100 + away, 100.25 + away, 100.5 + away]


def test_a_thread_that_slept_through_its_place_is_followed_at_the_pace(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    clock.late = 3600
    limit.wait(clock)  # type: ignore[arg-type]
    clock.late = 0
    assert places(limit, clock, 2) == [3700.5, 3700.75]


def test_after_a_hold_places_are_given_out_at_the_pace(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.back_off(2)
    limit.back_off(1)  # which is over before the other
    assert places(limit, clock, 3) == [102, 102.25, 102.5]


def test_a_hold_reaches_who_is_waiting_already(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    clock.while_waiting.append(lambda: limit.back_off(2))
    assert places(limit, clock, 2) == [102.25, 102.5]


def test_without_a_pace_only_the_server_s_word_counts(clock: Clock) -> None:
    limit = RateLimit(None)
    assert places(limit, clock, 3) == [100, 100, 100]
    limit.back_off(2)
    assert places(limit, clock, 2) == [102, 102]


def test_what_is_over_waits_for_no_place_and_takes_none(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    over = threading.Event()
    over.set()
    with pytest.raises(throttle.Cancelled):
        limit.wait(over)
    assert places(limit, clock, 1) == [100.25]


# ---- What takes too long, what is too large


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give each connection to a function, on a thread of its own, once the request is there."""

    def answer_one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            answer(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer_one, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def failure_of(url: str, **options: Any) -> om.Failure:
    with om.Client(KEY, base_url=url, **options) as client:
        (failure,) = client.orders("1").failures
    return failure


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"])
def test_an_answer_that_drips_is_late_though_no_byte_of_it_is(head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b" ")
            time.sleep(0.02)

    with answering(drip) as url:
        failure = failure_of(url, timeout=(0.2, 0.2), max_retries=0)
    assert failure.kind == "timeout"
    assert 0.3 < failure.elapsed < 5


def test_the_deadline_ends_the_retries_of_an_order() -> None:
    with om.sandbox(1, faults={"hang": 1.0}, timeout=(5, 0.2), max_retries=99, deadline=0.5) as client:
        (failure,) = client.orders(client.order_ids).failures
    assert failure.kind == "timeout"
    assert failure.elapsed < 5


def test_waiting_for_the_pace_is_not_of_the_deadline() -> None:
    with om.sandbox(4, workers=4, requests_per_second=10, deadline=0.15) as client:
        assert len(client.orders(client.order_ids)) == 4


def test_a_body_without_an_end_is_refused_once_it_is_too_large() -> None:
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent.append(connection.send(b" " * 65536))

    with answering(flood) as url:
        failure = failure_of(url, max_retries=3)
    assert (failure.kind, failure.status, failure.attempts) == ("invalid_body", 200, 1)
    assert "10 MB" in failure.messages[0]
    assert sum(sent) < 25e6  # what is under way in buffers included


def test_a_small_packed_body_is_refused_by_what_it_unpacks_to() -> None:
    with om.sandbox(1, faults={"oversize": 1.0}) as client:
        (failure,) = client.orders(client.order_ids).failures
        (of_captures,) = client.captures(client.order_ids).failures
    assert (failure.kind, failure.attempts) == (of_captures.kind, of_captures.attempts) == ("invalid_body", 1)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "zstd"])
def test_a_body_packed_otherwise_than_once_with_gzip_is_refused_unread(encoding: str) -> None:
    body = gzip.compress(gzip.compress(ORDER))
    with serving(lambda _: (200, {"Content-Encoding": encoding}, body)) as served:
        failure = failure_of(served.url, max_retries=3)
    assert (failure.kind, failure.status, failure.attempts) == ("invalid_body", 200, 1)
    assert "gzip" in failure.messages[0]


def test_an_answer_that_is_long_in_reading_breaks_no_connection_that_another_has_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, b_is_asked_for, b_may_come = client.ORDER.read, threading.Event(), threading.Event()

    def read_slowly(body: bytes, order_id: str) -> om.Order:
        if order_id == "a":
            b_is_asked_for.wait(10)
            time.sleep(1.1)  # beyond a's time, not beyond b's
            b_may_come.set()
        return read(body, order_id)

    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("/b"):
            b_is_asked_for.set()
            b_may_come.wait(10)
        return 200, {}, b'{"order_id": "%s"}' % path[-1:].encode()

    monkeypatch.setattr(client, "ORDER", replace(client.ORDER, read=read_slowly))
    with (
        serving(answer) as served,
        om.Client(KEY, base_url=served.url, timeout=0.8, requests_per_second=1.25, max_retries=0) as one,
    ):
        one._transport._timeout = (5, 5)  # b may be silent for longer
        orders = one.orders(["a", "b"])
    assert len(served.clients) == 1
    assert len(orders) == 2


def test_a_connection_is_kept_for_the_next_request() -> None:
    with (
        serving(lambda _: (200, {}, ORDER)) as served,
        om.Client(KEY, base_url=served.url, requests_per_second=None, workers=2) as client,
    ):
        client.orders([str(number) for number in range(20)])
    assert len(served.clients) <= 2


# ---- Proxies and certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate of `orders.example`, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=orders.example"
    names = ["-addext", "subjectAltName=DNS:orders.example", "-keyout", str(file), "-out", f"{file}.public"]
    subprocess.run([openssl, *options.split(), *names], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.public").read_bytes())
    return file


@contextmanager
def tunnelling(url: str) -> Iterator[tuple[str, list[bytes]]]:
    """Be a proxy that connects to one address, whatever it is asked for."""
    asked: list[bytes] = []
    host, port = url.rpartition("/")[2].split(":")

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def tunnel(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as there:
            asked.append(client.recv(65536))
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=pump, args=(there, client), daemon=True)
            back.start()
            pump(client, there)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=tunnel, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)


def test_proxy_and_certificates_of_the_environment_are_used_and_netrc_is_not(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine orders.example login other password other\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda _: (200, {}, ORDER), context) as served, tunnelling(served.url) as (proxy, asked):
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USERNAME}:{PASSWORD}@{proxy}")
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        unknown = failure_of("https://orders.example", max_retries=0)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.public")
        with om.Client(KEY, base_url="https://orders.example") as client:
            assert client.order("1").order_id == "1"
        with monkeypatch.context() as changed:
            changed.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
            nowhere = failure_of("https://orders.example", max_retries=2)
    assert (unknown.kind, unknown.messages) == ("connection", ("SSLError",))
    assert nowhere.messages == (
        "the CA bundle /nowhere.pem does not exist; correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE",
    )
    assert nowhere.attempts == 1  # it will not come into being
    assert asked[1].startswith(b"CONNECT orders.example:443 ")
    assert base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()) in asked[1]  # the proxy's own
    assert KEY.encode() not in asked[1]
    assert [headers["Authorization"] for headers in served.headers] == [f"Basic {KEY}"]
    assert "Proxy-Authorization" not in served.headers[0]


def test_a_proxy_that_refuses_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda connection: connection.sendall(b"HTTP/1.1 407 No\r\n\r\n")) as url:
        monkeypatch.setenv("HTTPS_PROXY", url.replace("//", f"//{USERNAME}:{PASSWORD}@"))
        failure = failure_of("https://orders.example", max_retries=0)
    assert (failure.kind, failure.messages) == ("connection", ("ProxyError",))


# ---- What stays secret


def shown(error: BaseException) -> str:
    return "\n".join(texts_of(error))


WRONG: dict[str, Callable[[], object]] = {
    "an option": lambda: om.Client(KEY, workers=0),
    "a password and an option": lambda: om.Client(username=USERNAME, password=PASSWORD, integrator="é"),
    "a key as user name": lambda: om.Client(username=KEY, password=PASSWORD),
    "a broken key": lambda: om.Client(f"{KEY}\n{KEY}"),
    "a password in the address": lambda: om.Client(KEY, base_url=f"https://{USERNAME}:{PASSWORD}@api.kustom.co"),
    "a password without a name": lambda: om.Client(password=PASSWORD),
    "a recording": lambda: om.record("x", KEY, workers=0),
    "a recording with a password": lambda: om.record("x", username=USERNAME, password=PASSWORD, workers=0),
    "a header": lambda: om.Client(KEY, integrator=" x"),
    "a host": lambda: om.Client(KEY, base_url="https://*.kustom.co"),
    "an order": lambda: om.Client(KEY, base_url="http://127.0.0.1:9", max_retries=0).order("1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_error_shows_credentials_nor_do_the_variables_in_its_traceback(wrong: str) -> None:
    with pytest.raises(om.OMError) as raised:
        WRONG[wrong]()
    told = shown(raised.value)
    assert "self = " in told  # variables are looked at
    assert not [secret for secret in SECRETS if secret in told]


def test_those_of_the_environment_are_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_API_KEY", f"{KEY} {KEY}")
    monkeypatch.setenv("OM_PASSWORD", PASSWORD)
    with pytest.raises(om.InvalidSetting) as raised:
        om.Client()
    assert not [secret for secret in SECRETS if secret in shown(raised.value)]


def test_what_breaks_unforeseen_ends_as_a_failure_without_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*_: object, **__: object) -> None:
        raise RuntimeError(PASSWORD)

    monkeypatch.setattr(http_transport.HTTPAdapter, "send", breaking)
    failure = failure_of("https://orders.example", max_retries=0)
    assert (failure.kind, failure.messages) == ("connection", ("RuntimeError",))
