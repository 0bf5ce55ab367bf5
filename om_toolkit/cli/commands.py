"""The checked options of a command in; its output and its exit code out."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Final

import om_toolkit as om
from om_toolkit.cli.checks import before_requests, check_exists, check_folder, check_output, check_outputs
from om_toolkit.cli.output import exit_code, print_frame, read
from om_toolkit.cli.parser import EVERYTHING
from om_toolkit.cli.sources import Data, checked_archive, open_order, open_source, read_changes
from om_toolkit.metrics.expressions import parse_duration
from om_toolkit.support.csv_files import write_csv
from om_toolkit.support.text import count_of
from om_toolkit.tables.excel_files import check_excel_file
from om_toolkit.tables.parquet_files import resolve_place


def _demo(options: Namespace) -> int:
    with before_requests():
        check_output(options.output)
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    _write_report(orders, om.Report(orders, title="Demo: the orders of a synthetic shop"), options.output)
    print(
        "\nFor your own orders (in a source checkout, prefix the commands with python -m uv run):\n"
        "  om-toolkit report --orders ids.csv        fetch orders with your key in OM_API_KEY\n"
        "  om-toolkit report --answers orders.json   read responses of the API that you saved\n"
        "  notebooks/00_quickstart.ipynb             do the same in Python, step by step"
    )
    return EVERYTHING


def _fetch_all(options: Namespace) -> int:
    data = _read_checked(options)
    print(data)
    with om.Archive(options.archive) as archive:
        print(archive)
    return exit_code(data.failures)


def _report(options: Namespace) -> int:
    data = _read_checked(options, options.output)
    report = om.Report(data, title=options.title, min_cell=options.min_cell)
    _write_report(data, report, options.output)
    return exit_code(data.failures)


def _audit(options: Namespace) -> int:
    output = options.output or ("" if options.json else "findings.csv")
    data = _read_checked(options, output)
    findings = om.audit(data)
    if options.json:
        print_frame(findings, options, "")
    else:
        counts = findings.group_by("severity", "rule", maintain_order=True).len("findings")
        print(data)
        print_frame(counts, options, "There are no findings.")
    if output:
        write_csv(findings, check_output(output))
        written = sys.stderr if options.json else sys.stdout
        print(f"\nWritten: {output}, {count_of(findings.height, 'finding')}", file=written)
    return exit_code(data.failures)


def _expiring(options: Namespace) -> int:
    within = None if options.within == "all" else options.within
    with before_requests():
        if within is not None:
            parse_duration(within)
    data = _read_checked(options)
    nothing = f"{data!r}: none of them {f'expires within {within}' if within else 'is open'}"
    print_frame(om.expiring(data, within=within), options, nothing, data)
    return exit_code(data.failures)


def _changes(options: Namespace) -> int:
    with before_requests():
        path = checked_archive(options.archive)
    changes = read_changes(path, options.since)
    if not options.json:
        changes = changes.rename({"last_seen_before": "unchanged_at", "first_seen_after": "changed_at"})
    print_frame(changes, options, "The archive has observed no changes.")
    return EVERYTHING


def _write_tables(options: Namespace) -> int:
    with before_requests():
        if options.excel:
            check_excel_file(options.excel)
        place = options.parquet and resolve_place(options.parquet)
        if isinstance(place, Path):
            check_folder(place)
    data = _read_checked(options, options.excel)
    tables = data.tables() if isinstance(data, om.Orders) else data
    print(tables)
    if options.parquet:
        tables.write_parquet(options.parquet)
        print(f"Written: {options.parquet}")
    if options.excel:
        tables.write_excel(options.excel)
        print(f"Written: {options.excel}")
    return exit_code(data.failures)


def _show_timeline(options: Namespace) -> int:
    with before_requests():
        source = open_order(options)
    data = read(source, options)
    changes = read_changes(checked_archive(options.archive)) if options.archive else None
    print_frame(om.timeline(data, changes=changes), options, "", data)
    return EVERYTHING


def _privacy(options: Namespace) -> int:
    with before_requests():
        for path in options.files:
            check_exists(path)
    findings = om.privacy.scan(*options.files)
    if options.json:
        print_frame(findings, options, "")
    else:
        for file, where, kind, shown in findings.iter_rows():
            print(f"{file}: {where}: {kind}, {shown}")
    if findings.height:
        found = count_of(findings.height, "finding")
        raise ValueError(f"{found}; remove this data, and check files that were not opened, before you share them")
    return EVERYTHING


def _serve(options: Namespace) -> int:
    with before_requests():
        shop = om.sandbox(options.orders, port=options.port, faults=dict(options.faults))
    with shop as client:
        print(
            f"{client.base_url} serves {count_of(options.orders, 'order')} until Ctrl-C. In another terminal, use:\n"
            f"  OM_BASE_URL={client.base_url} OM_API_KEY=kco_test_sandbox\n"
            f"  an order id: {next(iter(client.order_ids), 'none')}",
            flush=True,
        )
        while True:
            time.sleep(1)


def _read_checked(options: Namespace, *outputs: str) -> Data:
    """Return the orders, once it is sure that the outputs can be written."""
    with before_requests():
        check_outputs(options, *outputs, options.failures)
        source = open_source(options)
    return read(source, options)


def _write_report(data: Data, report: om.Report, output: str) -> None:
    from om_toolkit.views.report.sections import key_figures  # noqa: PLC0415 - loads matplotlib

    print(data)
    for currency, figures in key_figures(data.tables() if isinstance(data, om.Orders) else data).items():
        print(f"\n{currency}")
        for name, figure, detail in figures:
            plain = detail.replace("\N{EN DASH}", " to ")  # not every console has the dash
            print(f"  {name:<30}{figure:>18}   {plain}")
    print(f"\nWritten: {report.save(output)}")


COMMANDS: Final[dict[str, Callable[[Namespace], int]]] = {
    "demo": _demo,
    "fetch": _fetch_all,
    "report": _report,
    "audit": _audit,
    "expiring": _expiring,
    "changes": _changes,
    "timeline": _show_timeline,
    "tables": _write_tables,
    "privacy": _privacy,
    "sandbox": _serve,
}
"""The function of each command."""
