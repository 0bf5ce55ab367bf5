"""Orders in; widgets out that answer questions about a part of them, and show the Python line of each answer."""

from __future__ import annotations

from typing import Any

from om_toolkit.orders.orders import Orders
from om_toolkit.support.time_zones import check_time_zone
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views.explorer.explorer import Explorer
from om_toolkit.views.explorer.pooled import PooledExplorer

__all__ = ["Explorer", "PooledExplorer", "explore"]


def explore(
    data: Orders | Tables[Any], *, name: str | None = None, time_zone: str = "UTC", min_cell: int = 1
) -> Explorer | PooledExplorer:
    """Return widgets that show what the metrics say about a part of the orders.

    The filters offer what exists together, with the number of orders. Below every table is the Python line that returns
    its frame, and buttons that copy the line and save the frame (CSV, and Excel if XlsxWriter is installed) or the
    picture (SVG). A click on a row shows the orders behind it, a click on an order its lines, shipments and events; the
    search finds an order by its id or a reference. An exported page keeps what the widgets showed last.

    Args:
        data: Orders or Tables.
        name: The name of your variable with the data, for the Python line; `orders`, or `tables` for Tables.
        time_zone: The time zone of the period and of all times, a name of the IANA database.
        min_cell: Above 1, for readers who must not see single orders: small groups are pooled as in `Report`, and there
            are no filters, no search and no rows to open, since these lead to a single order.

    Returns:
        The widgets; an `Explorer` has the frame that it shows as `frame`, and its Python line as `line`.

    Raises:
        TypeError: If `data` is not Orders or Tables.
        ValueError: If the time zone is unknown, `name` is no name of a variable, or `min_cell` is below 1.
    """
    check_time_zone(time_zone)
    if min_cell < 1:
        raise ValueError(f"invalid min_cell {min_cell}; use a number of orders, 1 or more")
    name = name or ("tables" if isinstance(data, Tables) else "orders")
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a variable; use a name such as 'orders'")
    tables = tables_of(data).collect()
    if min_cell > 1:
        return PooledExplorer(tables, min_cell)
    if isinstance(data, Tables):
        return Explorer(tables, {name: tables}, name, time_zone)
    return Explorer(tables, {name: data}, f"{name}.tables()", time_zone)
