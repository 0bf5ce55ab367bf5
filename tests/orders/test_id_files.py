"""Order ids in Excel files: the same rules as for CSV, and nothing that Excel has changed."""

from __future__ import annotations

import builtins
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import om_toolkit as om
from om_toolkit import cli
from om_toolkit.orders.id_files import read_order_ids


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_ids(*sheets: list[list[Any]], name: str = "ids.xlsx") -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(name)
    return Path(name)


@pytest.mark.parametrize(
    "rows",
    [
        [["a-1"], ["b-2"]],
        [["order_id"], ["a-1"], ["b-2"]],
        [["id"], [" a-1 "], [None], ["#N/A"], ["b-2"]],
        [["name", "Order ID"], ["x", "a-1"], ["y", None], ["z", "b-2"]],
        [[None, None], ["number", "order_id"], [1, "a-1"], [2.5, "b-2"]],
        [[None, "at", "order_id"], [None, datetime(2026, 1, 1), "a-1"], [None, True, "b-2"]],  # noqa: DTZ001 - as in Excel
    ],
)
def test_order_ids_are_read_from_excel(rows: list[list[Any]]) -> None:
    assert read_order_ids(write_ids(rows)) == ["a-1", "b-2"]


def test_the_column_can_be_named() -> None:
    path = write_ids([["order_id", "transaction_id"], ["1", "a-1"], ["2", "b-2"]])
    assert read_order_ids(path, "Transaction ID") == ["a-1", "b-2"]
    with pytest.raises(ValueError, match="no column 'klarna', only order_id, transaction_id; name the column of order"):
        read_order_ids(path, "klarna")


def test_the_first_sheet_with_the_column_is_read() -> None:
    path = write_ids([], [["note", "sum"], ["x", 5]], [["n", "order_id"], [1, "a-1"]], [["order_id"], ["b-2"]])
    assert read_order_ids(path) == ["a-1"]
    with pytest.raises(ValueError, match="no column 'other', only note, sum"):
        read_order_ids(path, "other")


@pytest.mark.parametrize("text", ["007", "1234567890123456789", "20260101", "2026-01-01", "true", "1.5", "1E5"])
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert read_order_ids(write_ids([["order_id"], [text]])) == [text]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (1.23e15, "1230000000000000"),
        (1.23e20, "123000000000000000000"),
        (7, "7"),
        (0.5, "0.5"),
        (datetime(2026, 3, 1), "2026-03-01 00:00:00"),  # noqa: DTZ001 - as in Excel
        (True, "true"),
        ("1.23E+15", "1.23E+15"),
    ],
)
@pytest.mark.parametrize("heading", [[], [["order_id"]]])
def test_what_excel_made_of_an_id_is_refused(cell: Any, shown: str, heading: list[list[Any]]) -> None:
    path = write_ids([*heading, ["a-1"], [cell]])
    with pytest.raises(ValueError, match="format the column as text in Excel and paste the ids again") as refused:
        read_order_ids(path)
    assert f"ids.xlsx has the order id {shown} as a number or date, not as text" in str(refused.value)


@pytest.mark.parametrize("rounded", ["1.23E+15", "1,23E+15", "4E+20"])
def test_what_excel_saved_as_csv_is_refused_as_well(rounded: str) -> None:
    Path("ids.csv").write_text(f"order_id;n\na-1;1\n{rounded};2\n", "utf-8")
    with pytest.raises(ValueError, match="paste the ids again"):
        read_order_ids(Path("ids.csv"))


@pytest.mark.parametrize("content", [b"", b"order_id\na-1\n", b"PK\x03\x04"])
def test_a_file_that_is_not_excel_is_refused(content: bytes) -> None:
    Path("ids.xlsx").write_bytes(content)
    with pytest.raises(ValueError, match=r"ids.xlsx is not a valid Excel file.*; save it again as .xlsx"):
        read_order_ids(Path("ids.xlsx"))


def test_a_file_without_clear_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="is empty; write one order id per row"):
        read_order_ids(write_ids([], [[None, " "]]))
    with pytest.raises(ValueError, match="--column"):
        read_order_ids(write_ids([["a", "b"], [1, 2]]))
    with pytest.raises(FileNotFoundError):
        read_order_ids(Path("nowhere.xlsx"))


def test_the_orders_table_that_the_package_wrote_can_be_read_back() -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    orders.tables().write_excel("shop.xlsx")
    assert sorted(read_order_ids(Path("shop.xlsx"))) == sorted(orders.to_polars()["order_id"])


def test_the_command_reads_excel(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with om.sandbox(3) as shop:
        monkeypatch.setenv("OM_BASE_URL", shop.base_url)
        monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")
        write_ids([["order_id"], *([order_id] for order_id in shop.order_ids)])
        assert cli.main(["report", "--orders", "ids.xlsx"]) == 0
    assert capsys.readouterr().out.startswith("Orders(3 orders")


def test_without_the_extra_the_command_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ids([["order_id"], ["a-1"]])
    imported = builtins.__import__

    def without_fastexcel(name: str, *rest: Any) -> Any:
        if name == "fastexcel":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_fastexcel)
    assert cli.main(["report", "--orders", "ids.xlsx"]) == 2
    assert capsys.readouterr().err == 'om-toolkit: Excel files need fastexcel; run pip install "om-toolkit[excel]"\n'
