"""No personal value of a shop, and no credential, appears in anything that is written or printed.

Every personal field and credential of the shop is a marker. Each stage uses fetched orders in one way and yields all
that can be read afterwards, compressed files decompressed. A stage that can show personal data is also run with
`personal=True`, to prove that a marker would be seen.
"""

from __future__ import annotations

import json
import re
import traceback
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import vcr
from executed_notebooks import NOTEBOOKS, export, read
from personal_fields import AT_A_PLACE, PERSONAL
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.orders.parsing import read_order
from om_toolkit.tables.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from om_toolkit.synthetic.sandbox import SandboxClient

MARKER = re.compile(r"mark\d|777777777\d", re.IGNORECASE)
KEY = "kco_test_MARK1secret"
PLACES = {path.rpartition(".")[2] for path in AT_A_PLACE}


def marked(document: Any, number: Iterator[int], path: str = "") -> Any:
    """Put a marker in every personal field, and add unknown fields with markers, at every depth."""
    if isinstance(document, list):
        return [marked(item, number, path) for item in document]
    if isinstance(document, dict):
        changed = {name: marked(item, number, f"{path}.{name}".lstrip(".")) for name, item in document.items()}
        unknown = {"sent_by": f"MARK{next(number)}", f"MARK{next(number)}": 1}
        unknown["points"] = int(f"777777777{next(number)}")
        nested = {f"mark{next(number)}@home.se": [f"MARK{next(number)}", {"MARK1": 77777777701.5}]}
        return changed | unknown | {"loyalty": nested}
    name = path.rpartition(".")[2]
    if name in PERSONAL or (name in PLACES and "location" in path and isinstance(document, str)):
        forms = {"email": "mark{}@home.se", "tracking_uri": "https://track.se/MARK{}"}
        return forms.get(name, "MARK{}").format(next(number))
    return document


@dataclass
class Fetched:
    """The input of a stage."""

    shop: SandboxClient
    orders: om.Orders
    folder: Path


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetched]:
    monkeypatch.chdir(tmp_path)
    number = count(1000)
    with om.sandbox(40) as shop:
        for order_id in shop.order_ids:
            shop.shop._bodies[order_id] = json.dumps(marked(shop.shop.answer(order_id), number)).encode()
        monkeypatch.setenv("OM_BASE_URL", shop.base_url)
        monkeypatch.setenv("OM_API_KEY", KEY)
        with om.Client(requests_per_second=None) as client:
            yield Fetched(shop, client.orders(shop.order_ids).raise_for_failures(), tmp_path)


