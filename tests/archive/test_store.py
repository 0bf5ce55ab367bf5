"""The file of an archive: refused, migrated, killed, shared and full, it loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import archive_processes
import pytest
from archived_orders import T1, filled, order, rows

import om_toolkit as om
from om_toolkit.archive import database, schema
from om_toolkit.archive.database import VERSION
from om_toolkit.synthetic.shop import AS_OF, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_refused(path: Path, words: str, *, personal: bool = False) -> None:
    """Check that a file is refused with its path and what to do, and not changed."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(om.ArchiveError, match=words) as raised:
        om.Archive(path, personal=personal)
    assert str(path) in str(raised.value)
    assert before is None or path.read_bytes() == before


def test_other_files_are_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("order_id;amount\n" * 100)
    (tmp_path / "short").write_text("x")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE snapshots (x)")
        other.execute("PRAGMA user_version = 2")
        other.commit()
    is_refused(tmp_path / "text", "not an archive.*another path")
    is_refused(tmp_path / "short", "not an archive.*another path")
    is_refused(tmp_path / "other.db", "database but not an archive.*another path")
    is_refused(tmp_path, "cannot be opened")
    is_refused(tmp_path / "nowhere" / "x", "check that its folder exists")


def test_a_newer_file_is_refused(path: Path) -> None:
    om.Archive(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    is_refused(path, "newer version of om_toolkit; update")


def test_a_file_keeps_its_dictionary(path: Path, shop_orders: om.Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, shop_orders).close()
    monkeypatch.setattr(schema, "preset_dictionary", lambda: b"another")
    with om.Archive(path) as archive:
        assert len(archive.orders()) == len(shop_orders)


@pytest.mark.parametrize("personal", [False, True])
def test_personal_is_fixed_when_the_file_is_created(path: Path, *, personal: bool) -> None:
    om.Archive(path, personal=personal).close()
    is_refused(path, f"open it with personal={personal}", personal=not personal)
    om.Archive(path, personal=personal).close()


@pytest.mark.slow
def test_documents_are_compressed_to_less_than_a_quarter(path: Path) -> None:
    shop = Shop(2_000)
    documents = [shop.body(order_id) for order_id in shop.order_ids]
    filled(path, om.Orders.from_json(b"\n".join(documents))).close()
    assert path.stat().st_size < sum(map(len, documents)) / 4


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user without the rights of an administrator, who acts in the test."""
    with tempfile.TemporaryDirectory() as folder:
        user = os.geteuid() or 65_534
        os.chown(folder, user, -1)
        with acting_as(user):
            yield Path(folder)


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    before = os.geteuid()
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_or_folder_without_write_permission_is_reported(unprivileged: Path) -> None:
    path = unprivileged / "shop.archive"
    with om.Archive(path) as archive:
        archive.add("a-1", order(), T1)
    path.chmod(0o444)
    with om.Archive(path) as archive:
        with pytest.raises(om.ArchiveError, match="not writable; change that"):
            archive.add("b-2", order("b-2"), T1)
        assert [one.order_id for one in archive.orders()] == ["a-1"]
    for left in (*unprivileged.glob("*-wal"), *unprivileged.glob("*-shm")):
        left.unlink()
    path.chmod(0o644)
    unprivileged.chmod(0o555)
    is_refused(path, "not writable|cannot be opened")
    is_refused(unprivileged / "new", "exists and is writable")
    unprivileged.chmod(0o755)
    with om.Archive(path) as archive:
        assert len(archive) == 1


def test_closing_leaves_one_file(path: Path) -> None:
    with om.Archive(path) as archive:
        archive.add("a-1", order(), T1)
        assert len(list(path.parent.glob("shop.archive*"))) == 3
    assert list(path.parent.glob("shop.archive*")) == [path]


@pytest.mark.skipif(os.name == "nt", reason="there are no modes")
@pytest.mark.parametrize("personal", [False, True])
def test_a_personal_file_is_readable_by_its_owner_only(path: Path, shop_orders: om.Orders, *, personal: bool) -> None:
    before = os.umask(0o022)
    try:
        with filled(path, shop_orders, personal=personal) as archive:
            archive.export_parquet(path.parent / "tables", personal=personal)
            files = [*path.parent.glob(f"{path.name}*"), *path.parent.glob("tables/orders/*")]
            modes = {file.stat().st_mode & 0o777 for file in files}
    finally:
        os.umask(before)
    assert len(files) == 4
    assert modes == {0o600 if personal else 0o644}


@pytest.mark.skipif(os.name == "nt", reason="there are no modes")
def test_a_personal_file_that_others_could_read_is_restricted(path: Path) -> None:
    path.touch(0o644)
    path.chmod(0o644)
    with om.Archive(path, personal=True) as archive:
        archive.add("a-1", order(), T1)
        for file in path.parent.iterdir():
            file.chmod(0o666)
        with om.Archive(path):
            assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    path.chmod(0o644)
    om.Archive.salvage(path, path.with_name("salvaged"))
    assert path.with_name("salvaged").stat().st_mode & 0o777 == 0o600
    om.Archive(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_tables_that_cannot_be_written_leave_no_files(tmp_path: Path, shop_orders: om.Orders) -> None:
    (tmp_path / "shipments").touch()
    with pytest.raises(OSError, match="shipments"):
        shop_orders.tables(personal=True).write_parquet(tmp_path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["shipments"]


def in_processes(what: str, path: Path) -> str:
    script = Path(archive_processes.__file__)
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script), what, str(path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_a_writer_killed_at_fifty_moments_never_corrupts_the_file(path: Path) -> None:
    in_processes("kill", path)


def test_two_processes_lose_no_order_and_add_none_twice(path: Path) -> None:
    in_processes("share", path)


OTHER = """
import sys
import om_toolkit as om
from om_toolkit.orders.parsing import read_order
with om.Archive(sys.argv[1]) as archive:
    for number in range(10):
        order_id = f"theirs-{sys.argv[2]}-{number}"
        archive.add(order_id, read_order('{"order_id": "1"}'), None)
"""


def test_nothing_is_lost_when_opened_twice_and_closed_by_another_process(path: Path, archive: om.Archive) -> None:
    archive.add("ours", order(), T1)
    om.Archive(path)  # as when a cell is run again
    assert om.privacy.scan(path).is_empty()
    for number in range(3):
        subprocess.run([sys.executable, "-c", OTHER, path, str(number)], check=True)
        for place in range(10):
            archive.add(f"ours-{number}-{place}", order(), T1)
    archive.close()
    assert len(rows(path)) == 61


def test_many_processes_can_create_it_at_the_same_time(path: Path) -> None:
    in_processes("open", path)


def test_a_full_quota_loses_nothing_and_adding_continues_afterwards(path: Path) -> None:
    assert "stored orders are kept" in in_processes("fill", path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or os.geteuid()
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1500k", "none", folder], check=False).returncode
    ):
        pytest.skip("only an administrator can mount a small disk")
    yield folder
    subprocess.run([str(shutil.which("umount")), folder], check=True)


def test_a_full_disk_loses_nothing_and_adding_continues_afterwards(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(800_000))
    assert "the disk is full" in in_processes("fill", small_disk / "shop.archive")


def test_many_threads_add_while_others_read(path: Path, shop_orders: om.Orders) -> None:
    with om.Archive(path) as archive, ThreadPoolExecutor(16) as pool:
        assert not archive._store._idle_writers
        reads = [pool.submit(lambda: len(archive.tables().orders)) for _ in range(5)]
        list(pool.map(lambda one: archive.add(str(one.order_id), one, AS_OF), [*shop_orders] * 2))
        assert all(read.result() <= len(shop_orders) for read in reads)
        assert len(rows(path)) == len(archive) == len(shop_orders)


def test_an_interrupt_while_adding_does_not_block_or_corrupt(path: Path, shop_orders: om.Orders) -> None:
    with om.Archive(path) as archive:
        for delay in (0.0, 0.001, 0.003, 0.01):
            timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - at any moment
                timer.start()
                while True:
                    for one in shop_orders:
                        archive.add(str(one.order_id), one, AS_OF)
            timer.join()
        for one in shop_orders:
            archive.add(str(one.order_id), one, AS_OF)
        assert len(rows(path)) == len(archive) == len(shop_orders)


def test_it_is_unusable_after_a_fork(archive: om.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add("a-1", order(), T1)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for use in (lambda: archive.add("a-1", order(), T1), archive.orders):
        with pytest.raises(om.ArchiveError, match="open it again in this process"):
            use()
    archive.close()
    monkeypatch.undo()
    assert archive._store._idle_writers[0].execute("SELECT count(*) FROM snapshots").fetchone() == (
        1,
    )  # still the parent's


def test_a_file_locked_by_another_process_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    with om.Archive(path) as archive, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(om.ArchiveError, match="another process"):
            archive.add("a-1", order(), T1)
        other.execute("ROLLBACK")
        archive.add("a-1", order(), T1)
        assert len(archive) == 1
