"""Excel files, as openpyxl reads them back: numbers are numbers, text is text, and nothing is lost silently."""

from __future__ import annotations

import builtins
import json
import os
import re
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import polars as pl
import pytest
from generated_documents import PROPERTY
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.cell.cell import Cell
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.tables.excel_files import write_sheets
from om_toolkit.tables.schema import SCHEMAS
from om_toolkit.tables.sheets import Sheet
from om_toolkit.tables.units import Unit, unit_of

AT = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def orders() -> om.Orders:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.xlsx"


def cells_of(path: Path, sheet: str = "result") -> dict[str, list[Cell]]:
    """Return the cells of each column, by its heading."""
    rows = openpyxl.load_workbook(path)[sheet].iter_cols()
    return {column[0].value: list(column[1:]) for column in rows}


def written(frame: pl.DataFrame, path: Path, **options: Any) -> dict[str, list[Cell]]:
    om.write_excel(frame, path, **options)
    return cells_of(path)


def xml_of(path: Path, sheet: int = 2) -> str:
    """Return a sheet as it is written; the first one is the contents."""
    with ZipFile(path) as packed:
        return packed.read(f"xl/worksheets/sheet{sheet}.xml").decode()


@pytest.mark.parametrize(
    ("columns", "heading", "value", "number_format"),
    [
        ({"captured_amount": 1234550, "purchase_currency": "SEK"}, "captured_amount", 12345.5, "#,##0.00 [$SEK]"),
        ({"captured_amount": -5, "purchase_currency": "eur"}, "captured_amount", -0.05, "#,##0.00 [$EUR]"),
        ({"captured_amount": 980, "purchase_currency": "JPY"}, "captured_amount", 980, "#,##0 [$JPY]"),
        ({"captured_amount": 12345, "purchase_currency": "KWD"}, "captured_amount", 12.345, "#,##0.000 [$KWD]"),
        ({"captured_amount": 12345, "purchase_currency": "CLF"}, "captured_amount", 1.2345, "#,##0.0000 [$CLF]"),
        ({"captured_amount": 980, "purchase_currency": 'X";"'}, "captured_amount", 980, '#,##0" minor units"'),
        ({"captured_amount": 980, "purchase_currency": None}, "captured_amount", 980, '#,##0" minor units"'),
        ({"captured_amount": 980}, "captured_amount", 980, '#,##0" minor units"'),
        ({"average_order_value": 150.5, "purchase_currency": "EUR"}, "average_order_value", 1.505, "#,##0.00 [$EUR]"),
        ({"share": 0.2217}, "share", 0.2217, "0.0%"),
        ({"share_low": 0.117, "share": 0.2}, "share_low", 0.117, "0.0%"),
        ({"amount_ratio_difference_high": -0.117}, "amount_ratio_difference_high", -0.117, "0.0%"),
        ({"p50_hours": 43.92}, "p50_hours", 43.92, "#,##0.0"),
        ({"p50_days_low_bound": 3.25}, "p50_days_low_bound", 3.25, "#,##0.0"),
        ({"tax_rate": 25.5}, "tax_rate", 0.255, "0.00%"),
        ({"tax_rate": 2550}, "tax_rate", 0.255, "0.00%"),
        ({"orders": 1234}, "orders", 1234, "#,##0"),
        ({"mature": False}, "mature", False, "General"),
        ({"created_at_1mo": date(2026, 7, 1)}, "created_at_1mo", datetime(2026, 7, 1), "yyyy-mm"),  # noqa: DTZ001
        ({"day": date(2026, 7, 1)}, "day", datetime(2026, 7, 1), "yyyy-mm-dd"),  # noqa: DTZ001 - as in Excel
        ({"day": date(1899, 12, 31)}, "day", "1899-12-31", "@"),
        ({"day": date(1900, 2, 28)}, "day", "1900-02-28", "@"),
        ({"day": date(1900, 3, 1)}, "day", datetime(1900, 3, 1), "yyyy-mm-dd"),  # noqa: DTZ001 - as in Excel
        ({"at": datetime(2026, 7, 1, 8)}, "at", datetime(2026, 7, 1, 8), "yyyy-mm-dd hh:mm:ss"),  # noqa: DTZ001
        ({"left": timedelta(hours=-1.5)}, "left", -1.5, "#,##0.0"),
        ({"clock": time(8, 30)}, "clock", "08:30:00", "@"),
        ({"my own": 0.25}, "my own", 0.25, "General"),
        ({"my own": Decimal("0.25")}, "my own", 0.25, "General"),
        ({"my own": float("inf")}, "my own", "inf", "@"),
        ({"order_id": "0012345678901234567890"}, "order_id", "0012345678901234567890", "@"),
        ({"list": ["a", None]}, "list", '["a", null]', "@"),
        ({"struct": {"a": 1, "b": date(2026, 7, 1)}}, "struct", '{"a": 1, "b": "2026-07-01"}', "@"),
    ],
)
def test_a_cell_has_the_value_and_format_of_its_unit(
    columns: dict[str, Any], heading: str, value: Any, number_format: str, path: Path
) -> None:
    (cell,) = written(pl.DataFrame([columns]), path)[heading]
    assert (cell.value, type(cell.value), cell.number_format) == (value, type(value), number_format)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["SEK"])])
