"""HTTP: responses that are late or too large, proxies and certificates, and what stays secret."""

from __future__ import annotations

import base64
import gzip
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from secret_watch import KEY, PASSWORD, SECRETS, USERNAME, texts_of
from serving import serving

import om_toolkit as om
from om_toolkit.api import client, connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDER = b'{"order_id": "1"}'


@contextmanager
def responding(respond: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give each connection to a function, on a thread of its own, once the request is there."""

    def respond_to(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            respond(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=respond_to, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def failure_of(url: str, **options: Any) -> om.Failure:
    with om.Client(KEY, base_url=url, **options) as client:
        (failure,) = client.orders("1").failures
    return failure


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"])
def test_a_response_that_arrives_byte_by_byte_is_a_timeout(head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b" ")
            time.sleep(0.02)

    with responding(drip) as url:
        failure = failure_of(url, timeout=(0.2, 0.2), max_retries=0)
    assert failure.kind == "timeout"
    assert 0.3 < failure.elapsed < 5


def test_the_deadline_ends_the_retries_of_an_order() -> None:
    with om.sandbox(1, faults={"hang": 1.0}, timeout=(5, 0.2), max_retries=99, deadline=0.5) as client:
        (failure,) = client.orders(client.order_ids).failures
    assert failure.kind == "timeout"
    assert failure.elapsed < 5


def test_waiting_for_the_rate_limit_does_not_count_towards_the_deadline() -> None:
    with om.sandbox(4, workers=4, requests_per_second=10, deadline=0.15) as client:
        assert len(client.orders(client.order_ids)) == 4


def test_a_body_without_an_end_is_refused_once_it_is_too_large() -> None:
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent.append(connection.send(b" " * 65536))

    with responding(flood) as url:
        failure = failure_of(url, max_retries=3)
    assert (failure.kind, failure.status, failure.attempts) == ("invalid_body", 200, 1)
    assert "10 MB" in failure.messages[0]
    assert sum(sent) < 25e6  # what is under way in buffers included


def test_a_small_compressed_body_is_refused_by_its_decompressed_size() -> None:
    with om.sandbox(1, faults={"oversize": 1.0}) as client:
        (failure,) = client.orders(client.order_ids).failures
        (of_captures,) = client.captures(client.order_ids).failures
    assert (failure.kind, failure.attempts) == (of_captures.kind, of_captures.attempts) == ("invalid_body", 1)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "zstd"])
def test_a_body_not_compressed_exactly_once_with_gzip_is_refused_unread(encoding: str) -> None:
    body = gzip.compress(gzip.compress(ORDER))
    with serving(lambda _: (200, {"Content-Encoding": encoding}, body)) as served:
        failure = failure_of(served.url, max_retries=3)
    assert (failure.kind, failure.status, failure.attempts) == ("invalid_body", 200, 1)
    assert "gzip" in failure.messages[0]


def test_slow_parsing_does_not_break_a_connection_that_another_request_uses_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, b_is_requested, b_may_come = client.ORDER.read, threading.Event(), threading.Event()

    def read_slowly(body: bytes, order_id: str) -> om.Order:
        if order_id == "a":
            b_is_requested.wait(10)
            time.sleep(1.1)  # beyond a's time, not beyond b's
            b_may_come.set()
        return read(body, order_id)

    def respond(path: str) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("/b"):
            b_is_requested.set()
            b_may_come.wait(10)
        return 200, {}, b'{"order_id": "%s"}' % path[-1:].encode()

    monkeypatch.setattr(client, "ORDER", replace(client.ORDER, read=read_slowly))
    with (
        serving(respond) as served,
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


@contextmanager
def tunnelling(url: str) -> Iterator[tuple[str, list[bytes]]]:
    """Run a proxy that connects every client to the same address."""
    received: list[bytes] = []
    host, port = url.rpartition("/")[2].split(":")

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def tunnel(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as there:
            received.append(client.recv(65536))
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
        yield f"127.0.0.1:{listener.getsockname()[1]}", received
        listener.shutdown(socket.SHUT_RDWR)


def test_proxy_and_certificates_of_the_environment_are_used_but_not_netrc(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine orders.example login other password other\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda _: (200, {}, ORDER), context) as served, tunnelling(served.url) as (proxy, received):
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
    assert received[1].startswith(b"CONNECT orders.example:443 ")
    assert base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()) in received[1]  # the proxy's own
    assert KEY.encode() not in received[1]
    assert [headers["Authorization"] for headers in served.headers] == [f"Basic {KEY}"]
    assert "Proxy-Authorization" not in served.headers[0]


def test_a_proxy_that_refuses_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    with responding(lambda connection: connection.sendall(b"HTTP/1.1 407 No\r\n\r\n")) as url:
        monkeypatch.setenv("HTTPS_PROXY", url.replace("//", f"//{USERNAME}:{PASSWORD}@"))
        failure = failure_of("https://orders.example", max_retries=0)
    assert (failure.kind, failure.messages) == ("connection", ("ProxyError",))


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
def test_neither_an_error_nor_the_variables_in_its_traceback_show_credentials(wrong: str) -> None:
    with pytest.raises(om.OMError) as raised:
        WRONG[wrong]()
    text = shown(raised.value)
    assert "self = " in text  # variables are included
    assert not [secret for secret in SECRETS if secret in text]


def test_credentials_of_the_environment_are_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_API_KEY", f"{KEY} {KEY}")
    monkeypatch.setenv("OM_PASSWORD", PASSWORD)
    with pytest.raises(om.InvalidSetting) as raised:
        om.Client()
    assert not [secret for secret in SECRETS if secret in shown(raised.value)]


def test_an_unforeseen_error_becomes_a_failure_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*_: object, **__: object) -> None:
        raise RuntimeError(PASSWORD)

    monkeypatch.setattr(connections.HTTPAdapter, "send", breaking)
    failure = failure_of("https://orders.example", max_retries=0)
    assert (failure.kind, failure.messages) == ("connection", ("RuntimeError",))
