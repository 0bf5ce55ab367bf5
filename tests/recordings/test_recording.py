"""Recordings: what is written, that it is harmless, and that it replays without a network."""

from __future__ import annotations

import gc
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import vcr
import yaml
from pytest_socket import disable_socket, socket_allow_hosts
from shipped_recordings import CASSETTES, RECORDINGS, record_shipped

import om_toolkit as om
from om_toolkit.api.http_transport import InterruptibleAdapter
from om_toolkit.api.transport import Response

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def offline() -> Iterator[None]:
    """Refuse every socket, loopback too."""
    disable_socket(allow_unix_socket=True)
    yield
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"])


def record(name: str, orders: int = 40, *, captures: bool = False, unknown: str = "") -> om.Orders:
    with om.sandbox(orders) as shop:
        options: dict[str, Any] = {"base_url": shop.base_url, "requests_per_second": None, "max_retries": 0}
        with om.record(name, "kco_test_sandbox", **options) as client:
            fetched = client.orders([*shop.order_ids, *filter(None, [unknown])])
            if captures:
                client.captures(shop.order_ids)
    return fetched


@pytest.mark.parametrize("suffix", ["", ".yaml", ".json"])
@pytest.mark.usefixtures("folder")
def test_a_recording_replays_the_same_orders(suffix: str, request: pytest.FixtureRequest) -> None:
    recorded = record(f"october{suffix}")
    assert Path("cassettes", f"october{suffix or '.yaml'}").is_file()
    request.getfixturevalue("offline")
    with om.replay("october") as client:
        replayed = client.orders(client.recorded_order_ids)
        again = client.orders(client.recorded_order_ids)
    assert sorted(order.order_id or "" for order in replayed) == sorted(order.order_id or "" for order in recorded)
    assert list(again) == list(replayed)
    assert replayed.as_of == recorded.as_of
    for name, table in recorded.tables().items():
        assert table.sort(pl_keys(table.columns)).equals(getattr(replayed.tables(), name).sort(pl_keys(table.columns)))


def pl_keys(columns: list[str]) -> list[str]:
    keys = ("order_id", "source", "capture_id", "refund_id", "line", "shipment")
    return [name for name in keys if name in columns]


@pytest.mark.usefixtures("folder")
def test_captures_and_errors_are_replayed_too() -> None:
    record("all.json", captures=True, unknown="not-an-order")
    with om.replay("all") as client:
        assert "not-an-order" in client.recorded_order_ids
        orders = client.orders(client.recorded_order_ids)
        captures = client.captures([order.order_id or "" for order in orders])
    assert [(failure.order_id, failure.status) for failure in orders.failures] == [("not-an-order", 404)]
    assert sorted(one.capture_id or "" for one in captures) == sorted(one.capture_id or "" for one in orders.captures)


@pytest.mark.usefixtures("folder")
def test_nothing_personal_and_no_credential_is_written() -> None:
    with om.sandbox(40) as shop:
        record("clean.yaml")
        documents = [shop.shop.answer(order_id) for order_id in shop.order_ids]
    written = Path("cassettes", "clean.yaml").read_text("utf-8")
    secrets = set(personal(documents))
    assert len(secrets) > 200
    bodies = " ".join(
        one["body"]["string"].decode() for one in vcr.cassette.Cassette.load(path="cassettes/clean.yaml").responses
    )
    assert not {secret for secret in secrets if f'"{secret}"' in bodies or secret in written}
    assert "kco_test" not in written
    assert "uthorization" not in written
    assert "ookie" not in written


