"""From Kustom / Klarna order ids to validated orders, tables, metrics and a report.

client = om.replay("quickstart")  # or om.Client(), or om.sandbox()
orders = client.orders(client.recorded_order_ids)
om.capture_latency(orders, by="purchase_country")

`om.explain()` lists the metrics with a line for each, and `om.explain("refund_ratio")` describes one. A metric returns
a polars frame: `om.show(frame)` shows it with currencies and per cent, `om.plots` draws it, `om.write_excel` writes it,
and `orders.where(frame[0])` returns the orders behind a row. `om.explore(orders)` shows all of it with filters, and
`om.Report(orders).save("report.html")` writes a page. `help(om.Tables)` lists the columns for `by=`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from om_toolkit import errors
from om_toolkit.errors import *  # noqa: F403 - the names in errors.__all__, the only list of the errors

if TYPE_CHECKING:
    from om_toolkit import metrics as metrics
    from om_toolkit import money, privacy
    from om_toolkit.api.client import Client, fetch_all
    from om_toolkit.api.transport import Request, Response, Transport, TransportError
    from om_toolkit.archive.archive import Archive
    from om_toolkit.metrics import *  # noqa: F403 - the names in metrics.__all__; a test compares them
    from om_toolkit.orders.bulk import read_tables
    from om_toolkit.orders.failures import Failures
    from om_toolkit.orders.models import Address, ApiError, Capture, Customer, Order, OrderLine, Refund, ShippingInfo
    from om_toolkit.orders.orders import Captures, Orders
    from om_toolkit.recordings.record import record
    from om_toolkit.recordings.replay import replay
    from om_toolkit.recordings.vcr import vcr, vcr_persister
    from om_toolkit.synthetic.sandbox import sandbox
    from om_toolkit.tables.tables import Tables
    from om_toolkit.views import plots
    from om_toolkit.views.explorer import explore
    from om_toolkit.views.report import Report
    from om_toolkit.views.show import show
    from om_toolkit.views.workbook import write_excel

    __version__: str

_MODELS = "Address ApiError Capture Customer Order OrderLine Refund ShippingInfo".split()

__all__ = [
    "Address",
    "ApiError",
    "Archive",
    "Capture",
    "Captures",
    "Client",
    "Customer",
    "Failures",
    "Order",
    "OrderLine",
    "Orders",
    "Refund",
    "Report",
    "Request",
    "Response",
    "ShippingInfo",
    "Tables",
    "Transport",
    "TransportError",
    "at_risk",
    "audit",
    "by_period",
    "capture_curve",
    "capture_latency",
    "capture_times",
    "carriers",
    "chosen_vs_shipped",
    "compare",
    "expiring",
    "explain",
    "explore",
    "fetch_all",
    "key_figures",
    "mix",
    "money",
    "plots",
    "privacy",
    "products",
    "read_tables",
    "record",
    "refund_curve",
    "refund_ratio",
    "replay",
    "sandbox",
    "shipped_uncaptured",
    "shipping_methods",
    "show",
    "time_to_refund",
    "timeline",
    "vat",
    "vcr",
    "vcr_persister",
    "write_excel",
]
__all__ += errors.__all__
__all__.sort()

_LAZY = {
    "Archive": "archive.archive",
    "Captures": "orders.orders",
    "Client": "api.client",
    "Failures": "orders.failures",
    "Orders": "orders.orders",
    "Report": "views.report",
    "Request": "api.transport",
    "Response": "api.transport",
    "Tables": "tables.tables",
    "Transport": "api.transport",
    "TransportError": "api.transport",
    "explore": "views.explorer",
    "fetch_all": "api.client",
    "metrics": "metrics",
    "money": "money",
    "plots": "views.plots",
    "privacy": "privacy",
    "read_tables": "orders.bulk",
    "record": "recordings.record",
    "replay": "recordings.replay",
    "sandbox": "synthetic.sandbox",
    "show": "views.show",
    "vcr": "recordings.vcr",
    "vcr_persister": "recordings.vcr",
    "write_excel": "views.workbook",
    **dict.fromkeys(_MODELS, "orders.models"),
}
"""The module of each name that is no metric. All are loaded on first use, since no program needs all of them."""

_MODULES = frozenset({"metrics", "money", "plots", "privacy"})


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow to load, and rarely needed

        return version("om-toolkit")
    if name not in _LAZY and name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = import_module(f"{__name__}.{_LAZY.get(name, 'metrics')}")
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return __all__
