"""Arguments in; the checked options of one command out. Imports little, so that `--help` appears at once."""

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeAlias

import om_toolkit as om
from om_toolkit.cli.checks import STDIN

EVERYTHING, NOTHING, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
"""The exit codes."""

_EPILOG: Final = """\
exit codes:
  0    done, with every order
  1    nothing was found, or an error ended the command; privacy: there are findings
  2    invalid arguments, files or settings; nothing was requested
  3    done, but some orders could not be fetched or read
  130  interrupted by Ctrl-C; the message says where the fetched orders are

Results are on stdout; progress, warnings and failures on stderr.
Credentials are read from the environment only: OM_API_KEY, or OM_USERNAME and OM_PASSWORD; OM_BASE_URL names the host.
"""

_Add: TypeAlias = Callable[[argparse.ArgumentParser], Any]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command that the arguments name, by default those of the process.

    Raises:
        SystemExit: If the arguments are invalid, or help or version was asked for.
    """
    layout: Any = {"epilog": _EPILOG, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(
        prog="om-toolkit", description="Fetch and analyse Kustom and Klarna orders.", **layout
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (purpose, *additions) in _COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", **layout)
        command.set_defaults(parser=command, verbose=False)
        for add in additions:
            add(command)
    options = parser.parse_args(arguments)
    _check_sources(options)
    if options.command == "tables":
        _check_tables(options)
    return options


def _check_tables(options: argparse.Namespace) -> None:
    """Check that something is written, and that only an archive is asked when orders were seen."""
    if not (options.parquet or options.excel):
        options.parser.error("name what to write: --parquet DEST, --excel FILE or both")
    if options.since and (options.orders or not options.archive):
        options.parser.error("--since is for orders that an archive has seen; fetch into one first, and add --archive")


class _Version(argparse.Action):
    """Prints the version; its look-up reads files, so it is made only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"om-toolkit {om.__version__}")
        parser.exit()


def _check_sources(options: argparse.Namespace) -> None:
    """Check that there is one source of orders; an archive goes with ids, which are fetched into it."""
    if not hasattr(options, "answers"):
        return
    given = [name for name in ("answers", "tables", "orders") if getattr(options, name)]
    if options.archive and given != ["orders"]:
        given.append("archive")
    if len(given) > 1:
        options.parser.error(f"--{given[0]} cannot be combined with --{given[1]}; only --orders takes an --archive")
    if not given and not hasattr(options, "order"):
        options.parser.error("name the orders: one of --archive, --answers, --tables or --orders is required")
    for name in ("column", "failures"):
        if getattr(options, name) and not options.orders:
            options.parser.error(f"--{name} is for order ids; add --orders FILE")


def _add_sources(command: argparse.ArgumentParser) -> None:
    source = command.add_argument_group("where the orders come from")
    _add_saved(source, "archive written by om-toolkit fetch; with --orders, add to it")
    source.add_argument("--orders", metavar="FILE", help=f"file of order ids, fetched with OM_API_KEY; {_ID_FILES}")
    _add_ids(source)


def _add_saved(group: argparse._ActionsContainer, archive: str) -> None:
    group.add_argument("--archive", metavar="FILE", help=archive)
    group.add_argument(
        "--answers", nargs="+", metavar="FILE", help=f"saved responses: JSON or NDJSON; {STDIN} is stdin"
    )
    group.add_argument("--tables", metavar="FOLDER", help="Parquet folder written by om-toolkit tables")


_ID_FILES: Final = f"CSV, Excel, text, webhooks as NDJSON, or {STDIN} for stdin"


def _add_ids(group: argparse._ActionsContainer) -> None:
    group.add_argument("--column", metavar="NAME", help="column with the order ids, unless its name says so")
    refresh = "fetch orders that the archive lacks, also those still open, or all (default: %(default)s)"
    group.add_argument("--refresh", default="missing", choices=("missing", "open", "all"), help=refresh)
    group.add_argument("--failures", metavar="FILE", help="CSV file to write with the ids that failed, and why")
    group.add_argument("--verbose", action="store_true", help="print retries, waits and each failure on stderr")


def _add_fetch(command: argparse.ArgumentParser) -> None:
    command.set_defaults(answers=None, tables=None)
    command.add_argument("orders", metavar="FILE", help=f"file of order ids: {_ID_FILES}")
    command.add_argument("--archive", required=True, metavar="FILE", help="archive; created if it does not exist")
    command.add_argument("--personal", action="store_true", help="keep personal data instead of placeholders")
    _add_ids(command)