def personal(value: Any, name: str = "") -> Iterator[str]:
    """Yield every personal text of a document that cannot be there by chance, as a postal code can."""
    names = {"email", "phone", "street_address", "family_name", "given_name", "postal_code", "date_of_birth"}
    names |= {"tracking_number", "tracking_uri", "national_identification_number", "organization_registration_id"}
    if isinstance(value, dict):
        for key, item in value.items():
            yield from personal(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from personal(item, name)
    elif name in names and isinstance(value, str) and len(value) > 4 and not value.isdigit():
        yield value


@pytest.mark.usefixtures("folder")
def test_a_second_recording_is_the_same_file() -> None:
    record("one.yaml")
    first = Path("cassettes", "one.yaml").read_bytes()
    record("one.yaml")
    assert Path("cassettes", "one.yaml").read_bytes() == first
    assert list(Path("cassettes").iterdir()) == [Path("cassettes", "one.yaml")]


@pytest.mark.usefixtures("folder")
def test_the_sandbox_s_port_is_replaced_by_the_playground() -> None:
    record("host.json")
    assert "127.0.0.1" not in Path("cassettes", "host.json").read_text("utf-8")
    with om.replay("host") as client:
        assert client.base_url == "https://api.playground.kustom.co"


@pytest.mark.usefixtures("folder")
def test_an_order_that_was_not_recorded_is_not_requested_from_the_network(request: pytest.FixtureRequest) -> None:
    record("small.yaml", 3)
    request.getfixturevalue("offline")
    with om.replay("small") as client, pytest.raises(om.NotRecorded, match=r"^another: .*small\.yaml has no response"):
        client.order("another")


def reachable(thing: object) -> Iterator[object]:
    """Yield an object and everything its attributes and containers lead to; not its classes and functions."""
    seen: set[int] = set()
    remaining = [thing]
    while remaining:
        one = remaining.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        yield one
        remaining += gc.get_referents(one)


def test_a_replay_client_has_nothing_that_can_open_a_socket() -> None:
    with om.replay("not_found") as client:
        client.orders(client.recorded_order_ids)
        kinds = {type(one) for one in reachable(client)}
    assert Response in kinds
    assert not [
        kind for kind in kinds if kind.__module__.partition(".")[0] in {"requests", "urllib3", "socket", "http"}
    ]
    with om.Client("kco_test_x") as client:  # what would be found
        assert InterruptibleAdapter in {type(one) for one in reachable(client)}


def test_a_replay_runs_where_sockets_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket.socket, "__init__", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    with om.replay("quickstart") as client:
        assert len(client.orders(client.recorded_order_ids)) == 300
        assert {one.kind for one in client.captures(["unknown"]).failures} == {"not_recorded"}


@pytest.mark.usefixtures("folder")
def test_a_replay_does_not_touch_an_open_vcr_cassette() -> None:
    with vcr.use_cassette("open.yaml"), om.replay("not_found") as client:  # warns of nothing, as nothing is sent
        assert len(client.orders(client.recorded_order_ids)) == 3
    assert not Path("open.yaml").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("endpoint", ["order", "captures"])
def test_the_message_for_a_missing_response_has_the_line_that_records_it(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with om.sandbox(5) as shop:
        monkeypatch.setenv("OM_BASE_URL", shop.base_url)
        monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")
        *some, another = shop.order_ids
        with om.record("small.yaml") as client:
            client.orders(some)
        with om.replay("small") as client:
            found = client.orders(another) if endpoint == "order" else client.captures(another)
        line = found.failures[0].messages[0].partition("to record it: ")[2]
        exec(line, {"om": om})  # noqa: S102 - as a user would paste it
    with om.replay("small") as client:
        assert set(client.recorded_order_ids) == set(shop.order_ids)
        assert not client.orders(client.recorded_order_ids).failures
        assert bool(client.captures(another).failures) == (endpoint == "order")


@pytest.mark.usefixtures("folder")
def test_ids_can_be_masked_in_urls_and_bodies() -> None:
    with om.sandbox(30) as shop:
        options: dict[str, Any] = {"base_url": shop.base_url, "requests_per_second": None, "max_retries": 0}
        with om.record("masked.yaml", "kco_test_x", mask_ids=True, **options) as client:
            plain = client.orders([*shop.order_ids, "not-an-order"])
            client.captures(shop.order_ids)
    with om.replay("masked") as replayed:
        orders = replayed.orders(replayed.recorded_order_ids)
        captures = replayed.captures([order.order_id or "" for order in orders])
    assert set(replayed.recorded_order_ids) == {f"order_id-{number}" for number in range(1, 32)}
    assert [failure.kind for failure in orders.failures] == ["not_found"]
    assert {one.capture_id for one in captures} == {one.capture_id for one in orders.captures}
    assert om.key_figures(orders).equals(om.key_figures(plain))
    text = Path("cassettes", "masked.yaml").read_text("utf-8")
    ids = {"not-an-order", *plain.captures.to_polars()["capture_id"], *plain.tables().refunds["refund_id"]}
    for name in ("order_id", "klarna_reference", "merchant_reference1"):
        ids |= set(plain.to_polars()[name])
    assert len(ids) > 100
    assert not [value for value in ids if value and value in text]
    assert not re.search(r"correlation-id:\s+- (?!correlation_id-)", text)


@pytest.mark.usefixtures("folder")
def test_a_request_without_a_response_is_warned_of() -> None:
    with om.sandbox(20, faults={"reset": 0.3}) as shop:
        client = om.record("part.json", "kco_test_x", base_url=shop.base_url, max_retries=0)
        failed = client.orders(shop.order_ids).failures
        assert {failure.kind for failure in failed} == {"connection"}
        with pytest.warns(om.IncompleteRecording, match=rf"part\.json lacks {len(failed)} of 20 requests"):
            client.close()
    assert len(om.replay("part").recorded_order_ids) == 20 - len(failed)


@pytest.mark.usefixtures("folder")
def test_running_a_cell_twice_works() -> None:
    cell = """
client = om.record("cell.yaml", "kco_test_x", base_url=shop.base_url)
orders = client.orders(shop.order_ids)
client.close()
replay = om.replay("cell")
replayed = replay.orders(replay.recorded_order_ids)
"""
    with om.sandbox(5) as shop:
        names: dict[str, Any] = {"om": om, "shop": shop}
        for _ in range(2):
            exec(cell, names)  # noqa: S102 - as a notebook does
            assert sorted(names["replayed"].to_polars()["order_id"]) == sorted(shop.order_ids)


@pytest.mark.usefixtures("folder")
def test_plain_vcrpy_reads_the_file_for_our_client() -> None:
    recorded = record("plain.yaml", 10)
    with (
        vcr.use_cassette("cassettes/plain.yaml", record_mode="none", match_on=["method", "uri"]),
        om.Client("kco_test_x", workers=8, max_retries=0) as client,
    ):
        orders = client.orders([order.order_id or "" for order in recorded])
    assert orders.failures == ()
    assert len(orders) == 10


@pytest.mark.usefixtures("folder")
def test_a_cassette_of_plain_vcrpy_is_replayed() -> None:
    body = json.dumps({"order_id": "1", "order_amount": 5})
    response = {"status": {"code": 200, "message": "OK"}, "headers": {"Date": ["Thu, 01 Oct 2026 08:00:00 GMT"]}}
    request = {
        "method": "GET",
        "uri": "https://api.klarna.com/ordermanagement/v1/orders/1",
        "body": None,
        "headers": {},
    }
    interactions = [{"request": request, "response": response | {"body": {"string": body}}}]
    Path("made.json").write_text(json.dumps({"version": 1, "interactions": interactions}), "utf-8")
    with om.replay("made.json") as client:
        assert client.order("1").order_amount == 5
        assert client.recorded_order_ids == ("1",)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["gzip.yaml", "gzip.json"])
def test_a_plain_vcrpy_cassette_of_compressed_responses_is_replayed(name: str) -> None:
    with om.sandbox(5) as shop:
        serializer = name.partition(".")[2]
        with (
            vcr.use_cassette(name, serializer=serializer, decode_compressed_response=serializer == "json"),
            pytest.warns(om.UnscrubbedRecording, match=r"with the API key and personal data: use om\.vcr"),
        ):
            recorded = shop.orders(shop.order_ids).raise_for_failures()
    with om.replay(name) as client:
        assert list(client.orders(shop.order_ids)) == list(recorded)


@pytest.mark.usefixtures("folder")
def test_requests_to_other_hosts_and_methods_in_a_cassette_are_ignored(request: pytest.FixtureRequest) -> None:
    def interaction(uri: str, method: str = "GET", code: int = 200) -> dict[str, Any]:
        return {
            "request": {"method": method, "uri": uri, "body": None, "headers": {}},
            "response": {
                "status": {"code": code, "message": ""},
                "headers": {},
                "body": {"string": '{"order_id": "1"}'},
            },
        }

    ours = "http://127.0.0.1:9/ordermanagement/v1/orders/1"
    broken = {"request": interaction("https://api.github.com/y")["request"], "response": None}
    interactions = [broken, interaction("https://api.github.com/x"), interaction(ours), interaction(ours, "PATCH", 204)]
    Path("mixed.json").write_text(json.dumps({"version": 1, "interactions": interactions}), "utf-8")
    request.getfixturevalue("offline")
    with om.replay("mixed.json") as client:
        orders = client.orders(client.recorded_order_ids).raise_for_failures()
    assert [order.order_id for order in orders] == ["1"]
    assert orders.as_of is None  # the responses have no date, and today's says nothing about them


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"interactions": [{}]}', "null"])
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_file_that_is_not_a_cassette_is_named(text: str, suffix: str) -> None:
    Path(f"odd.{suffix}").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=rf"odd\.{suffix} is not a vcrpy cassette"):
        om.replay(f"odd.{suffix}")