def test_categories_are_text(dtype: pl.DataType, path: Path) -> None:
    frame = pl.DataFrame({"purchase_currency": pl.Series(["SEK"], dtype=dtype), "captured_amount": [1050]})
    cells = written(frame, path)
    assert (cells["purchase_currency"][0].value, cells["captured_amount"][0].value) == ("SEK", 10.5)


def test_each_cell_of_a_column_has_the_format_of_its_row(path: Path) -> None:
    codes = "SEK JPY KWD EUR USD BHD KRW CLF GBP ISK CHF NOK".split()
    frame = pl.DataFrame({"purchase_currency": codes, "captured_amount": [123456789] * 12})
    amounts = written(frame, path)["captured_amount"]
    for code, cell in zip(codes, amounts, strict=True):
        exponent = om.money.EXPONENTS[code]
        assert cell.data_type == "n"
        assert round(Decimal(str(cell.value)).scaleb(exponent)) == 123456789
        assert cell.number_format == f"#,##0{'.' if exponent else ''}{exponent * '0'} [${code}]"


@PROPERTY
@given(st.lists(st.tuples(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from(["JPY", "SEK", "KWD", "CLF"]))))
def test_an_amount_is_exact_to_the_last_minor_unit(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[tuple[int, str]]
) -> None:
    path = tmp_path_factory.mktemp("amounts") / "x.xlsx"
    schema = {"order_amount": pl.Int64, "purchase_currency": pl.String}
    cells = written(pl.DataFrame(amounts, schema=schema, orient="row"), path)["order_amount"]
    for (amount, code), cell in zip(amounts, cells, strict=True):
        assert cell.data_type == "n"
        assert Decimal(str(cell.value)).scaleb(om.money.EXPONENTS[code]) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (10**15 + 1, "SEK", "10000000000000.01"),
        (2**53 + 1, "JPY", "9007199254740993"),
        (-(2**63), "KWD", "-9223372036854775.808"),
    ],
)
def test_an_amount_with_more_digits_than_excel_has_is_text(amount: int, currency: str, text: str, path: Path) -> None:
    frame = pl.DataFrame({"order_amount": [amount], "purchase_currency": [currency], "count": [amount]})
    cells = written(frame, path)
    assert [(cells[name][0].data_type, cells[name][0].value) for name in ("order_amount", "count")] == [
        ("s", text),
        ("s", str(amount)),
    ]


@pytest.mark.parametrize(
    "dtype",
    [
        pl.Int64(),
        pl.Float64(),
        pl.String(),
        pl.Boolean(),
        pl.Date(),
        pl.Datetime("us", "UTC"),
        pl.Duration(),
        pl.Null(),
    ],
)
@pytest.mark.parametrize("name", ["captured_amount", "share", "p50_hours", "tax_rate", "orders", "list"])
def test_missing_is_an_empty_cell(name: str, dtype: pl.DataType, path: Path) -> None:
    frame = pl.DataFrame({"purchase_currency": ["EUR"], name: pl.Series([None], dtype=dtype)})
    _, missing = written(frame, path).values()
    assert [cell.value for cell in missing] == [None]
    assert re.findall(r'<c r="(\w+)"', xml_of(path)) == ["A1", "B1", "A2"]


def test_nan_and_empty_text_are_missing(path: Path) -> None:
    cells = written(pl.DataFrame({"share": [float("nan"), 0.0], "text": ["", "0"]}), path)
    assert [[cell.value for cell in column] for column in cells.values()] == [[None, 0], [None, "0"]]


