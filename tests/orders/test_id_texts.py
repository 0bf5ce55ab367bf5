"""Order ids in text: CSV of any kind, one id per line, settlement files, webhooks; nothing personal in a message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import om_toolkit as om
from om_toolkit.orders.id_files import order_ids_in, read_order_ids


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        "a-1\nb-2\n",
        "order_id\na-1\nb-2",
        "id\n a-1 \n\nb-2\n",
        "\ufefforder_id\r\na-1\r\nb-2\r\n",
        "name,Order ID\nx,a-1\ny,\nz,b-2\n",
        "name;order_id;total\nx;a-1;1,5\nz;b-2;2\n",
        "name\torder_id\nx\ta-1\nz\tb-2\n",
        'order_id,note\na-1,"one, two"\nb-2,"three\nfour"\n',
        "\n\nnumber;order_id\n1;a-1\n2;b-2\n",
        "sep=;\r\nnumber;order_id\r\n1;a-1\r\n2;b-2\r\n",
        "note,order_id\na\u2028b,a-1\nc\x85d,b-2\n",
    ],
)
def test_order_ids_are_read_with_any_delimiter(content: str) -> None:
    Path("ids.csv").write_text(content, "utf-8", newline="")
    assert read_order_ids(Path("ids.csv")) == ["a-1", "b-2"]


def test_the_column_can_be_named() -> None:
    Path("ids.csv").write_text("order_id,transaction_id\n1,a-1\n2,b-2\n", "utf-8")
    assert read_order_ids(Path("ids.csv"), "Transaction ID") == ["a-1", "b-2"]
    with pytest.raises(
        ValueError,
        match="no column 'klarna', only order_id, transaction_id; name the column of order ids with --column",
    ):
        read_order_ids(Path("ids.csv"), "klarna")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "--column"),
        (b"", "is empty; write"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'order_id,note\na-1,"x\nb-2,y\n', "not a valid CSV file"),
    ],
)
def test_a_file_without_clear_ids_is_refused(content: bytes, message: str) -> None:
    Path("ids.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_order_ids(Path("ids.csv"))


@pytest.mark.parametrize(
    "heading",
    [
        "order_id",
        "Order-ID",
        "klarna_order_id",
        "_klarna_order_id",
        "_wc_klarna_order_id",
        "Klarna Order ID",
        "FCKUSTOM_ORDERID",
        "transaction_id",
        "data.order_id",
    ],
)
def test_usual_headings_are_recognized(heading: str) -> None:
    assert order_ids_in(f"number,{heading},total\n1,a-1,5\n2,b-2,6\n".encode(), "ids.csv") == ["a-1", "b-2"]


@pytest.mark.parametrize(
    ("head", "rows", "expected"),
    [
        ("order_id,klarna_order_id", "a-1,b-2", "klarna_order_id"),
        ("order_id,transaction_id", "1001,b-2", "transaction_id"),
        ("order_id,transaction_id", "b-2,1001", "order_id"),
        ("transaction_id,order_id", "c-3,b-2", "order_id"),
        ("order_id,transaction_id", "#1001,2002", "order_id"),
    ],
)
def test_of_several_columns_the_likeliest_is_read_and_named(head: str, rows: str, expected: str) -> None:
    with pytest.warns(om.OMWarning, match=f"are read from {expected}. Choose another with --column"):
        found = order_ids_in(f"{head}\n{rows}\n".encode(), "ids.csv")
    assert found == [rows.split(",")[head.split(",").index(expected)]]


def test_a_column_of_order_numbers_is_read_if_there_is_no_other() -> None:
    assert order_ids_in(b"order_id;total\n1001;5\n", "ids.csv") == ["1001"]


@pytest.mark.parametrize(
    ("column", "suggestion"), [("ordr_nr", "Order Nr."), ("orderid", "order_uuid"), ("NUMER", "number")]
)
def test_a_typo_gets_the_nearest_name(column: str, suggestion: str) -> None:
    content = f"{suggestion},customer\nx,y\n".encode()
    with pytest.raises(
        ValueError, match=f"no column '{column}', only {suggestion}, customer; did you mean '{suggestion}'"
    ):
        order_ids_in(content, "ids.csv", column)


@pytest.mark.parametrize("column", [None, "klarna"])
def test_cells_are_not_shown_as_headings(column: str | None) -> None:
    content = b"1;ada@lovelace.se;Stockholm\n2;19811218-9876;Uppsala\n"
    with pytest.raises(ValueError, match="no row of headings; add one, such as order_id") as refused:
        order_ids_in(content, "ids.csv", column)
    assert not any(word in str(refused.value) for word in ("ada", "1981", "Stockholm"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows_are_read(encoding: str) -> None:
    assert order_ids_in("Käufer;order_id\r\nÅsa;a-1\r\n".encode(encoding), "ids.csv") == ["a-1"]


@pytest.mark.parametrize("content", ["order_id\r\na-1\r\n".encode("utf-32"), b"a-1\nb\0\n", b"\x81\x8d"])
def test_what_is_not_text_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is not text in UTF-8; save it as CSV in UTF-8"):
        order_ids_in(content, "ids.csv")


def test_latin_1_is_read_with_a_warning() -> None:
    content = "Käufer;order_id\r\nÅsa;a-1\r\n".encode("latin-1")
    with pytest.warns(om.OMWarning, match=r"ids.csv is not UTF-8 and was read as Latin-1"):
        assert order_ids_in(content, "ids.csv") == ["a-1"]


SETTLEMENT = """\
merchant_id;currency;total_sale_amount;total_fee_amount
K123456;EUR;100.00;2.50