@pytest.mark.usefixtures("folder")
def test_a_recording_of_errors_does_not_replace_one_of_orders() -> None:
    record("kept.json", 3)
    before = Path("cassettes/kept.json").read_bytes()
    with pytest.warns(om.IncompleteRecording, match=r"kept\.json was not changed: no order in 1 response"):
        record_refusals("kept.json", "one")
    assert Path("cassettes/kept.json").read_bytes() == before


def record_refusals(name: str, *order_ids: str) -> None:
    with om.sandbox(1) as shop, om.record(name, "kco_test_x", base_url=shop.base_url) as client:
        for order_id in order_ids:
            with pytest.raises(om.NotFound):
                client.order(order_id)


@pytest.mark.usefixtures("folder")
def test_a_recording_of_errors_replaces_one_of_errors() -> None:
    record_refusals("refused.yaml", "one")
    record_refusals("refused.yaml", "two", "three")
    assert om.replay("refused").recorded_order_ids == ("three", "two")


@pytest.mark.usefixtures("folder")
def test_a_client_that_is_not_closed_writes_its_recording_when_it_is_collected() -> None:
    with om.sandbox(3) as shop:
        client = om.record("late.yaml", "kco_test_x", base_url=shop.base_url)
        client.orders(shop.order_ids)
        del client
        gc.collect()
    assert len(om.replay("late").recorded_order_ids) == 3