HOSTILE = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "{=1+1}",
    "'leading apostrophe",
    "http://evil.example",
    "mailto:a@b.example",
    "internal:'x'!A1",
    '<b>&amp;</b> ]]> "quoted"',
    "<r>",
    "<r><t>=1+1</t></r>",
    "<r></t></is></c><c r='A9'><f>1+1</f></c></r>",
    "\u202eright to left \u05d0\u05d1",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    " blanks around ",
    "two\nlines\tand a tab",
    "12345678901234567890",
    "007",
    "1.23E+15",
    "TRUE",
    "#N/A",
    "x" * 32_767,
]


def test_text_is_text_whatever_it_begins_with(path: Path) -> None:
    cells = written(pl.DataFrame({"text": HOSTILE}), path)["text"]
    assert [cell.value for cell in cells] == HOSTILE
    assert {cell.number_format for cell in cells} == {"@"}
    xml = xml_of(path)
    assert "<f>" not in xml
    assert "<hyperlink" not in xml
    assert re.findall(r'<c r="A\d+" s="\d+" t="(\w+)"', xml) == ["inlineStr"] * (len(HOSTILE) + 1)
    assert pl.read_excel(path, sheet_name="result")["text"].to_list() == HOSTILE


def test_headings_are_text_as_well(path: Path) -> None:
    om.write_excel(pl.DataFrame({"=1+1": [1], "<r>x</r>": [2], "@x": ["="]}), path)
    assert [cell.value for cell in openpyxl.load_workbook(path)["result"][1]] == ["=1+1", "<r>x</r>", "@x"]
    assert "<f>" not in xml_of(path)