def raised(call: Callable[[], object]) -> str:
    """Return the traceback of the exception that a call raises, with the variables of all frames except the test's."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - any exception is searched
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in seen.stack:
            if frame.filename == __file__:
                frame.locals = None
        return "".join(seen.format())
    pytest.fail("the call raised nothing")


def seen(value: object) -> Iterator[str]:
    """Yield everything that a terminal and a notebook show of an object."""
    yield repr(value)
    yield str(value)
    for name in ("_repr_html_", "_repr_mimebundle_", "_repr_png_"):
        if hasattr(value, name):
            yield str(getattr(value, name)())


def record(start: Fetched, *, personal: bool) -> Iterator[str]:  # noqa: ARG001 - a recording never contains personal data
    with om.record("one.yaml", requests_per_second=None) as ours, om.record("two.json", mask_ids=True) as masked:
        ours.orders([*start.shop.order_ids, "unknown"])
        ours.captures(start.shop.order_ids)
        masked.order(start.shop.order_ids[0])
    with om.vcr.use_cassette("cassettes/three.yaml"):
        start.shop.order(start.shop.order_ids[0])
    for path in (start.folder / "cassettes").iterdir():
        serializer = vcr.VCR().serializers[path.suffix[1:]]
        yield path.read_text("utf-8")
        yield from (
            str(response) for response in vcr.cassette.Cassette.load(path=path, serializer=serializer).responses
        )
        with om.replay(path) as client:
            yield from seen(client)
            yield raised(lambda client=client: client.order("not recorded"))  # type: ignore[misc]
            yield from tables_as_text(client.orders(client.recorded_order_ids).tables(personal=True))
    (start.folder / "cassettes" / "four.yaml").mkdir()
    broken = om.record("four.yaml")
    broken.order(start.shop.order_ids[0])
    yield raised(broken.close)
    (start.folder / "cassettes" / "four.yaml").rmdir()
    broken.close()
    (start.folder / "folder").touch()
    yield raised(lambda: record_with_vcr("folder/five.yaml", start))


def record_with_vcr(path: str, start: Fetched) -> None:
    with om.vcr.use_cassette(path):
        start.shop.order(start.shop.order_ids[0])


def tables_as_text(tables: om.Tables[pl.DataFrame]) -> Iterator[str]:
    for table in (getattr(tables, name) for name in SCHEMAS):
        yield table.write_ndjson()


def parquet(start: Fetched, *, personal: bool) -> Iterator[str]:
    start.orders.tables(personal=personal).write_parquet("tables")
    for file in (start.folder / "tables").rglob("*.parquet"):
        yield file.read_bytes().decode("latin-1")
    yield from tables_as_text(om.Tables.read_parquet("tables"))
    saved = start.folder / "saved.ndjson"
    saved.write_bytes(b"\n".join(map(start.shop.shop.body, start.shop.order_ids)))
    yield from tables_as_text(om.read_tables(saved, personal=personal))
    saved.unlink()
    yield raised(lambda: start.orders.tables(personal=personal).write_parquet("tables/orders/part-0.parquet"))


def shown(start: Fetched, *, personal: bool) -> Iterator[str]:
    orders = start.orders
    tables = orders.tables(personal=personal)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=1000):
        for value in (orders, orders.captures, orders.drift, tables, *(table for _, table in tables.items())):
            yield from seen(value)
    for order in orders:
        parts = [order, order.customer, order.billing_address, order.selected_shipping_option, *order.captures]
        parts += [order.initial_payment_method, *order.order_lines, *order.shipping_info, *order.refunds]
        for part in parts:
            yield from seen(part)
        for capture in order.captures:
            for below in (*capture.shipping_info, *capture.order_lines, capture.shipping_address):
                yield from seen(below)
        yield order.to_polars(personal=personal).write_ndjson()
    with om.Client() as client:
        yield from seen(client)
    explorer = om.explore(tables)
    for tab in explorer.tab.options:
        explorer.tab.value = tab
        yield from seen(explorer)
        yield explorer.frame.write_ndjson()
    explorer.search.value = tables.orders["order_id"][0]
    yield from seen(explorer)


def archived(start: Fetched, *, personal: bool) -> Iterator[str]:
    """Fetch into an archive, change an order, and yield everything that the archive contains and shows."""
    first, *_ = start.shop.order_ids
    with om.Archive("shop.archive", personal=personal) as archive, om.Client(requests_per_second=None) as client:
        client.orders(start.shop.order_ids, archive=archive)
        changed = start.shop.shop.answer(first)
        changed["billing_address"] |= {"city": "MARK7", "nickname": "MARK8"}
        changed["status"] = "CLOSED"
        archive.add(first, read_order(json.dumps(changed)), start.orders.as_of)
        kept = archive.orders()
        yield from seen(kept)
        yield from (order.model_dump_json() for order in kept)
        yield from seen(archive)
        yield from seen(archive.tables())
        yield archive.changes(personal=personal).write_ndjson()
        archive.export_parquet("archived", personal=personal)
        if not personal:
            yield raised(lambda: archive.changes(personal=True))
    yield raised(archive.orders)
    yield raised(lambda: archive.add(first, start.orders[0], None))


def report(start: Fetched, *, personal: bool) -> Iterator[str]:  # noqa: ARG001 - a report never contains personal data
    made = om.Report(start.orders.tables(personal=True), min_cell=1)
    yield from seen(made)
    yield made.save("report.html").read_text("utf-8")
    yield raised(lambda: made.save("nowhere/report.html"))


def exceptions(start: Fetched, *, personal: bool) -> Iterator[str]:  # noqa: ARG001 - an exception never contains personal data
    body = start.shop.shop.answer(start.shop.order_ids[0])
    person = body["billing_address"]
    wrong = [
        body | {"order_amount": "MARK1", "captures": "MARK2"},
        body | {"order_amount": person, "created_at": "MARK3", "billing_address": ["MARK4"]},
        body | {"customer": "MARK5", "locale": person, "refunds": [{"refunded_amount": "mark6@home.se"}]},
        body | {"captures": [{"captured_amount": [person], "captured_at": person, "shipping_info": person}]},
    ]
    for document in wrong:
        orders = om.Orders.from_json(json.dumps([document]))
        yield from seen(orders)
        yield raised(orders.raise_for_failures)
    yield from seen(om.Orders.from_json(f"{json.dumps(body)[:-30]}"))
    with om.Client(requests_per_second=None, max_retries=0) as client:
        start.shop.shop._bodies["odd"] = json.dumps(wrong[0]).encode()
        yield raised(lambda: client.order("odd"))
        yield raised(lambda: client.order("unknown"))
        yield raised(client.__getstate__)
        start.shop.close()
        yield raised(lambda: client.order("odd"))
    yield raised(lambda: om.Client(KEY, base_url="http://mark.se"))
    mistyped = KEY.replace("secret", " secret")
    yield raised(lambda: om.Client(mistyped))


STAGES = {
    "record": record,
    "archived": archived,
    "parquet": parquet,
    "shown": shown,
    "report": report,
    "exceptions": exceptions,
}
PERSONAL_STAGES = {
    "archived": {"email", "street_address", "vat_id"},
    "parquet": PERSONAL - {"user_input"},
    "shown": {"email", "street_address", "vat_id", "merchant_data"},
}
"""The stages that show personal data with `personal=True`, and fields that must be visible there."""


def found(texts: Iterable[str]) -> list[str]:
    return [text[max(0, one.start() - 60) : one.end() + 20] for text in texts for one in MARKER.finditer(text)]


@pytest.mark.parametrize("stage", STAGES)
def test_no_marker_is_in_anything_written_or_printed(
    stage: str, fetched: Fetched, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(0):
        texts = list(STAGES[stage](fetched, personal=False))
    assert texts
    assert found([*texts, *capfd.readouterr(), caplog.text]) == []
    files = [file for file in fetched.folder.rglob("*") if file.is_file()]
    assert found(file.read_bytes().decode("latin-1") for file in files) == []
    assert om.privacy.scan(fetched.folder).is_empty()


@pytest.mark.parametrize("stage", sorted(PERSONAL_STAGES))
def test_the_markers_are_visible_with_personal_true(stage: str, fetched: Fetched) -> None:
    texts = list(STAGES[stage](fetched, personal=True))
    seen_fields = {
        name for text in texts for name in PERSONAL if re.search(rf'{name}":"[^"]*mark\d', text, re.IGNORECASE)
    }
    assert seen_fields >= PERSONAL_STAGES[stage]


@pytest.mark.slow
def test_a_scrubbed_recording_gives_the_same_tables_and_metrics(fetched: Fetched) -> None:
    with om.record("same.json", requests_per_second=None) as client:
        client.orders(fetched.shop.order_ids)
    with om.replay("same") as client:
        orders = client.orders(fetched.shop.order_ids)
    assert found(map(str, orders.to_polars(personal=True).rows())) == []
    for name in SCHEMAS:
        assert_frame_equal(getattr(orders.tables(), name), getattr(fetched.orders.tables(), name), check_exact=True)
    for metric in (
        om.capture_latency,
        om.capture_curve,
        om.refund_curve,
        om.refund_ratio,
        om.shipping_methods,
        om.carriers,
        om.time_to_refund,
    ):
        for by in ("purchase_country", []):
            assert_frame_equal(metric(orders, by=by), metric(fetched.orders, by=by), check_exact=True)
    for figures in (om.key_figures, om.expiring, om.at_risk, om.audit):
        assert_frame_equal(figures(orders), figures(fetched.orders), check_exact=True)
    assert orders.as_of == fetched.orders.as_of
    assert om.Report(orders).html == om.Report(fetched.orders).html


NOTEBOOK = """
import om_toolkit as om
client = om.Client(requests_per_second=None)
orders = client.orders(open("ids.txt").read().split())
orders
"""


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True], ids=["whole", "with an exception"])
def test_no_marker_is_in_an_executed_notebook(fails: bool, fetched: Fetched) -> None:  # noqa: FBT001 - pytest passes it
    from nbclient import NotebookClient  # noqa: PLC0415 - slow to load
    from nbclient.exceptions import CellExecutionError  # noqa: PLC0415 - slow to load

    (fetched.folder / "ids.txt").write_text("\n".join(fetched.shop.order_ids))
    if fails:
        broken = fetched.shop.shop.answer(fetched.shop.order_ids[0]) | {"order_amount": "MARK1", "captures": "MARK2"}
        fetched.shop.shop._bodies[fetched.shop.order_ids[0]] = json.dumps(broken).encode()
    notebook = read(NOTEBOOKS[0])
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = NOTEBOOK + "%xmode Verbose\norders.raise_for_failures()"
    runner = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(fetched.folder)}})
    if fails:
        with pytest.raises(CellExecutionError) as caught:
            runner.execute()
        assert "captures: expected an array" in str(caught.value)
        assert found([str(caught.value)]) == []
    else:
        runner.execute()
    assert found([json.dumps(notebook), export(notebook)]) == []