@pytest.mark.usefixtures("folder")
def test_a_client_that_is_not_closed_does_not_overwrite_a_newer_recording() -> None:
    with om.sandbox(5) as shop:
        unclosed = [om.record("over.yaml", "kco_test_x", base_url=shop.base_url) for _ in range(2)]
        unclosed[0].order(shop.order_ids[0])
        with om.record("over.yaml", "kco_test_x", base_url=shop.base_url) as newer:
            newer.orders(shop.order_ids)
        with pytest.warns(om.IncompleteRecording, match=r"over\.yaml was written again since") as warned:
            unclosed.clear()
    assert len(warned) == 1
    assert len(om.replay("over").recorded_order_ids) == 5


@pytest.mark.usefixtures("folder")
def test_several_clients_can_write_one_recording_at_the_same_time() -> None:
    with om.sandbox(20) as shop:
        clients = [
            om.record("race.yaml", "kco_test_x", base_url=shop.base_url, requests_per_second=None) for _ in range(4)
        ]
        for client in clients:
            client.orders(shop.order_ids)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda client: client.close(), clients))
    assert len(om.replay("race").recorded_order_ids) == 20
    assert [path.name for path in Path("cassettes").iterdir()] == ["race.yaml"]


@pytest.mark.usefixtures("folder")
def test_a_recorded_order_is_found_in_any_case() -> None:
    with om.sandbox(2) as shop:
        first, second = shop.order_ids
        with om.record("case.yaml", "kco_test_x", base_url=shop.base_url) as client:
            client.order(first)
            client.captures([second])
    with om.replay("case") as client:
        assert client.recorded_order_ids == (first,)
        assert client.order(first) == client.order(first.upper())
        assert client.captures(second.upper()).failures == ()


