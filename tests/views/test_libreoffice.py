"""Excel files as LibreOffice opens them: it saves them again with the same cells, and needs no repair."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from test_workbook import HOSTILE

import om_toolkit as om

pytestmark = pytest.mark.slow

CSV_OF_ALL_SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
TEXTS = [*HOSTILE, "+1", "-1", "@x", "\t=1+1", "a\rb", "".join(map(chr, range(32))), "\ufffe\uffff"]
AMOUNTS = {"SEK": 2, "JPY": 0, "KWD": 3, "CLF": 4}
LARGEST = 10**15 - 1
DAYS = [date(1900, 2, 28), date(1900, 3, 1), date(2026, 3, 29), date(9999, 12, 31)]
TIMES = [datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)]
TIMES += [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
LOCAL_TIMES = ["2026-03-29 01:59:59", "2026-03-29 03:00:00", "2026-10-25 02:30:00", "2026-10-25 02:30:00"]

Cells = dict[tuple[str, str], tuple[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with Excel files; below `again`, what LibreOffice makes of them."""
    folder = tmp_path_factory.mktemp("files")
    om.write_excel(pl.DataFrame({"text": TEXTS, "=1+1": TEXTS}), folder / "texts.xlsx")
    amounts = {"purchase_currency": list(AMOUNTS) * 2, "order_amount": [LARGEST] * 4 + [-1] * 4}
    om.write_excel(pl.DataFrame(amounts), folder / "amounts.xlsx")
    om.write_excel(pl.DataFrame({"day": DAYS, "at": TIMES}), folder / "times.xlsx", time_zone="Europe/Stockholm")
    orders = hostile_orders()
    orders.tables(personal=True).write_excel(folder / "tables.xlsx", time_zone="Asia/Tokyo")
    om.Report(orders, min_cell=1, time_zone="Asia/Tokyo").save(folder / "report.xlsx")
    om.write_excel(om.capture_latency(orders, by="purchase_country"), folder / "metric.xlsx", data=orders)
    convert("xlsx", folder)
    convert(CSV_OF_ALL_SHEETS, folder)
    return folder


def hostile_orders() -> om.Orders:
    """Return the orders of a recording; each text that users see begins like a formula."""
    with om.replay("quickstart") as client:
        recorded = client.orders(client.recorded_order_ids[:40])
    documents = [order.model_dump(mode="json", by_alias=True, exclude_none=True) for order in recorded]
    for number, document in enumerate(documents):
        document["merchant_reference1"] = HOSTILE[number % len(HOSTILE)][:255]
        for capture in document.get("captures") or []:
            for info in capture.get("shipping_info") or []:
                info["shipping_method"] = HOSTILE[number % len(HOSTILE)][:255]
    return om.Orders.from_json(json.dumps(documents))


def convert(to: str, folder: Path) -> None:
    """Let LibreOffice open the Excel files of a folder and save them again."""
    program = shutil.which("soffice")
    assert program, "LibreOffice is missing; install libreoffice-calc"
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    files = sorted(folder.glob("*.xlsx"))
    command = [program, "--headless", profile, "--convert-to", to, "--outdir", str(folder / "again"), *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    assert "Error" not in done.stdout + done.stderr, done.stderr


def cells_of(path: Path) -> Cells:
    """Return the type and the value of each cell that has one, by sheet and place."""
    book = openpyxl.load_workbook(path)
    cells = (cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None)
    found = {(cell.parent.title, cell.coordinate): (cell.data_type, plain(cell.value)) for cell in cells}
    return {place: ("b" if isinstance(value, bool) else kind, value) for place, (kind, value) in found.items()}


def plain(value: object) -> object:
    """Return a value as both programs write it: escapes decoded, and one kind of line end.

    LibreOffice has no Booleans: it makes a formula of them.
    """
    if value in ("=TRUE()", "=FALSE()"):
        return value == "=TRUE()"
    if not isinstance(value, str):
        return value
    text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def csv_of(folder: Path, name: str) -> list[list[str]]:
    """Return the rows of a sheet that LibreOffice saved as CSV, with what its cells contain, below the heading."""
    with (folder / "again" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))[1:]


@pytest.mark.parametrize("name", ["texts", "amounts", "times", "tables", "report", "metric"])
def test_libreoffice_saves_the_same_cells(folder: Path, name: str) -> None:
    written, again = (cells_of(place / f"{name}.xlsx") for place in (folder, folder / "again"))
    assert written.keys() == again.keys()
    for place, (kind, value) in written.items():
        expected = pytest.approx(value, rel=1e-14) if isinstance(value, float) else value
        assert again[place] == (kind, expected), place
    assert "f" not in {kind for kind, _ in again.values()}


def test_texts_are_texts_in_libreoffice(folder: Path) -> None:
    found = [plain(row[0]) for row in csv_of(folder, "texts-result")]
    assert found == [plain(text) for text in TEXTS]


def test_amounts_are_exact_in_libreoffice(folder: Path) -> None:
    rows = csv_of(folder, "amounts-result")
    found = [Decimal(amount).scaleb(AMOUNTS[code]) for code, amount in rows]
    assert found == [LARGEST] * 4 + [-1] * 4


def test_times_are_local_in_libreoffice(folder: Path) -> None:
    rows = csv_of(folder, "times-result")
    assert [row[0] for row in rows] == [str(day) for day in DAYS]
    assert [row[1] for row in rows] == LOCAL_TIMES
