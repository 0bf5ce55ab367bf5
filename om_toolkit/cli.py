"""The command `om-toolkit`: order ids or saved responses in; key figures and a report out."""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import om_toolkit as om
from om_toolkit.orders.id_files import read_order_ids
from om_toolkit.support.atomic_files import local_path
from om_toolkit.support.csv_files import write_csv
from om_toolkit.support.text import count_of
from om_toolkit.views.report.sections import key_figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 on an error, 2 on invalid arguments, 130 on Ctrl-C."""
    # Characters that a console cannot show, such as letters outside a Windows code page, must not end the command.
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
    parser = argparse.ArgumentParser(prog="om-toolkit", description="Fetch and analyse Kustom and Klarna orders.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], purpose: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        command.set_defaults(run=run)
        return command

    demo = add("demo", _demo, "write a report of the included recording, without credentials or network")
    fetch = add("fetch", _fetch, "fetch orders into an archive with OM_API_KEY; repeat it to continue")
    report = add("report", _report, "write a report of your own orders")
    audit = add("audit", _audit, "list contradictions and gaps in your own orders")
    privacy = add("privacy", _privacy, "find credentials and personal data in files; suitable as a commit hook")
    sandbox = add("sandbox", _sandbox, "serve a local copy of the API with synthetic orders until Ctrl-C")

    _add_fetch_options(fetch)
    report.add_argument("--title", default="Orders", help="title of the report (default: %(default)s)")
    for command in (report, audit):
        _add_source_options(command)
    for command in (fetch, report, audit):
        command.add_argument("--column", help="column with the order ids, if the file has several columns")
    for command, file in ((demo, "report.html"), (report, "report.html"), (audit, "findings.csv")):
        command.add_argument("--output", default=file, metavar="FILE", help="file to write (default: %(default)s)")
    privacy.add_argument("files", nargs="+", metavar="FILE", help="notebooks, recordings, reports, tables or folders")
    _add_sandbox_options(sandbox)
    return parser


def _add_fetch_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("orders", metavar="FILE", help="CSV or Excel file with a column of order ids")
    command.add_argument("--archive", required=True, metavar="FILE", help="archive; created if it does not exist")
    refresh = "fetch orders that are missing, also those still open, or all (default: %(default)s)"
    command.add_argument("--refresh", default="missing", choices=("missing", "open", "all"), help=refresh)
    command.add_argument("--personal", action="store_true", help="keep personal data instead of placeholders")


def _add_source_options(command: argparse.ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--answers", nargs="+", metavar="FILE", help="saved responses: JSON or NDJSON")
    source.add_argument("--archive", metavar="FILE", help="archive written by om-toolkit fetch")
    source.add_argument("--orders", metavar="FILE", help="CSV or Excel file with order ids, fetched with OM_API_KEY")


def _add_sandbox_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, default=8765, help="port to listen on (default: %(default)s)")
    command.add_argument("--orders", type=int, default=300, help="number of orders (default: %(default)s)")
    faults = (
        "share of requests that fail, such as unavailable=0.1; for the kinds, see om_toolkit.synthetic.server.Server"
    )
    command.add_argument("--faults", nargs="+", type=_parse_fault, default=(), metavar="KIND=SHARE", help=faults)


def _parse_fault(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        return kind, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid fault {text!r}; use KIND=SHARE, such as unavailable=0.1") from None


def _demo(options: argparse.Namespace) -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    _write_report(orders, "Demo: the orders of a synthetic shop", options.output)
    print(
        "\nFor your own orders (in a source checkout, prefix the commands with python -m uv run):\n"
        "  om-toolkit report --orders ids.csv        fetch orders with your key in OM_API_KEY\n"
        "  om-toolkit report --answers orders.json   read responses of the API that you saved\n"
        "  notebooks/00_quickstart.ipynb             do the same in Python, step by step"
    )


def _fetch(options: argparse.Namespace) -> None:
    order_ids = read_order_ids(Path(options.orders), options.column)
    with om.Client() as client, om.Archive(options.archive, personal=options.personal or None) as archive:
        _print_summary(client.orders(order_ids, archive=archive, refresh=options.refresh))
        print(archive)


def _report(options: argparse.Namespace) -> None:
    _write_report(_load_orders(options), options.title, options.output)


def _audit(options: argparse.Namespace) -> None:
    orders = _load_orders(options)
    _print_summary(orders)
    findings = om.audit(orders)
    for severity, rule, count in findings.group_by("severity", "rule", maintain_order=True).len().iter_rows():
        print(f"  {severity:<10}{rule:<40}{count:>8,}")
    write_csv(findings, local_path(options.output))
    print(f"\nWritten: {options.output}, {count_of(findings.height, 'finding')}")


def _privacy(options: argparse.Namespace) -> None:
    findings = om.privacy.scan(*options.files)
    for file, where, kind, shown in findings.iter_rows():
        print(f"{file}: {where}: {kind}, {shown}")
    if findings.height:
        found = count_of(findings.height, "finding")
        raise ValueError(f"{found}; remove this data, and check files that were not opened, before you share them")


def _sandbox(options: argparse.Namespace) -> None:
    with om.sandbox(options.orders, port=options.port, faults=dict(options.faults)) as client:
        print(
            f"{client.base_url} serves {count_of(options.orders, 'order')} until Ctrl-C. In another terminal, use:\n"
            f"  OM_BASE_URL={client.base_url} OM_API_KEY=kco_test_sandbox\n"
            f"  an order id: {next(iter(client.order_ids), 'none')}"
        )
        while True:
            time.sleep(1)


def _load_orders(options: argparse.Namespace) -> om.Orders:
    """Return the orders that the options name; check first that the output can be written, since fetching is slow."""
    folder = local_path(options.output).parent
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {options.output}: the folder {folder} does not exist; create it first")
    if options.answers:
        return om.Orders.from_json(*map(Path, options.answers))
    if options.archive:
        return _load_archive(Path(options.archive))
    order_ids = read_order_ids(Path(options.orders), options.column)
    with om.Client() as client:
        return client.orders(order_ids)


def _load_archive(path: Path) -> om.Orders:
    if not path.is_file():  # Archive would create it
        raise FileNotFoundError(f"the archive {path} does not exist; create it with om-toolkit fetch")
    with om.Archive(path) as archive:
        return archive.orders()


def _print_summary(orders: om.Orders) -> None:
    """Print which orders there are, and which failed and why."""
    for failure in orders.failures:
        print(failure, file=sys.stderr)
    if not len(orders):
        raise ValueError("found no orders; check the input and the failures listed above, if any")
    print(orders)


def _write_report(orders: om.Orders, title: str, output: str) -> None:
    _print_summary(orders)
    for currency, figures in key_figures(orders.tables()).items():
        print(f"\n{currency}")
        for name, figure, detail in figures:
            plain = detail.replace("\N{EN DASH}", " to ")  # not every console has the dash
            print(f"  {name:<30}{figure:>18}   {plain}")
    print(f"\nWritten: {om.Report(orders, title=title).save(output)}")


if __name__ == "__main__":
    sys.exit(main())
