"""The command `om-toolkit`: order ids or saved answers in, key figures and a report out."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import om_toolkit as om
from om_toolkit.support.csv_files import read_order_ids
from om_toolkit.views.questions import key_figures

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if it failed, 2 if it was called wrongly, 130 on Ctrl-C."""
    # What a console cannot show, such as a customer's letters in a Windows code page, must not end the command.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", om.OMWarning)
            warnings.showwarning = lambda message, *_: print(f"om-toolkit: {message}", file=sys.stderr)
            options.run(options)
    except (om.OMError, OSError, ValueError, OverflowError) as error:
        print(f"om-toolkit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("om-toolkit: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="om-toolkit", description="Answers about Kustom / Klarna orders.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="a report of the shipped recording: no credentials, no network")
    demo.set_defaults(run=_demo)

    fetch = commands.add_parser("fetch", help="orders into an archive, with OM_API_KEY; call it again to go on")
    fetch.add_argument("orders", metavar="FILE", help="order ids as a column of a CSV file")
    fetch.add_argument("--archive", required=True, metavar="FILE", help="made if it is not there")
    fetch.add_argument("--refresh", default="missing", choices=("missing", "open", "all"), help="(%(default)s)")
    fetch.add_argument("--personal", action="store_true", help="keep personal data instead of stand-ins")
    fetch.set_defaults(run=_fetch)

    report = commands.add_parser("report", help="a report of your own orders")
    report.add_argument("--title", default="Orders", help="heads the report")
    report.set_defaults(run=_report)

    audit = commands.add_parser("audit", help="what does not add up in your own orders")
    audit.set_defaults(run=_audit)

    for command in (report, audit):
        source = command.add_mutually_exclusive_group(required=True)
        source.add_argument("--answers", nargs="+", metavar="FILE", help="answers that you saved: JSON or NDJSON")
        source.add_argument("--archive", metavar="FILE", help="an archive")
        source.add_argument("--orders", metavar="FILE", help="order ids in a CSV file; fetched with OM_API_KEY")
    for command in (fetch, report, audit):
        command.add_argument("--column", help="the column of order ids, where the file has several")
    for command, file in ((demo, "report.html"), (report, "report.html"), (audit, "findings.csv")):
        command.add_argument("--output", default=file, metavar="FILE", help="what is written (%(default)s)")

    privacy = commands.add_parser("privacy", help="look for credentials and personal data in files: fit for a hook")
    privacy.add_argument("files", nargs="+", metavar="FILE", help="notebooks, cassettes, reports, tables, folders")
    privacy.set_defaults(run=_privacy)

    sandbox = commands.add_parser("sandbox", help="a local copy of the API over a synthetic shop, until Ctrl-C")
    sandbox.add_argument("--port", type=int, default=8765, help="(%(default)s)")
    sandbox.add_argument("--orders", type=int, default=300, help="orders in the shop (%(default)s)")
    sandbox.add_argument(
        "--faults",
        nargs="+",
        type=_fault,
        default=(),
        metavar="KIND=SHARE",
        help="what goes wrong, such as unavailable=0.1 for a tenth of the answers; see om_toolkit.synthetic.server.Server",
    )
    sandbox.set_defaults(run=_sandbox)
    return parser


def _fault(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        return kind, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no KIND=SHARE, such as unavailable=0.1") from None


def _demo(options: argparse.Namespace) -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    _write_report(orders, "Demo: the orders of a synthetic shop", options.output)
    print(
        "\nWith your own orders (in a checkout, put python -m uv run in front):\n"
        "  om-toolkit report --orders ids.csv        fetched with your key, in OM_API_KEY\n"
        "  om-toolkit report --answers answers.json  from answers of the API that you saved\n"
        "  notebooks/00_quickstart.ipynb             the same in Python, step by step"
    )


def _fetch(options: argparse.Namespace) -> None:
    order_ids = read_order_ids(Path(options.orders), options.column)
    with om.Client() as client, om.Archive(options.archive, personal=options.personal or None) as archive:
        _tell(client.orders(order_ids, archive=archive, refresh=options.refresh))
        print(archive)


def _report(options: argparse.Namespace) -> None:
    _write_report(_orders(options), options.title, options.output)


def _audit(options: argparse.Namespace) -> None:
    orders = _orders(options)
    _tell(orders)
    findings = om.audit(orders)
    counts = findings.group_by("severity", "rule", maintain_order=True).len()
    for severity, rule, count in counts.iter_rows():
        print(f"  {severity:<10}{rule:<40}{count:>8,}")
    findings.write_csv(options.output)
    print(f"\nWritten: {options.output}, {findings.height:,} findings")


def _orders(options: argparse.Namespace) -> om.Orders:
    """Return the orders that the options tell of, once it is clear that there is a place for what is made of them."""
    if not Path(options.output).parent.is_dir():
        raise NotADirectoryError(f"there is no folder {Path(options.output).parent} to write {options.output} into")
    if options.answers:
        return om.Orders.from_json(*map(Path, options.answers))
    if options.archive:
        return _archived(Path(options.archive))
    order_ids = read_order_ids(Path(options.orders), options.column)
    with om.Client() as client:
        return client.orders(order_ids)


def _archived(path: Path) -> om.Orders:
    if not path.is_file():
        raise FileNotFoundError(f"there is no archive {path}: om-toolkit fetch makes one")
    with om.Archive(path) as archive:
        return archive.orders()


def _privacy(options: argparse.Namespace) -> None:
    found = om.privacy.scan(*options.files)
    for file, where, kind, shown in found.iter_rows():
        print(f"{file}: {where}: {kind}, {shown}")
    if found.height:
        raise ValueError(f"{found.height} places hold credentials or personal data, or could not be looked into")


def _sandbox(options: argparse.Namespace) -> None:
    with om.sandbox(options.orders, port=options.port, faults=dict(options.faults)) as client:
        print(
            f"{client.base_url} serves {options.orders} orders until Ctrl-C. In another window:\n"
            f"  OM_BASE_URL={client.base_url} OM_API_KEY=kco_test_sandbox\n"
            f"  an order id: {next(iter(client.order_ids), 'there is none')}"
        )
        while True:
            time.sleep(1)


def _tell(orders: om.Orders) -> None:
    """Say which orders there are, and why others are not."""
    for failure in orders.failures:
        print(failure, file=sys.stderr)
    if not len(orders):
        raise ValueError("there are no orders")
    print(orders)


def _write_report(orders: om.Orders, title: str, output: str) -> None:
    _tell(orders)
    for currency, figures in key_figures(orders.tables()).items():
        print(f"\n{currency}")
        for name, figure, detail in figures:
            print(f"  {name:<28}{figure:>20}   {detail}")
    print(f"\nWritten: {om.Report(orders, title=title).save(output)}")


if __name__ == "__main__":
    sys.exit(main())