@pytest.mark.usefixtures("folder")
def test_an_id_that_names_a_person_is_recorded_as_a_placeholder() -> None:
    with om.sandbox(1) as shop, om.record("mail.yaml", "kco_test_x", base_url=shop.base_url) as client:
        client.orders([*shop.order_ids, "ada@lovelace.se"])
    assert "lovelace" not in Path("cassettes", "mail.yaml").read_text("utf-8")
    (masked,) = {*om.replay("mail").recorded_order_ids} - {*shop.order_ids}
    assert re.fullmatch(r"person-\d@example\.com", masked)


@pytest.mark.usefixtures("folder")
def test_an_additional_order_changes_nothing_else_in_a_recording() -> None:
    with om.sandbox(3) as shop:
        for name, ids in (("two.yaml", shop.order_ids[:2]), ("all.yaml", shop.order_ids)):
            with om.record(name, "kco_test_x", base_url=shop.base_url) as client:
                client.orders(ids)
    two, three = (
        {request["request"]["uri"]: request["response"]["headers"] for request in yaml_of(name)["interactions"]}
        for name in ("two.yaml", "all.yaml")
    )
    assert two.items() <= three.items()
    assert not any("klarna-correlation-id" in headers for headers in three.values())


def yaml_of(name: str) -> Any:
    return yaml.safe_load(Path("cassettes", name).read_text("utf-8"))


@pytest.mark.usefixtures("folder")
def test_a_recording_that_cannot_be_written_is_kept_for_another_close() -> None:
    with om.sandbox(3) as shop:
        client = om.record("october.json", "kco_test_x", base_url=shop.base_url)
        client.orders(shop.order_ids)
        Path("cassettes/october.json").mkdir()
        with pytest.raises(OSError, match=r"october\.json"):
            client.close()
        Path("cassettes/october.json").rmdir()
        client.close()
    assert len(om.replay("october").recorded_order_ids) == 3


def test_the_error_for_an_unknown_recording_names_the_known_ones() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.*quickstart"):
        om.replay("nowhere")


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_shipped_recordings_are_what_the_sandbox_records(name: str, tmp_path: Path) -> None:
    record_shipped(name, tmp_path / name)
    hint = f"python tests/support/shipped_recordings.py records cassettes/{name} again"
    assert (tmp_path / name).read_bytes() == (CASSETTES / name).read_bytes(), hint


def test_every_shipped_recording_is_used() -> None:
    root = Path(__file__).parents[2]
    users = [*root.glob("tests/**/test_*.py"), *root.glob("notebooks/*.ipynb")]
    used = {name for user in users for name in re.findall(r'replay\(\\?"(\w+)', user.read_text("utf-8"))}
    assert {path.name for path in CASSETTES.iterdir()} == set(RECORDINGS)
    assert {path.stem for path in CASSETTES.iterdir()} <= used


def test_common_errors_can_be_replayed(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("offline")
    with om.replay("not_found") as client:
        orders = client.orders(client.recorded_order_ids)
    assert len(orders) == 3
    assert [(failure.kind, failure.error_code) for failure in orders.failures] == [("not_found", "NO_SUCH_ORDER")]
    with om.replay("rate_limited") as client:
        orders = client.orders(client.recorded_order_ids)
    assert len(orders) == 2
    assert [(failure.kind, failure.status) for failure in orders.failures] == [("rate_limited", 429)]
    with om.replay("wrong_credentials") as client, pytest.raises(om.Unauthorized):
        client.order(client.recorded_order_ids[0])


def test_the_quickstart_is_complete() -> None:
    with om.replay("quickstart") as client:
        assert len(client.recorded_order_ids) >= 200
        orders = client.orders(client.recorded_order_ids).raise_for_failures()
        assert client.orders(reversed(client.recorded_order_ids)).as_of == orders.as_of
    assert {order.status for order in orders} >= {
        "AUTHORIZED",
        "PART_CAPTURED",
        "CAPTURED",
        "CANCELLED",
        "EXPIRED",
        "CLOSED",
    }
    assert len({(order.purchase_currency or "").upper() for order in orders}) == 4
