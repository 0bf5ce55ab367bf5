"""Sets of Parquet files: written where the user said, as a whole, and never mixed by a reader."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import object_storage
import polars as pl
import pytest
from two_orders import BOTH

import om_toolkit as om
from om_toolkit.support.atomic_files import local_path, replacing
from om_toolkit.tables.tables import Tables


def tables_with(amount: int, rows: int = 1) -> Tables[pl.DataFrame]:
    """Return tables with the same amount in every order and capture."""
    captures = f'"captures": [{{"capture_id": "c", "captured_amount": {amount}}}]'
    lines = [f'{{"order_id": "{n}", "order_amount": {amount}, {captures}}}' for n in range(rows)]
    return om.Orders.from_json("\n".join(lines)).tables()


def amounts(tables: Tables[Any]) -> set[int]:
    collected = tables.collect()
    return {*collected.orders["order_amount"], *collected.captures["captured_amount"]}


URIS = ["s3:///", "S3:/bucket/x", "http://example.org/x", "ftp://x/y", "smb://x", " nowhere://x"]


@pytest.mark.parametrize("uri", URIS)
def test_no_folder_is_named_after_a_scheme(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables = tables_with(1)
    for path in (uri, Path(uri)):
        with pytest.raises((ValueError, OSError, pl.exceptions.PolarsError)):
            tables.write_parquet(path)
        with pytest.raises((ValueError, OSError, pl.exceptions.PolarsError)):
            Tables.read_parquet(path)
    assert list(tmp_path.iterdir()) == []


def test_everything_that_writes_local_files_refuses_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    orders = om.Orders.from_json(BOTH)
    for write in (
        om.Report(orders).save,
        om.Archive,
        partial(om.record, api_key="kco_test_x"),
        lambda uri: om.vcr.use_cassette(uri).__enter__(),
        local_path,
    ):
        for uri in ("s3://bucket/x.json", Path("gs://bucket/x.json"), "https://example.org/x.json"):
            with pytest.raises(ValueError, match="is a URI"):
                write(uri)  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []
    assert local_path("C:/x") == Path("C:/x")
    assert local_path("a:b") == Path("a:b")


def test_a_file_uri_is_a_local_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    tables_with(7).write_parquet(folder.as_uri())
    assert amounts(Tables.read_parquet(folder)) == amounts(Tables.scan_parquet(folder.as_uri())) == {7}


def test_files_of_different_sets_are_an_error(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    tables_with(1).write_parquet(first)
    tables_with(2).write_parquet(second)
    shutil.copy(second / "captures" / "part-0.parquet", first / "captures" / "part-0.parquet")
    for read in (Tables.read_parquet, Tables.scan_parquet):
        with pytest.raises(ValueError, match="orders and captures in"):
            read(first)
    tables_with(3).write_parquet(first)
    assert amounts(Tables.read_parquet(first)) == {3}


def test_a_file_added_to_a_set_is_an_error(tmp_path: Path) -> None:
    tables_with(1).write_parquet(tmp_path)
    tables_with(2).captures.write_parquet(tmp_path / "captures" / "part-1.parquet")
    with pytest.raises(ValueError, match="different calls of write_parquet"):
        Tables.read_parquet(tmp_path)


def test_foreign_sets_are_conformed(tmp_path: Path) -> None:
    for name, frame in tables_with(5, rows=2).items():
        (tmp_path / name).mkdir()
        for part, rows in enumerate((frame[:1], frame[1:])):
            foreign = rows.cast({pl.String: pl.Categorical(), pl.Int64: pl.Int32})
            foreign.write_parquet(tmp_path / name / f"part-{part}.parquet")
    assert amounts(Tables.read_parquet(tmp_path)) == {5}
    assert om.key_figures(Tables.scan_parquet(tmp_path))["orders"].sum() == 2


def test_own_files_are_not_conformed_again(tmp_path: Path) -> None:
    om.Orders.from_json('{"order_id": "A-1"}').tables().write_parquet(tmp_path)
    scanned = Tables.scan_parquet(tmp_path)
    assert scanned.orders.explain().lstrip().startswith("Parquet SCAN")
    assert scanned.collect().orders["order_id"].item() == "A-1"


def test_lazy_tables_that_were_replaced_are_an_error(tmp_path: Path) -> None:
    tables_with(1).write_parquet(tmp_path)
    scanned = Tables.scan_parquet(tmp_path)
    tables_with(2, rows=3).write_parquet(tmp_path)
    with pytest.raises(ValueError, match="were replaced"):
        scanned.collect()
    with pytest.raises(ValueError, match="were replaced"):
        om.key_figures(scanned)
    assert amounts(Tables.scan_parquet(tmp_path)) == {2}


def write_again_and_again(folder: Path, amount: int) -> None:
    tables = tables_with(amount, rows=20 * amount)
    while True:
        tables.write_parquet(folder)


@pytest.mark.slow
def test_a_reader_gets_one_set_or_an_error_while_writers_replace_it(tmp_path: Path) -> None:
    tables_with(1).write_parquet(tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_again_and_again, args=(tmp_path, amount)) for amount in (1, 2)]
    read = 0
    try:
        for writer in writers:
            writer.start()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for open_tables in (Tables.read_parquet, Tables.scan_parquet):
                try:
                    assert len(amounts(open_tables(tmp_path))) == 1
                    read += 1
                except ValueError as error:
                    assert "set" in str(error) or "replaced" in str(error) or "different calls" in str(error)  # noqa: PT017
    finally:
        for writer in writers:
            writer.kill()
            writer.join()
    assert read  # how many depends on the machine
    tables_with(3).write_parquet(tmp_path)  # sweeps what the killed writers left
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["part-0.parquet"] * 5
    assert amounts(Tables.read_parquet(tmp_path)) == {3}


@pytest.mark.skipif(os.name == "nt", reason="no locks of unfinished files")
def test_what_killed_writers_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    left = tmp_path / ".x.csv.0123456789abcdef"
    left.write_text("half")
    (tmp_path / ".x.csv.backup").write_text("kept")
    with replacing(file) as slow:
        with replacing(file) as fast:
            fast.write_text("fast")
        assert slow.exists()
        slow.write_text("slow")
    assert file.read_text() == "slow"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.csv.backup", "x.csv"]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "objects"
    command = [sys.executable, Path(object_storage.__file__), folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stdout
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.stdout.readline().strip()}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_REGION": "eu-north-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield folder / "bucket"
        server.kill()


def test_tables_go_to_object_storage_and_back(bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables_with(7).write_parquet("s3://bucket/shop/")
    assert {file.name for file in bucket.glob("shop/*/*")} == {"part-0.parquet"}
    assert amounts(Tables.read_parquet("s3://bucket/shop")) == amounts(Tables.scan_parquet("s3://bucket/shop")) == {7}
    older = (bucket / "shop/captures/part-0.parquet").read_bytes()
    tables_with(8).write_parquet("s3://bucket/shop")
    (bucket / "shop/captures/part-0.parquet").write_bytes(older)
    with pytest.raises(ValueError, match="different calls of write_parquet"):
        Tables.read_parquet("s3://bucket/shop")
    for name, frame in tables_with(9).items():
        frame.write_parquet(f"s3://bucket/foreign/{name}/part-00000.parquet")
    assert amounts(Tables.read_parquet("s3://bucket/foreign")) == {9}
    assert [path.name for path in tmp_path.iterdir()] == ["objects"]