{head}
SALE;{ids[0]};c-1;2026-10-01;40.00
SALE;{ids[1]};c-2;2026-10-02;60.00
FEE;{ids[1]};;2026-10-02;-2.50
RETURN;{ids[0]};c-1;2026-10-05;-10.00
FEE;;;2026-10-05;-1.00
"""


@pytest.mark.parametrize(
    ("head", "column"),
    [
        ("type;order_id;capture_id;sale_date;amount", None),
        ("Art;Bestellung;Beleg;Datum;Betrag", "bestellung"),
        ("Art;klarna_order_id;Beleg;Datum;Betrag", None),
    ],
)
def test_a_settlement_file_is_read_below_its_summary_with_a_warning(head: str, column: str | None) -> None:
    content = SETTLEMENT.format(head=head, ids=["a-1", "b-2"]).encode("utf-8-sig")
    with pytest.warns(om.OMWarning, match="settlement file, which lists captured orders only: .* are biased"):
        found = order_ids_in(content, "settlement.csv", column)
    assert found == ["a-1", "b-2", "b-2", "a-1"]
    without_summary = content.partition(b"\n\n")[2]
    if column is None and head.startswith("type"):
        with pytest.warns(om.OMWarning, match="settlement file"):
            assert order_ids_in(without_summary, "settlement.csv") == found


def test_renamed_headings_of_a_settlement_file_are_listed() -> None:
    content = SETTLEMENT.format(head="Art;Bestellung;Beleg;Datum;Betrag", ids=["a-1", "b-2"])
    with pytest.raises(
        ValueError, match="no column of order ids, only Art, Bestellung, Beleg, Datum, Betrag; name the"
    ):
        order_ids_in(content.encode(), "settlement.csv")


def webhook(order_id: str | None, **more: object) -> str:
    data = {"order_id": order_id} if order_id else {"token": "x"}
    return json.dumps(
        {"id": "event", "type": "order.captured", "timestamp": 1_761_912_000_000_000_000, "data": data} | more
    )


@pytest.mark.parametrize(
    "content",
    [
        "\n".join([webhook("a-1"), webhook("b-2", shop="z"), webhook(None)]),
        "\ufeff" + "\r\n".join([webhook("a-1"), "", webhook("b-2")]),
        f"[{webhook('a-1')}, {webhook('b-2')}]",
        json.dumps([json.loads(webhook("a-1")), json.loads(webhook("b-2"))], indent=2),
        '["a-1", "b-2"]',
        '{"order_id": "a-1", "status": "CAPTURED"}\n{"order_id": "b-2"}',
    ],
)
def test_order_ids_are_read_from_webhooks_and_other_json(content: str) -> None:
    assert order_ids_in(content.encode(), "dump.ndjson") == ["a-1", "b-2"]


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (webhook("a-1") + '\n{"data": {"order_id": "b', None, "document 2 of dump.ndjson is not valid JSON"),
        (webhook(None), None, "dump.ndjson has no order ids; expected data.order_id, as in webhooks"),
        (webhook("a-1"), "order_id", "dump.ndjson is JSON and has no columns; leave out --column"),
    ],
)
def test_json_without_clear_ids_is_refused(content: str, column: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        order_ids_in(content.encode(), "dump.ndjson", column)
