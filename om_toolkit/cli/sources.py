"""The options of a command in; a function that reads or fetches its orders out, made of parts that were checked."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

import om_toolkit as om
from om_toolkit.cli.checks import STDIN, check_input, check_output
from om_toolkit.errors import Interrupted
from om_toolkit.orders.id_files import order_ids_in, read_order_ids
from om_toolkit.orders.ids import DistinctIds, distinct
from om_toolkit.support.atomic_files import uri_scheme
from om_toolkit.support.text import count_of

if TYPE_CHECKING:
    from om_toolkit.archive.archive import Refresh

Data: TypeAlias = "om.Orders | om.Tables[pl.DataFrame]"

Source: TypeAlias = "Callable[[], Data]"
"""Reads or fetches the orders."""

_KEPT: Final = "interrupted.archive"
"""The archive in which orders are kept that were fetched without one."""


def open_source(options: Namespace) -> Source:
    """Return the source that the options name, without reading orders or sending a request.

    Raises:
        OMError: If credentials are missing or contradict the host, or the archive cannot be opened.
        OSError: If a file does not exist or cannot be written.
        ValueError: If the file of order ids has none, or not the column.
    """
    if options.answers:
        return _saved_responses(options.answers)
    if options.tables:
        return partial(_read_parquet, _parquet_folder(options.tables))
    if options.orders:
        return _fetcher(options)
    path = checked_archive(options.archive)
    if options.command in _NEED_TABLES_ONLY:
        return partial(_read_archived_tables, path, getattr(options, "since", None))
    return partial(_read_archive, path)


def open_order(options: Namespace) -> Source:
    """Return the source of one order: an archive, saved orders, or the API.

    Raises:
        OMError: If credentials are missing or contradict the host.
        OSError: If a file does not exist.
        ValueError: If it cannot be an order id.
    """
    ids = distinct(options.order)
    if options.archive:
        return partial(_read_archive, checked_archive(options.archive), ids)
    if options.answers or options.tables:
        return partial(_only, open_source(options), ids[0])
    return partial(_fetch, ids, om.Client())


def _only(source: Source, order_id: str) -> om.Tables[pl.DataFrame]:
    """Return one order of a source; why others could not be read does not matter."""
    data = source()
    tables = data.tables() if isinstance(data, om.Orders) else data
    found = tables.filter(pl.col("order_id").str.to_lowercase() == order_id.lower())
    return replace(found, failures=(), is_conformed=True)


def _saved_responses(names: list[str]) -> Source:
    paths = [name if name == STDIN else check_input(name) for name in names]

    def read() -> om.Orders:
        sources = (sys.stdin.buffer.read() if path == STDIN else path for path in paths)
        return om.Orders.from_json(*sources)

    return read


def _parquet_folder(name: str) -> str:
    if not uri_scheme(name) and not Path(name).is_dir():
        raise NotADirectoryError(f"{name} is not a folder; pass one written by om-toolkit tables or write_parquet")
    return name


def _read_parquet(place: str) -> om.Tables[pl.DataFrame]:
    try:
        return om.Tables.read_parquet(place)
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"cannot read the tables in {place} ({reason}); write them again") from None


def checked_archive(name: str) -> Path:
    """Return the path of an archive that exists.

    Raises:
        OSError: If it does not exist or is a folder.
    """
    return check_input(name, "create it with om-toolkit fetch")  # Archive would create it


def _read_archive(path: Path, order_ids: DistinctIds | None = None) -> om.Orders:
    with om.Archive(path) as archive:
        return archive.orders(order_ids)


def _read_archived_tables(path: Path, since: datetime | None = None) -> om.Tables[pl.DataFrame]:
    with om.Archive(path) as archive:
        return archive.tables(since=since)


_NEED_TABLES_ONLY: Final = frozenset({"expiring", "tables"})
"""The commands that need no objects, so that large archives are read several times faster."""


def read_changes(path: Path, since: datetime | None = None) -> pl.DataFrame:
    """Return the changes that an archive has observed."""
    with om.Archive(path) as archive:
        return archive.changes(since)


def _fetcher(options: Namespace) -> Source:
    """Return a source that fetches order ids; everything that can be wrong about them is checked here."""
    ids = distinct(_read_ids(options))
    if not ids:
        raise ValueError(f"{options.orders} has no order ids; write one per line or row into it")
    client = om.Client()
    if not options.archive:
        return partial(_fetch, ids, client)
    check_output(options.archive)
    archive = om.Archive(options.archive, personal=getattr(options, "personal", False) or None)
    return partial(_fetch, ids, client, archive, options.refresh)


def _read_ids(options: Namespace) -> list[str]:
    if options.orders == STDIN:
        return order_ids_in(sys.stdin.buffer.read(), "standard input", options.column)
    return read_order_ids(check_input(options.orders), options.column)


def _fetch(
    ids: DistinctIds, client: om.Client, archive: om.Archive | None = None, refresh: Refresh = "missing"
) -> om.Orders:
    with client, archive or nullcontext():
        try:
            return client.orders(ids, archive=archive, refresh=refresh)
        except Interrupted as interrupted:
            raise KeyboardInterrupt(_keep_fetched(interrupted.orders, len(ids), archive)) from None


def _keep_fetched(orders: om.Orders, requested: int, archive: om.Archive | None) -> str:
    """Keep the orders of an interrupted batch in an archive; return what to do next."""
    if not len(orders):
        return "interrupted before an order was fetched"
    fetched = f"interrupted; {len(orders):,} of {count_of(requested, 'order')}"
    if archive:
        return f"{fetched} are in {archive.path}; run the same command again to continue"
    path = _free_path(Path(_KEPT))
    with om.Archive(path) as kept:
        for order in orders:
            kept.add(str(order.order_id), order, orders.answered.get(str(order.order_id)))
    return f"{fetched} are in {path}; run the same command again with --archive {path} to continue"


def _free_path(path: Path) -> Path:
    """Return a path that does not exist yet: the given one, or one with a number."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
