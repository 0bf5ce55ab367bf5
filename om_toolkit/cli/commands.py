"""The checked options of a command in; its output and its exit code out."""

import time
from argparse import Namespace
from collections.abc import Callable
from typing import Final

import om_toolkit as om
from om_toolkit.cli.checks import before_requests, check_output
from om_toolkit.cli.output import exit_code, read
from om_toolkit.cli.parser import EVERYTHING
from om_toolkit.cli.sources import Data, open_source
from om_toolkit.support.csv_files import write_csv
from om_toolkit.support.text import count_of


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
    data = _read_checked(options, options.output)
    print(data)
    findings = om.audit(data)
    for severity, rule, count in findings.group_by("severity", "rule", maintain_order=True).len().iter_rows():
        print(f"  {severity:<10}{rule:<40}{count:>8,}")
    write_csv(findings, check_output(options.output))
    print(f"\nWritten: {options.output}, {count_of(findings.height, 'finding')}")
    return exit_code(data.failures)


def _privacy(options: Namespace) -> int:
    findings = om.privacy.scan(*options.files)
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
        for output in filter(None, (*outputs, options.failures)):
            check_output(output)
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
    "privacy": _privacy,
    "sandbox": _serve,
}
"""The function of each command."""
