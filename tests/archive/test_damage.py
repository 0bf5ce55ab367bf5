"""A damaged, separated, moved or foreign file: the same content or an `ArchiveError`; what is intact is salvaged."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from archived_orders import T1, T2, T3, filled, order, rows

import om_toolkit as om
from om_toolkit.archive import log
from om_toolkit.archive.database import log_of
from om_toolkit.archive.rows import pack
from om_toolkit.archive.schema import FIRST_SCHEMA, preset_dictionary
from om_toolkit.orders.parsing import to_document, to_json
from om_toolkit.support.application_id import APPLICATION_ID
from om_toolkit.synthetic.shop import AS_OF, Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::om_toolkit.StaleOrders")

KILLED = """
import os, sys
import om_toolkit as om
from om_toolkit.archive import store
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import AS_OF, Shop
store._ADDS_PER_MARK = int(sys.argv[2])
shop = Shop(int(sys.argv[3]))
archive = om.Archive(sys.argv[1])
for order_id in shop.order_ids:
    archive.add(order_id, read_order(shop.body(order_id)), AS_OF)
os._exit(0)
"""


def killed(path: Path, *, adds_per_mark: int = 20, orders: int = 30) -> list[Any]:
    """Leave an archive as a process that is killed does; return its content."""
    subprocess.run([sys.executable, "-c", KILLED, path, str(adds_per_mark), str(orders)], check=True)
    copy = path.with_name("copy")
    for file in (path, log_of(path)):
        shutil.copy(file, copy.with_name(file.name.replace(path.name, copy.name)))
    return content(copy)


def content(path: Path) -> list[Any]:
    """Return everything that can be read."""
    with om.Archive(path) as archive:
        tables = [frame.rows() for _, frame in archive.tables().items()]
        return [archive._store.counts(), tables, archive.changes().rows(), archive.wanted(SHOP.order_ids, "open")]


SHOP = Shop(30)


def small(path: Path) -> list[Any]:
    """Make an archive with a change in each of a few orders; return its content."""
    with filled(path, om.Orders.from_json(b"\n".join(map(SHOP.body, SHOP.order_ids)))) as archive:
        for order_id in SHOP.order_ids[:10]:
            archive.add(order_id, order(order_id, status="EXPIRED"), AS_OF.replace(year=AS_OF.year + 1))
    return content(path)


def differs_silently(path: Path, expected: list[Any], damage: Callable[[bytearray], object], target: Path) -> bool:
    """Damage a copy of a file and read it; any other exception than ArchiveError fails the test."""
    before = target.read_bytes()
    data = bytearray(before)
    damage(data)
    target.write_bytes(data)
    try:
        found = content(path)
    except om.ArchiveError:
        return False
    finally:
        log_of(path).unlink(missing_ok=True)
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        target.write_bytes(before)
    return found != expected


def flip(dice: random.Random) -> Callable[[bytearray], object]:
    def damage(data: bytearray) -> None:
        data[dice.randrange(len(data))] ^= dice.randrange(1, 256)

    return damage


def cut(dice: random.Random) -> Callable[[bytearray], object]:
    def damage(data: bytearray) -> None:
        del data[dice.randrange(1, len(data)) :]

    return damage


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the files once: no other process writes."""
    monkeypatch.setattr(log, "_LOG_WAITS", ())


