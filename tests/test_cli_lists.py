"""The commands that list: what is about to expire, changes, one order's events, findings; and tables as files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import om_toolkit as om
from om_toolkit import cli
from om_toolkit.orders.parsing import read_order

OPEN = {
    "order_id": "a-1",
    "status": "AUTHORIZED",
    "purchase_currency": "SEK",
    "order_amount": 12_500,
    "captured_amount": 0,
    "refunded_amount": 0,
    "remaining_authorized_amount": 12_500,
    "created_at": "2026-10-01T08:00:00Z",
    "expires_at": "2026-10-29T08:00:00Z",
    "fraud_status": "ACCEPTED",
    "billing_address": {"given_name": "Ada", "email": "ada@lovelace.se"},
}
CAPTURE = {"capture_id": "c-1", "captured_amount": 12_500, "captured_at": "2026-10-28T08:00:00Z", "order_lines": []}
PAID = OPEN | {"status": "CAPTURED", "captured_amount": 12_500, "remaining_authorized_amount": 0, "captures": [CAPTURE]}
OTHER = OPEN | {"order_id": "b-2", "expires_at": "2026-12-01T08:00:00Z"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def archive() -> Path:
    """Return an archive that has seen an order open, then captured, and another one."""
    with om.Archive("shop.archive") as archive:
        for order, day in ((OPEN, 27), (PAID, 28), (OTHER, 28)):
            at = datetime(2026, 10, day, 9, tzinfo=UTC)
            archive.add(str(order["order_id"]), read_order(json.dumps(order)), at)
    return Path("shop.archive")


def save(*orders: dict[str, Any]) -> Path:
    path = Path("orders.ndjson")
    path.write_text("\n".join(map(json.dumps, orders)), "utf-8")
    return path


def run(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    code = cli.main(line.split())
    return code, *capsys.readouterr()


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def open_at_the_27th() -> None:
    """Write tables as of 27 October, two days before the first of two orders expires."""
    orders = om.Orders.from_json(save(OPEN, OTHER), as_of=datetime(2026, 10, 27, 8, tzinfo=UTC))
    orders.tables().write_parquet("shop")


@pytest.mark.usefixtures("open_at_the_27th")
def test_expiring_is_a_table_for_readers_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "expiring --tables shop")
    assert (code, err) == (0, "")
    caption, headings, row = out.splitlines()
    assert caption == "2 orders, as of 2026-10-27 08:00 UTC"
    assert headings.split()[:2] == ["order", "id"]
    assert ("a-1" in row, "125.00 SEK" in row, "2026-10-29 08:00" in row, "48.0 h" in row) == (True,) * 4
    with om.Archive("shop.archive") as archive:
        for order in (OPEN, OTHER):
            archive.add(order["order_id"], read_order(json.dumps(order)), datetime(2026, 10, 27, 8, tzinfo=UTC))
    assert run(capsys, "expiring --archive shop.archive") == (0, out, "")
    assert len(run(capsys, "expiring --tables shop --within all")[1].splitlines()) == 4
    code, out, _ = run(capsys, "expiring --tables shop --within 1h")
    assert (code, out.endswith("none of them expires within 1h\n")) == (0, True)


@pytest.mark.usefixtures("open_at_the_27th")
def test_expiring_is_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "expiring --tables shop --json --within 2d")
    assert (code, err) == (0, "")
    (row,) = rows(out)
    assert (row["order_id"], row["remaining_authorized_amount"], row["hours_left"]) == ("a-1", 12_500, 48.0)
    assert (row["purchase_currency"], row["expires_at"]) == ("SEK", "2026-10-29T08:00:00+00:00")
    assert run(capsys, "expiring --tables shop --json --within 1h") == (0, "", "")


def test_an_invalid_duration_is_noticed_before_the_first_request(capsys: pytest.CaptureFixture[str]) -> None:
    Path("ids.txt").write_text("a-1", "utf-8")
    code, out, err = run(capsys, "expiring --orders ids.txt --within soon")
    assert (code, out) == (2, "")
    assert "'soon'" in err


@pytest.mark.usefixtures("archive")
def test_changes_of_an_archive(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "changes --archive shop.archive --json")
    assert (code, err) == (0, "")
    changed = {row["field"]: row for row in rows(out)}
    assert {row["order_id"] for row in changed.values()} == {"a-1"}
    assert (changed["status"]["before"], changed["status"]["after"]) == ("AUTHORIZED", "CAPTURED")
    assert changed["status"]["first_seen_after"] == "2026-10-28T09:00:00+00:00"
    shown = run(capsys, "changes --archive shop.archive --since 2026-10-28T09:59+01:00")[1]
    assert len(shown.splitlines()) == len(changed) + 1
    assert "AUTHORIZED  CAPTURED" in shown
    for since in ("2026-10-28T09:00", "2026-10-28T10:00+01:00", "2026-10-29"):
        code, out, _ = run(capsys, f"changes --archive shop.archive --since {since}")
        assert (code, out) == (0, "The archive has observed no changes.\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("changes --archive shop.archive --since yesterday", "invalid time 'yesterday'; use a date or time such as"),
        ("changes", "the following arguments are required: --archive"),
        ("tables --archive shop.archive", "name what to write: --parquet DEST, --excel FILE or both"),
        ("tables --tables a --parquet out --since 2026-10-29", "--since is for orders that an archive has seen"),
        ("tables --parquet out", "one of --archive, --answers, --tables or --orders is required"),
        ("timeline a-1 --archive shop.archive --tables shop", "--tables cannot be combined with --archive"),
    ],
)
def test_invalid_arguments_are_code_2(capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("archive")
def test_the_timeline_of_an_order_has_the_changes_that_the_archive_has_seen(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "timeline A-1 --archive shop.archive")
    assert (code, err) == (0, "")
    assert out.startswith("1 order, as of 2026-10-28 09:00 UTC\n")
    assert "125.00 SEK" in out
    events = [row["event"] for row in rows(run(capsys, "timeline a-1 --archive shop.archive --json")[1])]
    assert events[0] == "created"
    assert set(events) == {"created", "captured", "changed", "expires"}
    code, out, err = run(capsys, "timeline z-9 --archive shop.archive")
    assert (code, out, err[:28]) == (1, "", "om-toolkit: found no orders;")


def test_the_timeline_of_a_saved_or_fetched_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(PAID, OTHER, {"no": "order"})
    code, out, err = run(capsys, "timeline A-1 --answers orders.ndjson --json")
    assert (code, err) == (0, "")
    assert [(row["event"], row["amount"]) for row in rows(out)] == [
        ("created", 12_500),
        ("captured", 12_500),
        ("expires", 0),
    ]
    with om.sandbox(2) as shop:
        monkeypatch.setenv("OM_BASE_URL", shop.base_url)
        monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")
        assert run(capsys, f"timeline {shop.order_ids[0]}")[0] == 0
        code, out, err = run(capsys, "timeline not-1")
    assert (code, out) == (1, "")
    assert "1 id: not found (404). " in err
    monkeypatch.delenv("OM_API_KEY")
    code, out, err = run(capsys, "timeline a-1")
    assert (code, err[:26]) == (2, "om-toolkit: no credentials")


@pytest.mark.usefixtures("archive")
def test_tables_are_written_without_personal_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "tables --archive shop.archive --parquet out/shop --excel shop.xlsx")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == ["Written: out/shop", "Written: shop.xlsx"]
    tables = om.Tables.read_parquet("out/shop")
    assert (tables.orders.height, tables.captures.height) == (2, 1)
    assert pl.read_excel("shop.xlsx", sheet_name="captures")["captured_amount"].to_list() == [125.0]
    save(PAID, OTHER)
    assert run(capsys, "tables --answers orders.ndjson --parquet clear")[0] == 0
    assert not any(b"lovelace" in file.read_bytes().lower() for file in Path("clear").rglob("*.parquet"))


@pytest.mark.usefixtures("archive")
def test_tables_of_the_orders_that_an_archive_has_seen_since(capsys: pytest.CaptureFixture[str]) -> None:
    with om.Archive("shop.archive") as archive:
        archive.add("c-3", read_order(json.dumps(OTHER | {"order_id": "c-3"})), datetime(2026, 10, 30, tzinfo=UTC))
    code, _, err = run(capsys, "tables --archive shop.archive --parquet new --since 2026-10-29")
    assert (code, err) == (0, "")
    assert om.Tables.read_parquet("new").orders["order_id"].to_list() == ["c-3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--excel shop.xls", "Excel opens it only if its name ends with .xlsx"),
        ("--excel nowhere/shop.xlsx", "the folder nowhere does not exist"),
        ("--parquet ids.txt", "cannot write ids.txt: ids.txt is a file; use the name of a folder"),
        ("--parquet ids.txt/shop", "ids.txt is a file; use the name of a folder"),
        ("--parquet nonsense://bucket/shop", "cannot use 'nonsense://bucket/shop'"),
    ],
)
def test_where_tables_go_is_checked_before_the_first_request(
    capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    Path("ids.txt").write_text("a-1", "utf-8")
    code, out, err = run(capsys, f"tables --orders ids.txt {arguments}")
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in Path().iterdir()] == ["ids.txt"]


def test_findings_are_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    save(OPEN | {"captured_amount": 20_000})
    code, out, err = run(capsys, "audit --answers orders.ndjson --json")
    assert (code, err) == (0, "")
    found = {row["rule"]: row for row in rows(out)}
    assert found["over_captured"]["severity"] == "error"
    assert found["over_captured"]["order_id"] == "a-1"
    assert not Path("findings.csv").exists()
    code, again, err = run(capsys, "audit --answers orders.ndjson --json --output list.csv")
    assert (again, err.strip()) == (out, f"Written: list.csv, {len(rows(out))} findings")
    assert len(Path("list.csv").read_text("utf-8").splitlines()) == len(rows(out)) + 1
    shown = run(capsys, "audit --answers orders.ndjson")[1]
    assert ["severity", "rule", "findings"] in [line.split() for line in shown.splitlines()]


def test_privacy_findings_are_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    Path("note.txt").write_text("ada@lovelace.se", "utf-8")
    code, out, err = run(capsys, "privacy note.txt --json")
    assert (code, err[:23]) == (1, "om-toolkit: 1 finding; ")
    assert rows(out) == [{"file": "note.txt", "where": "line 1", "kind": "e-mail", "shown": "a… (15 characters)"}]
    Path("note.txt").write_text("no person", "utf-8")
    assert run(capsys, "privacy note.txt --json") == (0, "", "")
    code, out, err = run(capsys, "privacy nowhere")
    assert (code, out, err) == (2, "", "om-toolkit: nowhere does not exist; check the path\n")
