"""Connections: what arrives beside the response, another process, and a wait that is cancelled."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from secret_watch import KEY

import om_toolkit as om
from om_toolkit.api.credentials import Secret
from om_toolkit.api.http_transport import HTTPTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_pauses_between_attempts")

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


def response_of(path: str) -> bytes:
    body = b'[{"capture_id": "%s"}]' % path.split("/")[4].encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def scripted(
    script: Callable[[str, int], list[bytes]], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Send each piece that a script returns for a path and its place on the connection, with a pause between them."""
    requests: list[tuple[int, str]] = []
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        number, place = len(connections), 0
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        with connection, suppress(OSError):
            while head := connection.recv(65536):
                path = head.split(b" ", 2)[1].decode()
                requests.append((number, path.split("/")[4]))
                for piece in script(path, place):
                    connection.sendall(piece)
                    time.sleep(0.02)
                place += 1

    def accept() -> None:
        with suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                threading.Thread(target=serve, args=[connections[-1]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http{'s' if context else ''}://127.0.0.1:{listener.getsockname()[1]}", requests
        listener.shutdown(socket.SHUT_RDWR)


def captures_through(
    script: Callable[[str, int], list[bytes]], context: ssl.SSLContext | None = None
) -> tuple[list[str], list[tuple[int, str]]]:
    """Return whose captures the orders a, b and c get, and the requests with the number of their connection."""
    with scripted(script, context) as (url, requests), om.Client(KEY, base_url=url, workers=1) as client:
        captures = client.captures(["a", "b", "c"])
    assert not captures.failures
    assert [capture.order_id for capture in captures] == ["a", "b", "c"]
    return [capture.capture_id or "" for capture in captures], requests


def test_a_proxy_that_always_sends_interim_responses_costs_connections_but_no_retries() -> None:
    found, requests = captures_through(lambda path, _: [INTERIM, response_of(path)])
    assert found == ["a", "b", "c"]
    assert requests == [(1, "a"), (2, "b"), (3, "c")]


@pytest.mark.parametrize(
    "surplus",
    [lambda path: response_of(path.replace("b", "x")), lambda _: b"\r\n", lambda _: INTERIM],
    ids=["response", "line break", "interim"],
)
def test_a_response_with_surplus_is_requested_again_unless_its_connection_was_new(
    surplus: Callable[[str], bytes],
) -> None:
    found, requests = captures_through(lambda path, place: [response_of(path) + (surplus(path) if place else b"")])
    assert found == ["a", "b", "c"]
    assert requests == [(1, "a"), (1, "b"), (2, "b"), (2, "c"), (3, "c")]
    found, requests = captures_through(lambda path, _: [response_of(path) + surplus(path)])
    assert found == ["a", "b", "c"]
    assert requests == [(1, "a"), (2, "b"), (3, "c")]


@pytest.fixture
def context(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.public")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_connections_are_kept_as_long_as_nothing_else_arrives(context: ssl.SSLContext) -> None:
    _, requests = captures_through(lambda path, _: [response_of(path)], context)
    assert requests == [(1, "a"), (1, "b"), (1, "c")]
    found, requests = captures_through(lambda path, _: [INTERIM, response_of(path)], context)
    assert (found, requests) == (["a", "b", "c"], [(1, "a"), (2, "b"), (3, "c")])
    surplus = response_of("/ordermanagement/v1/orders/x/captures")
    found, requests = captures_through(lambda path, _: [response_of(path) + surplus], context)
    assert (found, requests) == (["a", "b", "c"], [(1, "a"), (2, "b"), (3, "c")])


def test_an_interim_response_on_a_used_connection_is_no_reason_to_believe_what_follows() -> None:
    stale = INTERIM + response_of("/ordermanagement/v1/orders/x/captures")
    found, requests = captures_through(lambda path, place: [(stale if place else b"") + response_of(path)])
    assert found == ["a", "b", "c"]
    assert len(requests) == 5


def test_a_switch_to_another_protocol_is_a_failure() -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    with (
        scripted(lambda path, _: [switching + response_of(path)]) as (url, requests),
        om.Client(KEY, base_url=url, max_retries=0) as client,
    ):
        assert [failure.kind for failure in client.captures("a").failures] == ["connection"]
    assert len(requests) == 1


def test_a_request_can_be_cancelled_while_the_body_of_a_last_response_is_missing() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\n"
    with scripted(lambda *_: [head]) as (url, requests):
        transport = HTTPTransport(url, Secret("Basic x"))
        request = om.Request("/ordermanagement/v1/orders/a", time.monotonic() + 30)
        threading.Timer(0.3, request.cancel).start()
        started = time.monotonic()
        with pytest.raises(om.TransportError) as raised:
            transport.get(request)
    assert requests
    assert raised.value.kind == "timeout"
    assert time.monotonic() - started < 5


FORK = """
import os, sys, threading, time
import om_toolkit as om

with om.sandbox(30, seed=3, workers=4, requests_per_second=100) as client:
    ids = client.order_ids
    expected = [(one.order_id, one.capture_id) for one in client.captures(ids)]
    busy = threading.Thread(target=client.captures, args=[ids])
    busy.start()
    time.sleep(0.1)  # its threads have connections, and wait for the rate limit with a lock
    child = os.fork()
    found = [(one.order_id, one.capture_id) for one in client.captures(ids)]
    if not child:
        os._exit(0 if found == expected else 1)
    busy.join()
    print(found == expected, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(sys.modules["os"], "fork"), reason="this system has no fork")
def test_after_a_fork_each_process_has_its_own_connections_and_locks() -> None:
    run = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=30, check=False)
    assert run.stdout == "True 0\n", run.stderr