@pytest.mark.parametrize(
    ("flips", "cuts"), [(40, 10), pytest.param(2_000, 200, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.usefixtures("_impatient")
def test_a_damaged_file_gives_the_same_content_or_an_error(path: Path, flips: int, cuts: int) -> None:
    dice, expected = random.Random(7), small(path)  # noqa: S311 - no secret
    damages = [flip(dice)] * flips + [cut(dice)] * cuts
    assert sum(differs_silently(path, expected, damage, path) for damage in damages) == 0
    assert content(path) == expected


@pytest.mark.parametrize("flips", [16, pytest.param(400, marks=pytest.mark.slow)], ids=["few", "many"])
@pytest.mark.usefixtures("_impatient")
def test_a_damaged_log_gives_the_same_content_or_an_error(path: Path, flips: int) -> None:
    dice, expected = random.Random(8), killed(path)  # noqa: S311 - no secret
    main, logged = path.read_bytes(), log_of(path).read_bytes()
    for damage in [flip(dice)] * flips + [cut(dice)] * (flips // 4):
        path.write_bytes(main)
        log_of(path).write_bytes(logged)
        assert not differs_silently(path, expected, damage, log_of(path))


def test_the_message_counts_intact_orders_and_salvage_copies_them(path: Path, tmp_path: Path) -> None:
    with om.Archive(path) as archive:
        for number in range(40):
            archive.add(f"a-{number:02}", order(f"a-{number:02}", name=f"{number:02}" * 700), T1)
        assert archive.verify() == 40
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"a-17") + 1] ^= 4
    path.write_bytes(damaged)
    with (
        om.Archive(path) as archive,
        pytest.raises(om.ArchiveError, match=r"39 of 40 orders are intact; .* om\.Archive\.salvage\("),
    ):
        archive.orders()
    with om.Archive(path) as archive, pytest.raises(om.ArchiveError, match="39 of 40 orders"):
        archive.add("new", order("new"), T1)
    assert path.read_bytes() == damaged
    with om.Archive(path) as archive:
        assert archive.salvage(tmp_path / "salvaged") == 39
    with om.Archive(tmp_path / "salvaged") as salvaged:
        assert salvaged.verify() == 39
        assert salvaged.wanted(["a-16", "a-17", "a-18"], "missing") == ["a-17"]
        salvaged.add("a-17", order("a-17"), T1)
    with pytest.raises(om.ArchiveError, match="salvaged exists; salvage to a new path"):
        om.Archive.salvage(path, tmp_path / "salvaged")


@pytest.mark.parametrize("first_bytes", [0, 4_096])
def test_salvage_reads_a_file_that_sqlite_refuses(path: Path, tmp_path: Path, first_bytes: int) -> None:
    expected = small(path)[0]
    data = bytearray(path.read_bytes())
    data[first_bytes : first_bytes + 8] = b"\xff" * 8
    path.write_bytes(data[: len(data) - 100])
    with pytest.raises(om.ArchiveError):
        om.Archive(path)
    assert om.Archive.salvage(str(path), tmp_path / "salvaged") in range(25, 31)
    with om.Archive(tmp_path / "salvaged") as salvaged:
        assert salvaged._store.counts().snapshots > expected.snapshots / 2


def test_salvage_of_a_large_document_and_of_nothing(path: Path, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(40_000).hex()  # noqa: S311 - no secret
    with om.Archive(path, personal=True) as archive:
        archive.add("a-1", order(description=noise), T1)
        archive.add("a-1", order(description=noise, status="CANCELLED"), T2)
    assert om.Archive.salvage(path, tmp_path / "salvaged") == 1
    assert rows(tmp_path / "salvaged") == rows(path)
    (tmp_path / "text").write_text("order_id;amount\n" * 1_000)
    for other in ("text", "nowhere"):
        with pytest.raises(om.ArchiveError, match=r"restore a backup|cannot be read"):
            om.Archive.salvage(tmp_path / other, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_a_lost_row_and_an_unreachable_one_are_noticed(path: Path) -> None:
    for statement in (
        "DELETE FROM snapshots WHERE order_key = 'b-2'",
        "DELETE FROM snapshots WHERE order_key = 'a-1' AND number = 1",
        "UPDATE snapshots SET order_key = 'c-3' WHERE order_key = 'b-2'",
        "UPDATE snapshots SET is_open = 1 - is_open",
        "UPDATE snapshots SET first_seen = NULL",
        "UPDATE snapshots SET body = (SELECT body FROM snapshots ORDER BY rowid DESC)",
        "UPDATE totals SET snapshots = 0",
        "DELETE FROM totals",
        "UPDATE archive SET personal = 1 WHERE copy = 2",
        "UPDATE archive SET dictionary = zeroblob(10)",
    ):
        with om.Archive(path) as archive:
            archive.add("a-1", order(status="AUTHORIZED"), T1)
            archive.add("a-1", order(status="CANCELLED"), T2)
            archive.add("b-2", order("b-2"), T1)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, 'first_seen INTEGER NOT NULL', 'first_seen')"
            )
            connection.commit()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, 'first_seen,', 'first_seen INTEGER NOT NULL,')"
            )
            connection.commit()
        with pytest.raises(om.ArchiveError, match="corrupt"), om.Archive(path) as archive:
            archive.orders()
        path.unlink()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER other AFTER INSERT ON snapshots BEGIN DELETE FROM snapshots; END",
        "CREATE VIEW other AS SELECT 1",
        "CREATE TABLE other (x)",
        "CREATE INDEX other ON snapshots (body)",
    ],
)
def test_foreign_objects_are_refused(path: Path, tmp_path: Path, statement: str) -> None:
    with om.Archive(path) as archive:
        archive.add("a-1", order(), T1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
    with pytest.raises(om.ArchiveError, match=r"'other' that om_toolkit did not create; drop it, or .*salvage"):
        om.Archive(path)
    assert om.Archive.salvage(path, tmp_path / "salvaged") == 1


def test_a_main_file_and_its_log_are_refused_without_each_other(path: Path, tmp_path: Path) -> None:
    expected = killed(path)
    moved = path.rename(tmp_path / "moved")
    with pytest.raises(om.ArchiveError, match=r"-wal is missing.*move it back, or .*salvage"):
        om.Archive(moved)
    with pytest.raises(om.ArchiveError, match=r"is without shop\.archive"):
        om.Archive(path)
    moved.rename(path)
    assert content(path) == expected


def test_the_log_of_another_file_is_refused_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    small(path)
    other = tmp_path / "other"
    killed(other, adds_per_mark=1_000)
    before = path.read_bytes()
    shutil.copy(log_of(other), log_of(path))
    with pytest.raises(om.ArchiveError, match=r"does not belong to shop\.archive"):
        om.Archive(path)
    assert path.read_bytes() == before
    log_of(path).unlink()
    om.Archive(path).close()


def test_an_earlier_log_of_the_same_file_is_refused(path: Path) -> None:
    killed(path, orders=5)
    earlier = log_of(path).read_bytes()
    with om.Archive(path) as archive:
        archive.add("new", order("new"), T1)
    log_of(path).write_bytes(earlier)
    with pytest.raises(om.ArchiveError, match="does not belong"):
        om.Archive(path)


@pytest.mark.parametrize("how", ["move", "delete", "replace", "delete the log"])
def test_adding_to_a_file_that_is_gone_is_an_error_and_what_was_added_is_kept(
    path: Path, tmp_path: Path, how: str
) -> None:
    moved = tmp_path / "moved"
    if how == "replace":
        with om.Archive(tmp_path / "other") as other:
            other.add("other", order("other"), T1)
    with om.Archive(path) as archive:
        archive.add("a-1", order(), T1)
        if how == "delete the log":
            log_of(path).unlink()
        elif how == "delete":
            path.unlink()
        else:
            path.rename(moved)
        if how == "replace":
            (tmp_path / "other").rename(path)
        for _ in range(2):
            with pytest.raises(om.ArchiveError, match="moved, replaced or deleted"):
                archive.add("b-2", order("b-2"), T1)
    if how == "replace":
        assert [one.order_id for one in om.Archive(path).orders()] == ["other"]
    if how in ("move", "replace"):
        assert "a-1" in [one.order_id for one in om.Archive(moved).orders()]
    if how == "delete the log":
        assert "a-1" in [one.order_id for one in om.Archive(path).orders()]


@pytest.mark.parametrize("how", ["move", "move the folder", "delete", "replace", "delete the log", "truncate"])
def test_a_fetch_ends_when_its_archive_is_taken_away_and_what_was_stored_is_kept(tmp_path: Path, how: str) -> None:
    folder, kept = tmp_path / "folder", tmp_path / "kept"
    folder.mkdir()
    path = folder / "shop"
    om.Archive(tmp_path / "other").close()
    stored: list[str] = []
    enough = threading.Event()

    def take_away() -> None:
        enough.wait(60)
        if how == "truncate":
            os.truncate(path, 4_096)
        elif how == "move the folder":
            folder.rename(tmp_path / "elsewhere")
        elif how == "delete the log":
            log_of(path).unlink()
        else:
            path.unlink() if how == "delete" else path.rename(kept)
        if how == "replace":
            (tmp_path / "other").rename(path)

    thief = threading.Thread(target=take_away)
    with om.sandbox(400, latency=0.01) as client, om.Archive(path) as archive:
        add = archive.add

        def add_and_count(order_id: str, *values: Any) -> None:
            add(order_id, *values)
            stored.append(order_id)
            if len(stored) == 20:
                enough.set()

        archive.add = add_and_count  # type: ignore[method-assign]
        thief.start()
        # SQLite itself notices that its log is gone if a thread opens the file just then.
        reasons = r"moved, replaced or deleted|truncated by another program|the system refused to read or write"
        with pytest.raises(om.ArchiveError, match=reasons):
            client.orders(client.order_ids, archive=archive)
        thief.join()
    assert 20 <= len(stored) < 200
    left = {"move the folder": tmp_path / "elsewhere" / "shop", "delete the log": path}.get(how, kept)
    if how not in ("delete", "truncate"):
        with om.Archive(left) as found:
            assert found.wanted(stored, "missing") == []
    if how == "replace":
        assert len(om.Archive(path)) == 0


def first_version(path: Path, orders: list[tuple[str, om.Order]], *, personal: bool) -> None:
    """Write a file as the first version did."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in FIRST_SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO archive VALUES (?, ?)", (personal, preset_dictionary()))
        numbers: dict[str, int] = {}
        for key, one in orders:
            number = numbers[key] = numbers.get(key, -1) + 1
            at = int((T1, T2)[number].timestamp() * 1e6)
            values = (key, number, at, at, 1, *pack(to_json(to_document(one)), preset_dictionary()))
            connection.execute("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


FIRST = [
    ("a-1", order(status="AUTHORIZED")),
    ("811218-9876", order("order_id-1", captures=[{"capture_id": "c", "order_id": "order_id-1"}])),
    ("a-1", order(status="CAPTURED", captured_amount=5)),
    ("811218-9884", order("order_id-1", status="CANCELLED")),
]


@pytest.mark.parametrize("personal", [False, True])
def test_a_file_of_the_first_version_is_upgraded(path: Path, *, personal: bool) -> None:
    first_version(path, FIRST, personal=personal)
    before = rows(path)
    with om.Archive(path) as archive:
        assert archive.is_personal is personal
        assert archive.verify() == 3
        found = archive.orders(["a-1", "811218-9884", "811218-9876"])
        assert [one.status for one in found] == ["CAPTURED", "CANCELLED", None]
        assert archive.changes().select("field", "after").rows() == [("status", "CAPTURED"), ("captured_amount", "5")]
        assert len({one.order_id for one in found}) == (2 if personal else 3)
        assert found[2].captures[0].order_id == found[2].order_id
    kept = {row for row in rows(path) if personal or row[0] == "a-1"}
    assert kept == {row for row in before if personal or row[0] == "a-1"}
    if not personal:
        assert b"811218" not in path.read_bytes()
    with om.Archive(path) as archive:
        archive.add("a-1", order(status="CAPTURED", captured_amount=5), T3)
        assert archive._store.counts()[:2] == (3, 4)


def test_a_damaged_file_of_the_first_version_is_not_changed(path: Path, tmp_path: Path) -> None:
    first_version(path, FIRST, personal=False)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE snapshots SET body = substr(body, 1, 20) WHERE order_key = 'a-1' AND number = 1")
    before = path.read_bytes()
    with pytest.raises(om.ArchiveError, match=r"corrupt .* not changed: 3 orders are intact"):
        om.Archive(path)
    assert path.read_bytes() == before
    assert om.Archive.salvage(path, tmp_path / "salvaged") == 3
    with om.Archive(tmp_path / "salvaged") as salvaged:
        assert len(salvaged.orders(["811218-9876", "a-1"])) == 2


TWO_WRITERS = """
import sys
import om_toolkit as om
from om_toolkit.archive import store
from om_toolkit.orders.parsing import read_order
store._ADDS_PER_MARK = 10
number = 0
with om.Archive(sys.argv[1]) as archive:
    while True:
        order_id = f"{sys.argv[2]}-{number:06}"
        archive.add(order_id, read_order('{"order_id": "%s"}' % order_id), None)
        print(order_id, flush=True)
        number += 1
"""


@pytest.mark.slow
def test_fifty_kills_with_two_writers_lose_nothing_that_was_added(path: Path) -> None:
    dice = random.Random(9)  # noqa: S311 - no secret
    added: set[str] = set()
    for turn in range(50):
        writers = [
            subprocess.Popen([sys.executable, "-c", TWO_WRITERS, path, f"{turn}-{name}"], stdout=subprocess.PIPE)
            for name in "xy"
        ]
        for writer in writers:
            assert writer.stdout
            added |= {writer.stdout.readline().decode().strip() for _ in range(dice.randrange(1, 60))}
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            added |= {line for line in writer.communicate()[0].decode().split("\n")[:-1] if line}
        with om.Archive(path) as archive:
            assert not archive.wanted(sorted(added), "missing")
    with om.Archive(path) as archive:
        assert archive.verify() >= len(added) > 100
