"""Recordings and vcrpy: its cassettes are ours, and `om.vcr` makes them as `om.record` does, from any thread."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import vcr

import om_toolkit as om
from om_toolkit.recordings import cassette

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from om_toolkit.synthetic.sandbox import SandboxClient

ORDERS = 300
THREADS = 8


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def counted_connections() -> Iterator[list[object]]:
    """Refuse every connection, and yield the addresses."""
    wanted: list[object] = []

    def refuse(_: socket.socket, address: object) -> None:
        wanted.append(address)
        raise ConnectionRefusedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield wanted


def record(name: str, shop: SandboxClient, order_ids: Sequence[str]) -> om.Orders:
    options: dict[str, Any] = {"base_url": shop.base_url, "requests_per_second": None, "workers": THREADS}
    with om.record(name, "kco_test_sandbox", **options) as client:
        return client.orders(order_ids).raise_for_failures()


@pytest.mark.parametrize("name", ["many.json", pytest.param("many.yaml", marks=pytest.mark.slow)])
def test_what_8_threads_record_8_threads_replay_offline_and_so_does_plain_vcrpy(name: str) -> None:
    with om.sandbox(ORDERS) as shop:
        recorded = record(name, shop, shop.order_ids)
        assert shop.server.served == ORDERS
    path, serializer = f"cassettes/{name}", name.rpartition(".")[2]
    kept = vcr.cassette.Cassette.load(path=path, serializer=vcr.VCR().serializers[serializer])
    assert len(kept) == ORDERS
    assert {request.method for request in kept.requests} == {"GET"}
    assert not any(request.headers or request.body for request in kept.requests)

    with counted_connections() as connections:
        with om.replay(name) as client:
            assert client._workers == THREADS
            replayed = client.orders(recorded.to_polars()["order_id"])
            one_by_one = [client.order(order.order_id or "") for order in recorded]
        with (
            vcr.use_cassette(path, serializer=serializer, record_mode="none", match_on=["method", "uri"]),
            om.Client("kco_test_x", max_retries=0, requests_per_second=None) as client,
        ):
            plain = client.orders(recorded.to_polars()["order_id"])
    assert connections == []
    assert len(replayed) == ORDERS
    assert list(replayed) == one_by_one == list(plain)
    assert replayed.as_of == plain.as_of == recorded.as_of


def fetch_from_threads(client: om.Client, order_ids: Sequence[str]) -> list[om.Order]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(client.order, order_ids))


@pytest.mark.parametrize("name", ["some.json", pytest.param("some.yaml", marks=pytest.mark.slow)])
def test_om_vcr_works_with_threads_and_scrubs_as_om_record_does(name: str) -> None:
    with om.sandbox(100) as shop:
        record(name, shop, shop.order_ids)
    with om.sandbox(100) as shop, om.vcr.use_cassette(name):
        fetched = fetch_from_threads(shop, shop.order_ids)
    assert len(fetched) == 100
    assert Path(name).read_bytes() == Path("cassettes", name).read_bytes()

    with (
        counted_connections() as connections,
        om.vcr.use_cassette(name),
        om.Client("kco_test_x", requests_per_second=None) as client,
    ):
        replayed = fetch_from_threads(client, shop.order_ids)
        again = client.orders(shop.order_ids)
    assert connections == []
    assert [order.order_id for order in replayed] == list(shop.order_ids)
    assert list(again) == replayed


def test_om_vcr_records_no_response_with_a_retryable_status() -> None:
    with om.sandbox(20, faults={"server_error": 0.3, "rate_limited": 0.3}, max_retries=9) as shop:
        with pytest.MonkeyPatch.context() as patch, om.vcr.use_cassette("better.yaml") as recording:
            patch.setattr("om_toolkit.api.client._FIRST_BACK_OFF", 0)
            patch.setattr("om_toolkit.api.throttle.RateLimit.back_off", lambda *_: None)
            shop.orders(shop.order_ids).raise_for_failures()
        assert shop.server.served > 20
    assert {response["status"]["code"] for response in recording.responses} == {200}
    assert len(om.replay("better.yaml").recorded_order_ids) == 20


@pytest.mark.parametrize(
    ("name", "error"),
    [("rate_limited", om.RateLimited), ("wrong_credentials", om.Unauthorized), ("not_found", om.NotFound)],
)
def test_om_vcr_replays_the_errors_that_were_recorded(name: str, error: type[om.FetchError]) -> None:
    path = Path(f"{name}.yaml")
    path.write_bytes(cassette.find(name).read_bytes())
    refused = next(key for key, response in cassette.read(path).items() if response["status"]["code"] != 200)
    with om.vcr.use_cassette(path), om.Client("kco_test_x", max_retries=0) as client, pytest.raises(error):
        client.order(refused[0])


def test_om_vcr_keeps_the_errors_of_a_cassette_that_it_adds_to() -> None:
    path = Path("rate_limited.yaml")
    path.write_bytes(cassette.find("rate_limited").read_bytes())
    before = cassette.read(path)
    with om.sandbox(1, seed=9) as shop, om.vcr.use_cassette(path, record_mode="new_episodes"):
        shop.order(shop.order_ids[0])
    assert before.keys() < cassette.read(path).keys()
    assert {response["status"]["code"] for response in cassette.read(path).values()} == {200, 429}


def test_om_vcr_adds_to_a_cassette_and_reads_what_om_record_made() -> None:
    with om.sandbox(5) as shop:
        record("few.yaml", shop, shop.order_ids[:3])
        with om.vcr.use_cassette("cassettes/few.yaml"):
            failures = shop.orders(shop.order_ids).failures
        assert [failure.messages for failure in failures] == [("CannotOverwriteExistingCassetteException",)] * 2
        with om.vcr.use_cassette("cassettes/few.yaml", record_mode="new_episodes"):
            shop.orders(shop.order_ids).raise_for_failures()
    assert set(om.replay("cassettes/few.yaml").recorded_order_ids) == set(shop.order_ids)


def test_om_vcr_does_not_record_other_requests() -> None:
    with om.sandbox(1) as shop, om.vcr.use_cassette("others.yaml") as recording:
        requests.get(f"{shop.base_url}/merchants?name=Ada", timeout=5)
    assert len(recording) == 0
    assert not Path("others.yaml").exists()


RESPONSE = {
    "status": {"code": 200, "message": "Ada"},
    "headers": {"Date": ["Thu, 01 Oct 2026 08:00:00 GMT"], "Set-Cookie": ["a=b"], "X-Who": ["Ada"]},
    "body": {"string": b'{"order_id":"a/b c","order_amount":5}'},
}
URL = "https://api.kustom.co/ordermanagement/v1/orders/a%2Fb%20c"


def test_a_cassette_is_written_atomically(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = folder / "kept.yaml"
    path.write_text("as it was")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        cassette.write(path, cassette.Responses({URL: RESPONSE}))
    assert [file.read_text() for file in folder.iterdir()] == ["as it was"]


def test_an_id_with_special_characters_is_recorded_and_replayed() -> None:
    cassette.write(Path("odd.yaml"), cassette.Responses({f"{URL}?token=Ada": RESPONSE}))
    assert "Ada" not in Path("odd.yaml").read_text("utf-8")
    assert "ookie" not in Path("odd.yaml").read_text("utf-8")
    with om.replay("odd.yaml") as client:
        assert client.recorded_order_ids == ("a/b c",)
        assert client.order("a/b c").order_amount == 5
        assert str(client.orders("a/b c").as_of) == "2026-10-01 08:00:00+00:00"
