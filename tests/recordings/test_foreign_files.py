"""Files that are not ours: what cannot be decoded is not overwritten, and what other libraries recorded is skipped."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import vcr
import yaml

import om_toolkit as om
from om_toolkit.api.transport import Request, Response, Transport

ORDER_URL = "https://api.kustom.co/ordermanagement/v1/orders/o1"
BODY = '{"order_id":"o1","order_amount":5}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class OneOrder(Transport):
    """Responds with one order to every request."""

    base_url = "https://proxy.example/tenant/jane.doe@work.se"

    def get(self, request: Request) -> Response:
        return Response(200, {}, json.dumps({"order_id": request.path.rpartition("/")[2]}).encode())


def interaction(uri: Any = ORDER_URL, body: Any = BODY, **response: Any) -> dict[str, Any]:
    request = {"method": "GET", "uri": uri, "body": None, "headers": {}}
    normal = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": body}}
    return {"request": request, "response": normal | response}


def save(path: str, *interactions: Any) -> Path:
    file = Path(path)
    cassette = {"version": 1, "interactions": list(interactions)}
    text = json.dumps(cassette) if path.endswith("json") else yaml.dump(cassette)
    file.write_text(text, "utf-8")
    return file


WHOLE = yaml.dump({"version": 1, "interactions": [interaction() for _ in range(20)]}).encode()
UNREADABLE = {
    "not UTF-8": WHOLE.replace(b"Kustom", b"").replace(b"order_amount", b"order\xffamount", 1),
    "UTF-16": WHOLE.decode().encode("utf-16"),
    "truncated in a line": WHOLE[: len(WHOLE) // 2],
    "truncated after an interaction": WHOLE[: WHOLE.index(b"- request", len(WHOLE) // 2)],
    "truncated before the version": WHOLE[: WHOLE.index(b"version")],
    "settings": b"debug: true\n",
    "text": b"my notes",
    "null bytes": bytes(100),
    "an old cassette": yaml.dump([interaction()]).encode(),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("name", ["kept.yaml", "kept.yml"])
def test_a_file_that_cannot_be_decoded_is_refused_and_not_changed(name: str, content: bytes) -> None:
    path = Path(name)
    path.write_bytes(content)
    path.touch()
    refused = pytest.raises(ValueError, match=rf"{name} is not a vcrpy cassette \(.*\)")
    with refused:
        om.replay(path)
    with refused, om.vcr.use_cassette(name):
        pytest.fail("it was opened")
    plain = vcr.VCR(record_mode="all")
    plain.register_persister(om.vcr_persister)
    with refused, plain.use_cassette(name):
        pytest.fail("it was opened")
    with pytest.raises(ValueError, match=r"and was not changed; use another name, or delete it"):
        om.record(path.absolute(), transport=OneOrder())
    assert path.read_bytes() == content


def test_a_file_that_appears_while_recording_is_not_replaced() -> None:
    client = om.record("october", transport=OneOrder())
    client.order("o1")
    path = Path("cassettes", "october.yaml")
    path.write_text("my notes")
    with pytest.raises(ValueError, match="was not changed"):
        client.close()
    assert path.read_text() == "my notes"
    path.unlink()
    client.close()
    assert om.replay("october").recorded_order_ids == ("o1",)


def test_an_empty_file_is_replaced() -> None:
    path = Path("cassettes", "empty.yaml")
    path.parent.mkdir()
    path.touch()
    with om.record("empty", transport=OneOrder()) as client:
        client.order("o1")
    assert om.replay("empty").recorded_order_ids == ("o1",)


OTHERS = {
    "gzip magic only": interaction("https://shop.example/logo.gz", b"\x1f\x8bnot gzip at all"),
    "binary": interaction("https://shop.example/logo", b"\xff\xfe\x00"),
    "old httpx": interaction("https://x.example/") | {"response": {"content": "ok", "status_code": 200}},
    "no response": {"request": interaction("https://x.example/")["request"]},
    "response is null": interaction("https://x.example/") | {"response": None},
    "body is a number": interaction("https://x.example/", 5),
    "no request": {"response": {}},
    "request is text": {"request": "GET", "response": {}},
    "address is a number": interaction(5),
    "address is invalid": interaction("https://[::1/ordermanagement/v1/orders/o2"),
    "a list": [1],
    "null": None,
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_other_interactions_are_skipped_in_any_state(other: str) -> None:
    save("mixed.yaml", OTHERS[other], interaction(), OTHERS[other])
    with om.replay("mixed.yaml") as client:
        assert client.recorded_order_ids == ("o1",)
        assert client.order("o1").order_amount == 5
    with om.vcr.use_cassette("mixed.yaml"), om.Client("kco_test_x") as client:
        assert client.order("o1").order_amount == 5


@pytest.mark.parametrize(
    "tag", ["!!python/object:os.system", "!!python/object/apply:os.getcwd", "!mine", "!!python/unicode"]
)
def test_unknown_tags_are_read_as_plain_values(tag: str) -> None:
    path = save("tags.yaml", interaction("https://shop.example/x", "PLAIN"), interaction())
    path.write_text(path.read_text().replace("PLAIN", f"{tag} text").replace("body: null", f"body: {tag} {{}}"))
    assert om.replay(path).recorded_order_ids == ("o1",)


def test_our_response_in_the_old_form_of_httpx_is_replayed() -> None:
    old = {
        "content": BODY,
        "headers": {"date": ["Thu, 01 Oct 2026 08:00:00 GMT"]},
        "http_version": "HTTP/1.1",
        "status_code": 200,
    }
    save("old.yaml", interaction() | {"response": old})
    with om.replay("old.yaml") as client:
        assert client.orders("o1").as_of is not None
    with om.vcr.use_cassette("old.yaml"), om.Client("kco_test_x") as client:
        assert client.order("o1").order_amount == 5


@pytest.mark.parametrize("name", ["binary.yaml", "binary.json"])
def test_a_compressed_response_is_replayed_within_bounds(name: str) -> None:
    bomb = gzip.compress(b'{"order_id":"o2","x":"' + bytes(70_000_000) + b'"}')
    bodies = {
        "o1": gzip.compress(BODY.encode()),
        "o2": bomb,
        "o3": b"\x1f\x8bnot gzip",
        "o4": gzip.compress(b"{}")[:-9],
    }
    if name.endswith("json"):
        bodies = {"o1": BODY.encode()}
    save(name, *(interaction(ORDER_URL.replace("o1", key), body if name.endswith("yaml") else body.decode())
                 for key, body in bodies.items()))  # fmt: skip
    with om.replay(name) as client:
        orders = client.orders(client.recorded_order_ids)
    assert [order.order_id for order in orders] == ["o1"]
    assert [(failure.order_id, failure.kind) for failure in orders.failures] == [
        (key, "invalid_body") for key in list(bodies)[1:]
    ]


@pytest.mark.parametrize("change", [{"status": None}, {"headers": None}, {"body": None}, {"body": {"string": None}}])
def test_our_response_that_is_incomplete_is_an_error(change: dict[str, Any]) -> None:
    save("part.yaml", interaction(**change))
    with pytest.raises(ValueError, match=r"part\.yaml: the response with an order is incomplete"):
        om.replay("part.yaml")


def test_a_cassette_with_other_interactions_is_not_replaced() -> None:
    path = save("mixed.yaml", interaction("https://shop.example/x"), interaction())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"mixed\.yaml contains 1 recorded request to other APIs and was not changed"):
        om.record(path.absolute(), transport=OneOrder())
    refused = pytest.raises(ValueError, match="was not changed")
    for mode in ("new_episodes", "all"):
        with refused, om.vcr.use_cassette("mixed.yaml", record_mode=mode):
            pytest.fail("it was opened")
    with refused:
        om.vcr_persister.save_cassette("mixed.yaml", {"requests": [], "responses": []}, None)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["yml", "YML", "yaml", "json", "JSON"])
def test_each_suffix_is_written_and_found(suffix: str) -> None:
    with om.record(f"october.{suffix}", transport=OneOrder()) as client:
        client.order("o1")
    assert [path.name for path in Path("cassettes").iterdir()] == [f"october.{suffix}"]
    assert om.replay(f"october.{suffix}").recorded_order_ids == ("o1",)
    if suffix.islower():
        assert om.replay("october").recorded_order_ids == ("o1",)
    with om.sandbox(1) as shop, om.vcr.use_cassette(f"november.{suffix}"):
        shop.order(shop.order_ids[0])
    assert om.replay(f"november.{suffix}").recorded_order_ids == shop.order_ids
    assert Path(f"november.{suffix}").read_text().startswith("{" if suffix.lower() == "json" else "interactions")


def test_a_path_of_the_base_url_is_not_recorded() -> None:
    with om.record("proxy", transport=OneOrder()) as client:
        client.order("o1")
    text = Path("cassettes", "proxy.yaml").read_text("utf-8")
    assert "uri: https://proxy.example/ordermanagement/v1/orders/o1" in text
    assert "jane" not in text
    with (
        om.vcr.use_cassette("cassettes/proxy.yaml"),
        om.Client("x", base_url=OneOrder.base_url.replace("@", "%40")) as again,
    ):
        assert again.order("o1").order_id == "o1"


def test_the_persister_masks_what_another_vcr_records() -> None:
    """As pytest-recording uses it: an instance of vcrpy with options of its own."""
    plain = vcr.VCR(record_mode="once")
    plain.register_persister(om.vcr_persister)
    with om.sandbox(3) as shop:
        with plain.use_cassette("plain.yaml"):
            recorded = shop.orders(shop.order_ids).raise_for_failures()
            shop.captures(shop.order_ids)
        with plain.use_cassette("plain.yaml", allow_playback_repeats=True, match_on=["method", "path"]):
            replayed = shop.orders(shop.order_ids).raise_for_failures()
    text = Path("plain.yaml").read_text("utf-8")
    assert "authorization" not in text.lower()
    assert not [
        one for order in recorded if (one := order.billing_address and order.billing_address.email) and one in text
    ]
    assert [order.order_amount for order in replayed] == [order.order_amount for order in recorded]
    assert om.replay("plain.yaml").recorded_order_ids == tuple(sorted(shop.order_ids))
    assert om.privacy.scan("plain.yaml").is_empty()