def test_control_characters_are_escaped_as_excel_does(path: Path) -> None:
    controls = [chr(code) for code in (*range(1, 9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)]
    texts = ["\0", *controls, "a\rb", "_x0041_", "\x7f\x85\u2028"]
    om.write_excel(pl.DataFrame({"text": texts}), path)
    found = re.findall(r'<c r="A\d+" s="\d+" t="inlineStr"><is><t[^>]*>([^<]*)</t>', xml_of(path), re.DOTALL)
    escaped = ["_x0000_", *(f"_x{ord(one):04X}_" for one in controls), "a_x000D_b", "_x005F_x0041_", "\x7f\x85\u2028"]
    assert found[-len(texts) :] == escaped


def test_a_text_that_is_too_long_for_a_cell_is_refused_before_anything_is_written(path: Path) -> None:
    for text, length in (("x" * 40_000, "40,000"), ("\U0001f600" * 20_000, "40,000"), (["x" * 40_000], "40,004")):
        frame = pl.DataFrame({"note": [["short"] if isinstance(text, list) else "short", text]})
        with pytest.raises(
            ValueError, match=f"note in row 2 of result has {length} characters, but a cell of Excel has"
        ):
            om.write_excel(frame, path)
    with pytest.raises(ValueError, match=r"the name 'xxxxxxxxxxxxxxxxxxxx'… of a column of result is too long"):
        om.write_excel(pl.DataFrame({"x" * 40_000: [1]}), path)
    assert not list(path.parent.iterdir())


def test_a_frame_that_is_too_large_for_a_sheet_is_refused(path: Path) -> None:
    with pytest.raises(
        ValueError, match="result has 1,048,576 rows, but a sheet of Excel has 1,048,576 with the heading"
    ):
        om.write_excel(pl.DataFrame({"n": pl.repeat(1, 1_048_576, eager=True)}), path)
    with pytest.raises(ValueError, match="result has 16,385 columns, but a sheet of Excel has 16,384; select"):
        om.write_excel(pl.DataFrame({f"c{number}": [1] for number in range(16_385)}), path)
    Sheet("largest", pl.DataFrame({"n": pl.repeat(1, 1_048_575, eager=True)}))
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["x" * 32], f"the sheet name '{'x' * 32}' has more than 31 characters; use another name"),
        (["\U0001f600" * 16], "has more than 31 characters"),
        (["a", "A"], "the sheet name 'A' is the name of two sheets; Excel ignores case"),
        (["a/b"], "has a character that is not allowed"),
        (["a\x01"], "has a character that is not allowed"),
        (["\ud800"], "has a character that is not allowed"),
        (["'a"], "begins or ends with an apostrophe"),
        ([""], "is blank"),
        (["Contents"], "is reserved"),
        (["History"], "is reserved"),
        ([], "there is no frame to write"),
    ],
)
def test_a_sheet_name_that_excel_refuses_is_refused(names: list[str], message: str, path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        om.write_excel({name: pl.DataFrame({"n": [1]}) for name in names}, path)
    assert not list(path.parent.iterdir())


def test_times_are_local_and_the_heading_has_the_zone(path: Path) -> None:
    cells = written(pl.DataFrame({"expires_at": [AT]}), path, time_zone="Europe/Stockholm")
    assert list(cells) == ["expires_at (Europe/Stockholm)"]
    assert cells["expires_at (Europe/Stockholm)"][0].value == datetime(2026, 7, 2, 0, 30, 5)  # noqa: DTZ001 - as in Excel
    assert written(pl.DataFrame({"expires_at": [AT]}), path)["expires_at (UTC)"][0].value == AT.replace(tzinfo=None)


def test_the_heading_is_frozen_filters_and_has_the_unit_as_a_note(path: Path) -> None:
    frame = pl.DataFrame(
        {"purchase_currency": ["EUR"], "captured_amount": [1], "within_72h": [0.5], "p50_hours": [1.0], "at": [AT]}
    )
    om.write_excel(frame, path, time_zone="Asia/Tokyo")
    sheet = openpyxl.load_workbook(path)["result"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:E2")
    assert [cell.comment.text for cell in sheet[1]] == [
        "purchase currency: text",
        "captured amount: major units of purchase_currency",
        "within 72 h: share",
        "half within: hours",
        "at: local time, Asia/Tokyo",
    ]
    om.write_excel(frame.drop("purchase_currency"), path)
    first = openpyxl.load_workbook(path)["result"]["A1"]
    assert first.comment.text == "captured amount: minor units of an unknown currency"


def test_columns_are_as_wide_as_their_values(path: Path) -> None:
    frame = pl.DataFrame({"n": [1], "order_id": ["x" * 36], "message": ["x" * 500], "order_amount": [123456789012]})
    om.write_excel(frame.with_columns(purchase_currency=pl.lit("EUR")), path)
    widths = openpyxl.load_workbook(path)["result"].column_dimensions
    assert [round(widths[letter].width) for letter in "ABC"] == [9, 37, 61]
    assert widths["D"].width >= len("1,234,567,890.12 EUR")


def test_every_metric_can_be_written(orders: om.Orders, path: Path) -> None:
    tables = orders.tables()
    swedish = tables.filter(pl.col("purchase_country") == "SE")
    others = tables.filter(pl.col("purchase_country") != "SE")
    special = {
        "by_period": lambda: om.capture_latency(orders, by=om.by_period("1mo")),
        "compare": lambda: om.compare(om.refund_ratio, swedish, others),
        "explain": None,
        "mix": lambda: om.mix(orders, "status"),
        "timeline": lambda: om.timeline(orders[0]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", om.ImmatureGroups)
        calls = {name: special.get(name, lambda name=name: getattr(om, name)(orders)) for name in om.metrics.__all__}
        frames = {name: call() for name, call in calls.items() if call}
    frames["vat by week"] = om.vat(orders, by="purchase_country")
    units = {name: {unit_of(column, dtype) for column, dtype in frame.schema.items()} for name, frame in frames.items()}
    assert all("purchase_currency" in frames[name].columns for name, found in units.items() if Unit.AMOUNT in found)
    om.write_excel(frames, path, data=orders, time_zone="Europe/Stockholm")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["contents", *frames]
    for name, frame in frames.items():
        sheet = book[name]
        assert sheet.max_row == frame.height + 1
        for column, series in zip(sheet.iter_cols(max_col=frame.width), frame, strict=True):
            heading, *cells = column
            assert heading.value.partition(" (")[0] == series.name
            check_column(series, cells)
        assert "<f>" not in xml_of(path, book.sheetnames.index(name) + 1)


def check_column(series: pl.Series, cells: list[Cell]) -> None:
    """Check that the cells of a column are what its frame has."""
    assert [cell.value is None for cell in cells] == [value is None for value in series]
    unit = unit_of(series.name, series.dtype)
    kinds = {
        Unit.TEXT: {"s", "inlineStr"},
        Unit.FLAG: {"b"},
        **{time: {"d"} for time in (Unit.TIME, Unit.DATE, Unit.MONTH)},
    }
    present = [(value, cell) for value, cell in zip(series, cells, strict=True) if value is not None]
    assert {cell.data_type for _, cell in present} <= kinds.get(unit, {"n"})
    if unit is Unit.AMOUNT:
        assert all(
            re.fullmatch(r"#,##0(\.0+)? \[\$[A-Z]{3}\]|#,##0\" minor units\"", cell.number_format)
            for _, cell in present
        )
    if unit is Unit.SHARE:
        assert all(
            (cell.value, cell.number_format) == (pytest.approx(value, abs=1e-12), "0.0%") for value, cell in present
        )


def test_tables_have_a_sheet_each_and_no_personal_data(orders: om.Orders, path: Path) -> None:
    tables = orders.tables()
    tables.write_excel(path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["contents", *SCHEMAS]
    personal = {column.name for schema in SCHEMAS.values() for column in schema if column.is_personal}
    for name, frame in tables.items():
        headings = [cell.value.removesuffix(" (UTC)") for cell in book[name][1]]
        assert headings == frame.columns
        assert not personal & set(headings)
    assert [[cell.value for cell in row] for row in book["contents"].iter_rows()] == [
        ["sheet", "rows", "columns", "as_of (UTC)", "as_of_is_inferred"],
        *([name, frame.height, frame.width, datetime(2026, 10, 31, 12), False] for name, frame in tables.items()),  # noqa: DTZ001
    ]
    cells = cells_of(path, "captures")
    exact = [
        Decimal(str(cell.value)).scaleb(om.money.EXPONENTS[code.value])
        for cell, code in zip(cells["captured_amount"], cells["purchase_currency"], strict=True)
    ]
    assert exact == tables.captures["captured_amount"].to_list()


def test_tables_with_personal_columns_have_them_in_a_file_of_the_owner(path: Path, payloads: Path) -> None:
    orders = om.Orders.from_json(payloads / "orders" / "captured.json")
    orders.tables(personal=True).write_excel(path)
    personal = {column.name for column in SCHEMAS["orders"] if column.is_personal}
    assert personal <= set(cells_of(path, "orders"))
    assert path.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    orders.tables().lazy().write_excel(path)
    assert not personal & set(cells_of(path, "orders"))
    usual = path.with_name("usual")
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode


def test_an_inferred_as_of_is_marked_and_an_unknown_one_is_empty(path: Path, payloads: Path) -> None:
    tables = om.Orders.from_json(payloads / "orders" / "captured.json").tables()
    assert tables.as_of_is_inferred
    tables.write_excel(path)
    assert cells_of(path, "contents")["as_of_is_inferred"][0].value is True
    om.write_excel(tables.orders, path)
    contents = cells_of(path, "contents")
    assert [contents[name][0].value for name in ("as_of (UTC)", "as_of_is_inferred")] == [None, None]


def test_amounts_without_a_currency_take_the_only_one_of_the_data(path: Path) -> None:
    order = {"order_id": "a", "purchase_currency": "SEK", "order_amount": 12345, "created_at": at(0)}
    tables = shop(orders=[{**order, "status": "AUTHORIZED"}])
    events = om.timeline(tables)
    assert written(events, path)["amount"][0].value == 123.45
    events = events.drop("purchase_currency")
    cells = written(events, path, data=tables)
    assert (cells["amount"][0].value, cells["amount"][0].number_format) == (123.45, "#,##0.00 [$SEK]")
    assert written(events, path)["amount"][0].value == 12345
    assert "purchase_currency" not in written(om.capture_latency(tables), path, data=tables)


def test_an_empty_frame_has_its_heading(path: Path) -> None:
    frame = pl.DataFrame(schema={"orders": pl.Int64, "share": pl.Float64, "text": pl.String, "at": pl.Datetime})
    assert written(frame, path) == {"orders": [], "share": [], "text": [], "at": []}
    assert openpyxl.load_workbook(path)["result"].auto_filter.ref == "A1:D1"
    om.write_excel(pl.DataFrame(), path)
    assert openpyxl.load_workbook(path).sheetnames == ["contents", "result"]


@pytest.mark.slow
def test_the_same_data_are_the_same_bytes(orders: om.Orders, tmp_path: Path) -> None:
    first, second = tmp_path / "1.xlsx", tmp_path / "2.xlsx"
    orders.tables().write_excel(first)
    code = "import om_toolkit as om; client = om.replay('quickstart'); "
    code += f"client.orders(client.recorded_order_ids).tables().write_excel({str(second)!r})"
    environment = os.environ | {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment)
    assert first.read_bytes() == second.read_bytes()
    assert openpyxl.load_workbook(first).properties.created == datetime(1980, 1, 1)  # noqa: DTZ001 - as in Excel


def test_a_file_is_replaced_as_a_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    om.write_excel(pl.DataFrame({"n": [1]}), path)
    before = path.read_bytes()

    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.close", failing)
    with pytest.raises(OSError, match="No space left"):
        om.write_excel(pl.DataFrame({"n": [2]}), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["x.xlsx"]
    assert written(pl.DataFrame({"n": [2]}), path)["n"][0].value == 2


@pytest.mark.parametrize("part", ["zipfile.ZipFile.write", "om_toolkit.tables.excel_files._write_text"])
def test_an_error_while_it_is_written_leaves_nothing(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "files", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def failing(*_: object) -> None:
        assert list(temporary.iterdir())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part, failing)
    with pytest.raises(OSError, match="No space left"):
        om.write_excel(pl.DataFrame({"n": ["x"]}), folder / "x.xlsx")
    assert not list(folder.iterdir())
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("", IsADirectoryError, "it is a folder; add the name of a file"),
        ("nowhere/x.xlsx", FileNotFoundError, "the folder .*nowhere does not exist; create it first"),
        ("x.xls", ValueError, "only if its name ends with .xlsx; rename it"),
        ("x", ValueError, "only if its name ends with .xlsx; rename it"),
    ],
)
def test_a_path_that_is_not_that_of_an_excel_file_is_refused(
    name: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=f"cannot write .*: .*{message}"):
        om.write_excel(pl.DataFrame({"n": [1]}), tmp_path / name)
    with pytest.raises(error, match=message):
        shop().write_excel(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_uri_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'s3://bucket/x.xlsx' is a URI"):
        om.write_excel(pl.DataFrame({"n": [1]}), "s3://bucket/x.xlsx")


@pytest.mark.parametrize(
    ("frame", "options", "error", "message"),
    [
        (pl.LazyFrame({"a": [1]}), {}, TypeError, "write_excel takes polars DataFrames, not a LazyFrame; collect it"),
        ({"a": pl.LazyFrame({"a": [1]})}, {}, TypeError, "not a LazyFrame; collect it"),
        ([1], {}, TypeError, "write_excel takes polars DataFrames, not a list, such as the result of"),
        (shop(), {}, TypeError, r"use tables.write_excel\(path\) for the five tables"),
        ({1: pl.DataFrame()}, {}, TypeError, "the name of a sheet is an int, not text"),
        (pl.DataFrame({"raw": [b"x"]}), {}, TypeError, "raw has the type Binary, which Excel has no cells for"),
        (pl.DataFrame({"raw": pl.Series([object()], dtype=pl.Object)}), {}, TypeError, "raw has the type Object"),
        (pl.DataFrame(), {"data": 3}, TypeError, "expected Orders or Tables, not an int"),
        (pl.DataFrame(), {"time_zone": "Stockholm"}, ValueError, "unknown time zone 'Stockholm'.*'Europe/Stockholm'"),
    ],
)
def test_a_wrong_call_gets_one_sentence(
    frame: Any, options: dict[str, Any], error: type[Exception], message: str, path: Path
) -> None:
    with pytest.raises(error, match=message):
        om.write_excel(frame, path, **options)
    assert not list(path.parent.iterdir())


def test_without_the_extra_the_error_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without_xlsxwriter(name: str, *rest: Any) -> Any:
        if name.startswith("xlsxwriter"):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_xlsxwriter)
    for error in (om.MissingExtra, om.OMError, ImportError):
        with pytest.raises(error, match=re.escape('run pip install "om-toolkit[excel]"')):
            write_sheets([Sheet("n", pl.DataFrame({"n": [1]}))], path)
    assert not list(path.parent.iterdir())


def test_nested_values_are_json(path: Path) -> None:
    values = [{"a": [1, None], "b": "\u00e5"}, None, {"a": None, "b": None}]
    cells = written(pl.DataFrame({"nested": values}), path)["nested"]
    assert [json.loads(cell.value) if cell.value else None for cell in cells] == values