def _add_report(command: argparse.ArgumentParser) -> None:
    command.add_argument("--title", type=_title, default="Orders", help="title of the report (default: %(default)s)")
    least = "smallest group that is shown separately; 1 shows all (default: %(default)s)"
    command.add_argument("--min-cell", type=_min_cell, default=5, metavar="ORDERS", help=least)


def _adds_output(default: str) -> _Add:
    """Return a function that adds `--output`."""
    help_text = "file to write (default: %(default)s)"
    return lambda command: command.add_argument("--output", default=default, metavar="FILE", help=help_text)


def _add_expiring(command: argparse.ArgumentParser) -> None:
    within = "duration such as 90m, 72h or 7d from the time the orders were fetched; all for every open order"
    command.add_argument("--within", default="72h", metavar="DURATION", help=f"{within} (default: %(default)s)")


def _add_changes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--archive", required=True, metavar="FILE", help="archive written by om-toolkit fetch")
    _add_since(command, "only changes seen after this time")


def _add_since(command: argparse.ArgumentParser, purpose: str) -> None:
    example = "such as 2026-10-31 or 2026-10-31T08:00+01:00; without zone in UTC"
    command.add_argument("--since", type=_since, metavar="TIME", help=f"{purpose}, {example}")


def _add_timeline(command: argparse.ArgumentParser) -> None:
    command.add_argument("order", metavar="ORDER", help="order id; without a source it is fetched with OM_API_KEY")
    command.set_defaults(orders=None, column=None, failures=None)
    _add_saved(command, "archive written by om-toolkit fetch; shows the changes that it has observed, too")


def _add_tables(command: argparse.ArgumentParser) -> None:
    command.add_argument("--parquet", metavar="DEST", help="folder or URI, such as s3://bucket/shop, for Parquet files")
    command.add_argument("--excel", metavar="FILE", help="Excel file to write, with a sheet for each table")
    _add_since(command, "only the orders of an archive that were seen at this time or later")


def _add_json(command: argparse.ArgumentParser) -> None:
    purpose = "print an object of JSON per line, with amounts in minor units and times in UTC"
    command.add_argument("--json", action="store_true", help=purpose)


def _add_findings(command: argparse.ArgumentParser) -> None:
    default = "CSV file to write (default: findings.csv, with --json none)"
    command.add_argument("--output", metavar="FILE", help=default)


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="PATH", help="notebooks, recordings, reports, tables or folders")


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, default=8765, help="port to listen on (default: %(default)s)")
    command.add_argument("--orders", type=int, default=300, help="number of orders (default: %(default)s)")
    faults = (
        "share of requests that fail, such as unavailable=0.1; for the kinds, see om_toolkit.synthetic.server.Server"
    )
    command.add_argument("--faults", nargs="+", type=_fault, default=(), metavar="KIND=SHARE", help=faults)


def _fault(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        return kind, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid fault {text!r}; use KIND=SHARE, such as unavailable=0.1") from None


def _since(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid time {text!r}; use a date or time such as 2026-10-31") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _title(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("the title is blank or has a character that cannot be printed")
    return text


def _min_cell(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"invalid number of orders {text!r}; use 1 or more")
    return int(text)


_COMMANDS: Final[dict[str, tuple[Any, ...]]] = {
    "demo": ("write a report of the included recording, without credentials or network", _adds_output("report.html")),
    "fetch": ("fetch orders into an archive with OM_API_KEY; repeat it to continue", _add_fetch),
    "report": ("write a report of your own orders", _add_sources, _add_report, _adds_output("report.html")),
    "audit": ("list contradictions and gaps in your own orders", _add_sources, _add_findings, _add_json),
    "expiring": ("list authorized orders that expire soon", _add_sources, _add_expiring, _add_json),
    "changes": ("list what has changed between the snapshots of an archive", _add_changes, _add_json),
    "timeline": ("list the events of one order", _add_timeline, _add_json),
    "tables": ("write the orders as Parquet or Excel tables, without personal data", _add_sources, _add_tables),
    "privacy": ("find credentials and personal data in files; suitable as a commit hook", _add_files, _add_json),
    "sandbox": ("serve a local copy of the API with synthetic orders until Ctrl-C", _add_sandbox),
}
"""The purpose of each command, and the functions that add its arguments."""
