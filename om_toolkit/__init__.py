"""Answers about Kustom / Klarna orders, from order ids to a report.

client = om.replay("quickstart")  # or om.Client(), or om.sandbox()
orders = client.orders(client.recorded_order_ids)
om.capture_latency(orders, by="purchase_country")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from om_toolkit import money, privacy
from om_toolkit.api.client import Client, fetch_all
from om_toolkit.archive.archive import Archive
from om_toolkit.errors import (
    ArchiveError,
    ConnectionFailed,
    CredentialsMissing,
    FailedOrders,
    Failure,
    FetchError,
    Forbidden,
    IncompleteRecording,
    Interrupted,
    InvalidBody,
    InvalidID,
    InvalidOrder,
    InvalidSetting,
    NotFound,
    NothingFound,
    NotRecorded,
    OMError,
    OMWarning,
    RateLimited,
    RepeatedOrders,
    RequestTimeout,
    ServerError,
    StaleOrders,
    Unauthorized,
    UnscrubbedRecording,
)
from om_toolkit.metrics import (
    at_risk,
    audit,
    by_period,
    capture_curve,
    capture_latency,
    carriers,
    compare,
    expiring,
    explain,
    key_figures,
    refund_ratio,
    shipping_methods,
    time_to_refund,
)
from om_toolkit.orders.bulk import read_tables
from om_toolkit.orders.failures import Failures
from om_toolkit.orders.models import Address, ApiError, Capture, Customer, Order, OrderLine, Refund, ShippingInfo
from om_toolkit.orders.orders import Captures, Orders
from om_toolkit.tables.tables import Tables

if TYPE_CHECKING:
    from om_toolkit.recordings.record import record
    from om_toolkit.recordings.replay import replay
    from om_toolkit.recordings.vcr import vcr
    from om_toolkit.synthetic.sandbox import sandbox
    from om_toolkit.views import plots
    from om_toolkit.views.explorer import explore
    from om_toolkit.views.report import Report

__all__ = [
    "Address",
    "ApiError",
    "Archive",
    "ArchiveError",
    "Capture",
    "Captures",
    "Client",
    "ConnectionFailed",
    "CredentialsMissing",
    "Customer",
    "FailedOrders",
    "Failure",
    "Failures",
    "FetchError",
    "Forbidden",
    "IncompleteRecording",
    "Interrupted",
    "InvalidBody",
    "InvalidID",
    "InvalidOrder",
    "InvalidSetting",
    "NotFound",
    "NotRecorded",
    "NothingFound",
    "OMError",
    "OMWarning",
    "Order",
    "OrderLine",
    "Orders",
    "RateLimited",
    "Refund",
    "RepeatedOrders",
    "Report",
    "RequestTimeout",
    "ServerError",
    "ShippingInfo",
    "StaleOrders",
    "Tables",
    "Unauthorized",
    "UnscrubbedRecording",
    "at_risk",
    "audit",
    "by_period",
    "capture_curve",
    "capture_latency",
    "carriers",
    "compare",
    "expiring",
    "explain",
    "explore",
    "fetch_all",
    "key_figures",
    "money",
    "plots",
    "privacy",
    "read_tables",
    "record",
    "refund_ratio",
    "replay",
    "sandbox",
    "shipping_methods",
    "time_to_refund",
    "vcr",
]

# Loaded at first use: they bring matplotlib, ipywidgets and vcr along.
_LATER = {
    "Report": "views.report",
    "explore": "views.explorer",
    "plots": "views.plots",
    "record": "recordings.record",
    "replay": "recordings.replay",
    "sandbox": "synthetic.sandbox",
    "vcr": "recordings.vcr",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = import_module(f"{__name__}.{_LATER[name]}")
    return module if name == "plots" else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
