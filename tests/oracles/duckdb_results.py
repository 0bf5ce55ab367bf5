"""An oracle of the metrics: DuckDB SQL over Parquet files, written from the definitions without the code.

Each function returns a query over the views `orders`, `captures`, `refunds`, `order_lines` and `shipments`; times are
counted in microseconds, `NULL` for an unknown one.
"""

# ruff: noqa: S608 - what is put together are names of columns and numbers

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from om_toolkit.tables.tables import Tables

Z = "1.959963984540054"  # the normal distribution's 97.5 % point


def database(tables: Tables[Any], folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a database whose views are the five tables, written as `Tables.write_parquet` writes them."""
    tables.write_parquet(folder)
    return open_folder(folder)


def open_folder(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a database whose views are the Parquet files of a folder."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("orders", "captures", "refunds", "order_lines", "shipments"):
        connection.execute(f"CREATE VIEW {name} AS FROM '{folder / name}/*.parquet'")
    return connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query as dicts."""
    result = connection.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _list(by: Sequence[str], *, of: str = "") -> str:
    """Return the columns of a group, each with a comma after it."""
    return "".join(f"{of}{name}, " for name in by)


def _same(by: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{name} IS NOT DISTINCT FROM {right}.{name}" for name in by) or "true"


def _sort(by: Sequence[str]) -> str:
    return _list([f"{name} NULLS LAST" for name in by])


def _wilson(name: str, k: str, n: str) -> str:
    """Return a ratio of counts with its interval."""
    middle, spread = (
        f"(({k}) + {Z} ^ 2 / 2) / (({n}) + {Z} ^ 2)",
        f"{Z} * sqrt(({k}) * (({n}) - ({k})) / ({n})::DOUBLE + {Z} ^ 2 / 4) / (({n}) + {Z} ^ 2)",
    )
    known = f"CASE WHEN ({n}) > 0 THEN "
    return (
        f"{known} ({k}) / ({n})::DOUBLE END AS {name}, {known} greatest(0, {middle} - {spread}) END AS {name}_low, "
        f"{known} least(1, {middle} + {spread}) END AS {name}_high"
    )


def _amounts(name: str, y: str, x: str, n: str) -> str:
    """Return a ratio of amounts with Wilson's interval for an effective number of orders, from `xx` and `residuals`."""
    ratio = f"(({y}) / ({x})::DOUBLE)"
    kish = f"(({x})::DOUBLE ^ 2 / xx)"
    variance = f"(({n}) / (({n}) - 1)::DOUBLE * residuals / ({x})::DOUBLE ^ 2)"
    is_varied = f"({n}) > 1 AND residuals > 1e-9 * xx AND ({y}) > 0 AND ({y}) < ({x})"
    size = f"CASE WHEN {is_varied} THEN least({kish}, {ratio} * (1 - {ratio}) / {variance}) ELSE {kish} END"
    known = f"CASE WHEN ({x}) > 0 AND ({y}) BETWEEN 0 AND ({x}) THEN "
    middle, spread = (
        f"({ratio} * ({size}) + {Z} ^ 2 / 2) / (({size}) + {Z} ^ 2)",
        f"{Z} * sqrt(({size}) * {ratio} * (1 - {ratio}) + {Z} ^ 2 / 4) / (({size}) + {Z} ^ 2)",
    )
    return (
        f"CASE WHEN ({x}) <> 0 THEN {ratio} END AS {name}, "
        f"{known} greatest(0, {middle} - {spread}) END AS {name}_low, "
        f"{known} least(1, {middle} + {spread}) END AS {name}_high"
    )


def _moment(as_of: datetime | None) -> str:
    return f"epoch_us(TIMESTAMPTZ '{as_of.isoformat()}')" if as_of else "NULL::BIGINT"


def _observed(by: Sequence[str], event: str, as_of: datetime | None) -> str:
    """Return the steps up to `observed`: the `ending` of each order and the `hours` until then."""
    return f"""
    running AS (
        SELECT order_id, epoch_us(captured_at) AS t,
            sum(coalesce(captured_amount, 0)) OVER (
                PARTITION BY order_id ORDER BY captured_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS amount
        FROM captures WHERE captured_at IS NOT NULL AND captured_amount IS DISTINCT FROM 0
    ),
    events AS (
        SELECT o.order_id, min(r.t) AS t FROM orders o JOIN running r USING (order_id)
        WHERE r.t <= coalesce({_moment(as_of)}, r.t)
            AND {"true" if event == "first" else "r.amount >= o.order_amount"} GROUP BY ALL
    ),
    known AS (
        SELECT {_list(by, of="o.")} epoch_us(created_at) AS created, epoch_us(expires_at) AS expires, e.t AS captured,
            status, {_moment(as_of)} AS as_of, epoch_us(seen_at) AS seen,
            {"false" if event == "first" else "order_amount IS NULL"} AS is_unknowable,
            status = 'PART_CAPTURED' AND remaining_authorized_amount IS NOT DISTINCT FROM 0 AS is_released,
            (SELECT count(*) FROM running r WHERE r.order_id = o.order_id AND r.t > {_moment(as_of)}) > 0
                AS is_captured_later
        FROM orders o LEFT JOIN events e USING (order_id)
    ),
    seen AS (
        SELECT *, CASE WHEN status IN ('CAPTURED', 'CANCELLED', 'EXPIRED', 'CLOSED') OR is_released
            THEN coalesce(as_of, seen) ELSE least(as_of, seen) END AS observed_until  -- of what is not NULL
        FROM known
    ),
    ended AS (
        SELECT *, CASE
            WHEN created IS NULL OR created > as_of OR is_unknowable THEN 'excluded'
            WHEN captured < created - 60e6 THEN 'excluded'
            WHEN captured IS NOT NULL THEN 'captured'
            WHEN observed_until IS NULL THEN 'excluded'
            WHEN is_captured_later OR status = 'EXPIRED' AND expires > observed_until THEN 'waiting'
            WHEN status = 'AUTHORIZED' OR status = 'PART_CAPTURED' AND NOT is_released THEN 'waiting'
            WHEN status IN ('EXPIRED', 'CANCELLED') THEN lower(status)
            ELSE 'other' END AS ending
        FROM seen
    ),
    observed AS (
        SELECT *, greatest(0, coalesce(captured, observed_until) - created) / 3600e6 AS hours FROM ended
    ),
    """


def _curve(by: Sequence[str]) -> str:
    """Return the steps up to `curve`: a row for each group and distinct time."""
    partition = f"PARTITION BY {_list(by)} true"
    return f"""
    steps AS (
        SELECT {_list(by)} hours, count(*) FILTER (ending = 'captured') AS captured, count(*) AS n
        FROM observed WHERE ending <> 'excluded' GROUP BY ALL
    ),
    risked AS (
        SELECT *, (sum(n) OVER ({partition} ORDER BY hours DESC))::BIGINT AS at_risk FROM steps
    ),
    survived AS (
        SELECT *, product(1 - captured / at_risk::DOUBLE) OVER so_far AS survival,
            sum(CASE WHEN at_risk > captured THEN captured / (at_risk::DOUBLE * (at_risk - captured)) END)
                OVER so_far AS greenwood
        FROM risked WINDOW so_far AS ({partition} ORDER BY hours)
    ),
    bounded AS (
        SELECT *, CASE WHEN survival > 0 AND survival < 1 THEN {Z} * sqrt(greenwood) / ln(survival) END AS reach
        FROM survived
    ),
    curve AS (
        SELECT *, 1 - survival AS captured_share, 1 - coalesce(survival ^ exp(reach), survival) AS captured_share_low,
            1 - coalesce(survival ^ exp(-reach), survival) AS captured_share_high
        FROM bounded
    )
    """


def capture_curve(by: Sequence[str], event: str, as_of: datetime | None) -> str:
    return f"""
    WITH {_observed(by, event, as_of)} {_curve(by)}
    SELECT {_list(by)} hours, at_risk, captured, captured_share, captured_share_low, captured_share_high
    FROM curve WHERE captured > 0 ORDER BY {_sort(by)} hours
    """


def capture_latency(
    by: Sequence[str], event: str, as_of: datetime | None, quantiles: dict[str, float], within: dict[str, float]
) -> str:
    """Return the latency; `quantiles` are levels by column name, `within` hours by column name."""
    outcomes = ("captured", "waiting", "expired", "cancelled", "other", "excluded")
    ends = ("", "_low", "_high")

    def first(share: str, level: float) -> str:
        # A product of fractions misses the level by a few units in the last place.
        return f"min(hours) FILTER ({share} >= {level} - 1e-12)"

    columns = ""
    for name, level in quantiles.items():
        shares = ("captured_share", "captured_share_high", "captured_share_low")
        columns += "".join(f"{first(share, level)} AS {name}{end}, " for share, end in zip(shares, ends, strict=True))
    for name, hours in within.items():
        for end in ends:
            share = f"coalesce(max_by(captured_share{end}, hours) FILTER (hours <= {hours}), 0)"
            columns += f"{share} AS {name}{end}, "
    counts = "".join(f"count(*) FILTER (ending = '{outcome}') AS {outcome}, " for outcome in outcomes)
    seen = "".join(
        f"CASE WHEN last_hours >= {hours} OR n.waiting = 0 AND last_hours IS NOT NULL THEN {name}{end} END "
        f"AS {name}{end}, "
        for name, hours in within.items()
        for end in ends
    )
    return f"""
    WITH {_observed(by, event, as_of)} {_curve(by)},
    counted AS (
        SELECT {_list(by)} count(*) AS orders, {counts} max(hours) FILTER (ending <> 'excluded') AS last_hours,
            quantile_cont(hours, 0.5) FILTER (ending = 'captured') AS captured_only_p50_hours
        FROM observed GROUP BY {_list(by)} true
    ),
    found AS (SELECT {_list(by)} {columns} true FROM curve GROUP BY {_list(by)} true)
    SELECT {_list(by, of="n.")} orders, {_list(outcomes, of="n.")}
        {_list([name + end for name in quantiles for end in ends])} captured_only_p50_hours, {seen}
    FROM counted n LEFT JOIN found f ON {_same(by, "n", "f")} WHERE orders > 0 ORDER BY {_sort(list(_qualified(by)))} 1
    """


def _qualified(by: Sequence[str]) -> Iterator[str]:
    return (f"n.{name}" for name in by)


def _with_currency(by: Sequence[str]) -> list[str]:
    return [*by, *(["purchase_currency"] if "purchase_currency" not in by else [])]


_FILLED = """
    filled AS (
        SELECT o.*,
            CASE WHEN o.captured_amount IS NOT NULL THEN o.captured_amount WHEN c.lacking IS TRUE THEN NULL
                ELSE coalesce(c.amount, 0) END AS x,
            CASE WHEN o.refunded_amount IS NOT NULL THEN o.refunded_amount WHEN r.lacking IS TRUE THEN NULL
                ELSE coalesce(r.amount, 0) END AS y
        FROM orders o
        LEFT JOIN (SELECT order_id, sum(captured_amount) AS amount, bool_or(captured_amount IS NULL) AS lacking
            FROM captures GROUP BY ALL) c USING (order_id)
        LEFT JOIN (SELECT order_id, sum(refunded_amount) AS amount, bool_or(refunded_amount IS NULL) AS lacking
            FROM refunds GROUP BY ALL) r USING (order_id)
    )
"""
"""The orders with their captured amount x and their refunded amount y, from their parts where they lack it."""


def refund_ratio(by: Sequence[str]) -> str:
    by = _with_currency(by)
    return f"""
    WITH {_FILLED},
    paid AS (SELECT * FROM filled WHERE x > 0 AND y IS NOT NULL),
    summed AS (
        SELECT {_list(by)} count(*) FILTER (y IS NOT NULL AND x > 0) AS n,
            count(*) FILTER (x > 0 AND y > 0) AS k, count(*) FILTER (x > 0 AND y >= x) AS complete,
            count(*) FILTER (x IS NULL OR y IS NULL) AS excluded,
            coalesce(sum(x) FILTER (y IS NOT NULL), 0) AS total_x,
            coalesce(sum(y) FILTER (x > 0), 0) AS total_y, sum(x * x::DOUBLE) FILTER (y IS NOT NULL) AS xx
        FROM filled WHERE x IS NULL OR x > 0 GROUP BY ALL
    ),
    spread AS (
        SELECT s.*, (SELECT sum((y - total_y / total_x::DOUBLE * x) ^ 2) FROM paid p WHERE {_same(by, "p", "s")})
            AS residuals
        FROM summed s
    )
    SELECT {_list(by)} n AS orders_captured, k AS orders_refunded, complete AS orders_fully_refunded, excluded,
        total_x::BIGINT AS captured_amount, total_y::BIGINT AS refunded_amount,
        {_amounts("amount_ratio", "total_y", "total_x", "n")}, {_wilson("count_ratio", "k", "n")}
    FROM spread ORDER BY {_sort(by)} 1
    """


def refund_ratio_by_month(by: Sequence[str], time_zone: str) -> str:
    shown = [*by, "month"] if "purchase_currency" in by else [*by, "month", "purchase_currency"]
    by = _with_currency(by)

    def month(at: str) -> str:
        return f"date_trunc('month', {at} AT TIME ZONE '{time_zone}')::DATE"

    return f"""
    WITH {_FILLED},
    refunded AS (FROM refunds WHERE refunded_amount IS NULL OR refunded_amount <> 0),
    paid AS (
        SELECT *, coalesce(y >= x, false) AS is_complete,
            (SELECT max(refunded_at) FROM refunded r WHERE r.order_id = o.order_id) AS last_refund
        FROM filled o WHERE x IS NULL OR x > 0
    ),
    moves AS (
        SELECT {_list(by, of="p.")} p.order_id, {month("captured_at")} AS month, c.captured_amount AS x, NULL AS y,
            true AS is_capture, false AS is_end
        FROM captures c JOIN paid p USING (order_id) WHERE c.captured_amount IS NULL OR c.captured_amount <> 0
        UNION ALL
        SELECT {_list(by, of="p.")} p.order_id, {month("refunded_at")}, NULL, r.refunded_amount, false,
            is_complete AND refunded_at IS NOT DISTINCT FROM last_refund
        FROM refunded r JOIN paid p USING (order_id)
    ),
    summed AS (
        SELECT {_list(by)} month, count(DISTINCT order_id) FILTER (is_capture) AS orders_captured,
            count(DISTINCT order_id) FILTER (NOT is_capture) AS orders_refunded,
            count(DISTINCT order_id) FILTER (is_end) AS orders_fully_refunded,
            count(DISTINCT order_id) FILTER (x IS NULL AND y IS NULL) AS excluded,
            coalesce(sum(x), 0)::BIGINT AS captured_amount, coalesce(sum(y), 0)::BIGINT AS refunded_amount
        FROM moves GROUP BY {_list(by)} month
    )
    SELECT {_list(shown)} orders_captured, orders_refunded, orders_fully_refunded, excluded, captured_amount,
        refunded_amount,
        CASE WHEN captured_amount <> 0 THEN refunded_amount / captured_amount::DOUBLE END AS amount_ratio,
        NULL AS amount_ratio_low, NULL AS amount_ratio_high,
        CASE WHEN orders_captured <> 0 THEN orders_refunded / orders_captured::DOUBLE END AS count_ratio,
        NULL AS count_ratio_low, NULL AS count_ratio_high
    FROM summed ORDER BY {_sort(shown)} 1
    """


def time_to_refund(by: Sequence[str], as_of: datetime | None) -> str:
    """Return the days from the last and the first capture that is not after the refund and may be refunded."""
    return f"""
    WITH dated AS (
        SELECT {_list(by, of="o.")} order_id, epoch_us(refunded_at) AS t, row_number() OVER () AS number
        FROM refunds r JOIN orders o USING (order_id)
        WHERE (r.refunded_amount IS NULL OR r.refunded_amount <> 0)
            AND (refunded_at IS NULL OR NOT coalesce(epoch_us(refunded_at) > {_moment(as_of)}, false))
    ),
    taken AS (FROM captures WHERE captured_amount IS NULL OR captured_amount <> 0),
    has_refund AS (SELECT order_id, max(coalesce(refunded_amount, 0)) > 0 AS has_amount FROM taken GROUP BY ALL),
    bounds AS (
        SELECT number, (any_value(t) - max(epoch_us(captured_at))) / 86400e6 AS low,
            (any_value(t) - min(epoch_us(captured_at))) / 86400e6 AS high
        FROM dated d JOIN taken c USING (order_id) JOIN has_refund USING (order_id)
        WHERE epoch_us(captured_at) <= t AND (NOT has_amount OR c.refunded_amount IS NULL OR c.refunded_amount > 0)
        GROUP BY number
    )
    SELECT {_list(by)} count(*) AS refunds, count(*) FILTER (low = high) AS exact,
        count(*) FILTER (low IS NULL) AS excluded, quantile_cont((low + high) / 2, 0.5) AS p50_days,
        quantile_cont(low, 0.5) AS p50_days_low_bound, quantile_cont(high, 0.5) AS p50_days_high_bound
    FROM dated LEFT JOIN bounds USING (number) GROUP BY {_list(by)} true HAVING count(*) > 0 ORDER BY {_sort(by)} 1
    """


def _key(name: str) -> str:
    return f"nullif(lower(regexp_replace({name}, '\\s', '', 'g')), '')"


def shipping(by: Sequence[str], grain: str, label: str) -> str:
    """Return a query over shipped methods; `label` is `shipping_method` or `shipping_company`."""
    money = "captured_amount" if grain != "shipment" and "purchase_currency" in by else None
    return f"""
    WITH entries AS (
        SELECT order_id, source, capture, has_tracking, {label} AS spelling, {_key(label)} AS key FROM shipments
    ),
    of_captures AS ({_entries_by("order_id, capture", "source = 'capture'")}),
    of_orders_alone AS (
        {_entries_by("order_id", "source = 'order' AND order_id NOT IN (SELECT order_id FROM of_captures)")}
    ),
    of_lines AS (
        SELECT order_id, capture, count(*) AS n, count(*) FILTER (type = 'digital') AS digital, count(*) FILTER (type IN
            ('discount', 'sales_tax', 'store_credit', 'gift_card', 'surcharge', 'return_fee')) AS money
        FROM order_lines WHERE source = 'capture' GROUP BY ALL
    ),
    judged AS (
        SELECT c.order_id, c.captured_amount AS amount, coalesce(e.keys, a.keys) AS keys,
            coalesce(e.is_tracked, a.is_tracked, false) AS is_tracked,
            e.n IS NULL AND a.n IS NULL AND l.n > 0 AND NOT (l.digital > 0 AND l.digital + l.money = l.n) AS is_bare,
            CASE WHEN e.n IS NOT NULL OR a.n IS NOT NULL THEN '(missing)' WHEN l.n IS NULL THEN '(unknown)'
                WHEN l.digital > 0 AND l.digital + l.money = l.n THEN '(digital)' ELSE '(missing)' END AS absent
        FROM captures c
        LEFT JOIN of_captures e ON c.order_id = e.order_id AND c.capture = e.capture
        LEFT JOIN of_orders_alone a ON c.order_id = a.order_id
        LEFT JOIN of_lines l ON c.order_id = l.order_id AND c.capture = l.capture
    ),
    of_orders AS (
        SELECT order_id, sum(amount) AS amount, list_distinct(flatten(list(keys) FILTER (keys IS NOT NULL))) AS keys,
            bool_or(is_tracked) AS is_tracked,
            CASE min(CASE absent WHEN '(missing)' THEN 1 WHEN '(unknown)' THEN 2 ELSE 3 END)
                WHEN 1 THEN '(missing)' WHEN 2 THEN '(unknown)' ELSE '(digital)' END AS absent
        FROM judged GROUP BY order_id
    ),
    of_entries AS (
        SELECT order_id, NULL::BIGINT AS amount, CASE WHEN key IS NULL THEN [] ELSE [key] END AS keys,
            coalesce(has_tracking, false) AS is_tracked, '(missing)' AS absent
        FROM entries WHERE source = 'capture' OR order_id IN (SELECT order_id FROM of_orders_alone)
            AND order_id IN (SELECT order_id FROM captures)
        UNION ALL SELECT order_id, NULL, [], false, '(missing)' FROM judged WHERE is_bare
    ),
    {_counted(by, {"capture": "judged", "order": "of_orders", "shipment": "of_entries"}[grain], label, money)}
    """


def _entries_by(key: str, condition: str) -> str:
    return f"""
        SELECT {key}, count(*) AS n, list_sort(list(DISTINCT key) FILTER (key IS NOT NULL)) AS keys,
            coalesce(bool_or(has_tracking), false) AS is_tracked
        FROM entries WHERE {condition} GROUP BY ALL
    """


def chosen(by: Sequence[str]) -> str:
    """Return a query over chosen methods."""
    money = "captured_amount" if "purchase_currency" in by else None
    return f"""
    WITH entries AS (
        SELECT order_id, spelling, {_key("spelling")} AS key FROM (
            SELECT order_id, unnest(CASE WHEN selected_shipping_options_method IS NULL
                THEN [selected_shipping_option_method] ELSE string_split(selected_shipping_options_method, chr(10)) END
            ) AS spelling FROM orders
        )
    ),
    choices AS (
        SELECT order_id, captured_amount AS amount, '(missing)' AS absent,
            (SELECT list(DISTINCT key) FILTER (key IS NOT NULL) FROM entries e WHERE e.order_id = o.order_id) AS keys,
            coalesce((SELECT bool_or(has_tracking) FROM shipments s WHERE s.order_id = o.order_id), false) AS is_tracked
        FROM orders o
    ),
    {_counted(by, "choices", "shipping_method", money)}
    """


def chosen_vs_shipped(by: Sequence[str]) -> str:
    """Return a query over orders by what was chosen and what was shipped, from the queries of one order each."""
    pairs = ", ".join(
        f"{side} AS (SELECT order_id, any_value({_key('shipping_method')}) AS {side} FROM ({query}) GROUP BY order_id)"
        for side, query in (
            ("chosen", chosen(["order_id"])),
            ("shipped", shipping(["order_id"], "order", "shipping_method")),
        )
    )
    written = """
        SELECT shipping_method AS spelling FROM shipments UNION ALL
        SELECT unnest(string_split(
            coalesce(selected_shipping_options_method, selected_shipping_option_method), chr(10)
        )) FROM orders
    """
    absent = "'(missing)', '(unknown)', '(digital)'"
    known = f"chosen NOT IN ({absent}, '(mixed)') AND shipped NOT IN ({absent})"
    shown = "coalesce((SELECT spelling FROM spelled WHERE spelled.key = {0}), {0}) AS {0}"
    return f"""
    WITH {pairs},
    spelled AS (
        SELECT {_key("spelling")} AS key, spelling FROM ({written}) WHERE key IS NOT NULL GROUP BY key, spelling
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, spelling) = 1
    ),
    paired AS (
        SELECT {_list(by)} {shown.format("chosen")}, {shown.format("shipped")}
        FROM orders JOIN chosen USING (order_id) JOIN shipped USING (order_id)
    ),
    counted AS (SELECT *, count(*) AS orders FROM paired GROUP BY ALL),
    totals AS (
        SELECT *, (sum(orders) OVER own)::BIGINT AS total,
            coalesce(sum(orders) FILTER ({known}) OVER own, 0)::BIGINT AS compared_orders,
            coalesce(sum(orders) FILTER ({known} AND chosen = shipped) OVER own, 0)::BIGINT AS as_chosen_orders
        FROM counted WINDOW own AS (PARTITION BY {_list(by)} true)
    )
    SELECT {_list(by)} chosen, shipped, orders, {_wilson("share", "orders", "total")}, compared_orders,
        as_chosen_orders, {_wilson("as_chosen_share", "as_chosen_orders", "compared_orders")} FROM totals
    ORDER BY {_sort(by)} orders DESC, chosen, shipped
    """


def _counted(by: Sequence[str], items: str, label: str, money: str | None) -> str:
    amounts = (
        f", captured_amount, {_effective('amount_share', 'captured_amount', 'total_amount', 'a', 'n / (n - 1)')}"
        if money
        else ""
    )
    return f"""
    spelled AS (
        SELECT key, spelling FROM entries WHERE key IS NOT NULL GROUP BY key, spelling
        QUALIFY row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, spelling) = 1
    ),
    named AS (
        SELECT {_list(by, of="o.")} order_id, i.is_tracked, i.amount, CASE
            WHEN coalesce(len(keys), 0) = 0 THEN absent WHEN len(keys) > 1 THEN '(mixed)'
            ELSE (SELECT spelling FROM spelled s WHERE s.key = keys[1]) END AS {label}
        FROM {items} i JOIN orders o USING (order_id)
    ),
    by_order AS (
        SELECT *, sum(y) OVER own AS x, sum(amount) OVER own AS amount_x FROM (
            SELECT {_list(by)} {label}, order_id, count(*) AS y, count(*) FILTER (is_tracked) AS tracked,
                coalesce(sum(amount), 0)::BIGINT AS amount
            FROM named GROUP BY {_list(by)} {label}, order_id
        ) WINDOW own AS (PARTITION BY {_list(by)} order_id)
    ),
    totals AS (
        SELECT {_list(by)} true AS everything, sum(y)::BIGINT AS total, sum(amount)::BIGINT AS total_amount,
            count(DISTINCT order_id) AS n, sum(y * x) AS s_xx, sum(amount * amount_x::DOUBLE) AS a_xx
        FROM by_order GROUP BY {_list(by)} everything
    ),
    summed AS (
        SELECT {_list(by)} {label}, sum(y)::BIGINT AS count, sum(tracked)::BIGINT AS with_tracking,
            sum(amount)::BIGINT AS captured_amount, sum(y * y) AS s_yy, sum(y * x) AS s_xy,
            sum(amount * amount::DOUBLE) AS a_yy, sum(amount * amount_x::DOUBLE) AS a_xy,
            sum(tracked * tracked) AS t_yy, sum(tracked * y) AS t_xy, sum(y * y) AS t_xx
        FROM by_order GROUP BY {_list(by)} {label}
    )
    SELECT {_list(by, of="s.")} s.{label}, count, {_effective("share", "count", "total", "s", "1")}, with_tracking,
        {_effective("tracking_share", "with_tracking", "count", "t", "1")} {amounts}
    FROM summed s JOIN totals t ON {_same(by, "s", "t")}
    ORDER BY {_sort([f"s.{name}" for name in by])} count DESC, s.{label}
    """


def _effective(name: str, y: str, x: str, of: str, factor: str) -> str:
    """Return a ratio with Wilson's interval for an effective number of orders, from sums of squares and products."""
    ratio = f"(({y}) / ({x})::DOUBLE)"
    residuals = f"({of}_yy - 2 * {ratio} * {of}_xy + {ratio} ^ 2 * {of}_xx)"
    kish = f"(({x})::DOUBLE ^ 2 / {of}_xx)"
    is_varied = f"{residuals} > 1e-9 * {of}_xx AND ({y}) > 0 AND ({y}) < ({x})"
    spread = f"({factor} * {residuals} / ({x})::DOUBLE ^ 2)"
    size = f"(CASE WHEN {is_varied} THEN least({kish}, {ratio} * (1 - {ratio}) / {spread}) ELSE {kish} END)"
    known = f"CASE WHEN ({x}) > 0 AND ({y}) BETWEEN 0 AND ({x}) THEN "
    middle, half = (
        f"({ratio} * {size} + {Z} ^ 2 / 2) / ({size} + {Z} ^ 2)",
        f"{Z} * sqrt({size} * {ratio} * (1 - {ratio}) + {Z} ^ 2 / 4) / ({size} + {Z} ^ 2)",
    )
    return (
        f"CASE WHEN ({x}) <> 0 THEN {ratio} END AS {name}, {known} greatest(0, {middle} - {half}) END AS {name}_low, "
        f"{known} least(1, {middle} + {half}) END AS {name}_high"
    )


def mix(by: Sequence[str], column: str) -> str:
    """Return a query over orders by the values of a column, within each group and currency."""
    groups = list(by) if "purchase_currency" in by else [*by, "purchase_currency"]
    return f"""
    WITH summed AS (
        SELECT {_list(groups)} {column}, count(*) AS count, coalesce(sum(order_amount), 0)::BIGINT AS order_amount,
            avg(order_amount) AS average_order_value, quantile_cont(order_amount, 0.5) AS p50_order_value,
            count(*) FILTER (order_amount IS NULL) AS excluded,
            coalesce(sum(order_amount::DOUBLE ^ 2), 0) AS a_yy
        FROM orders GROUP BY ALL
    ),
    totals AS (
        SELECT *, a_yy AS a_xy, (sum(count) OVER own)::BIGINT AS total, (sum(order_amount) OVER own)::BIGINT AS amount,
            sum(count - excluded) OVER own AS n, sum(a_yy) OVER own AS a_xx
        FROM summed WINDOW own AS (PARTITION BY {_list(groups)} true)
    )
    SELECT {_list(groups)} {column}, count, {_wilson("share", "count", "total")}, order_amount,
        {_effective("amount_share", "order_amount", "amount", "a", "n / (n - 1)")},
        average_order_value, p50_order_value, excluded
    FROM totals ORDER BY {_sort(groups)} count DESC, {column} NULLS LAST
    """


def expiring(hours: float | None, as_of: datetime | None) -> str:
    now = _moment(as_of)
    return f"""
    SELECT order_id, merchant_reference1, purchase_currency, remaining_authorized_amount, remaining_is_inferred,
        expires_at, (expires_at - {now}) / 3600e6 AS hours_left, fraud_status, can_capture
    FROM ({_open(hours, as_of)}) WHERE is_listed ORDER BY expires_at NULLS LAST, order_id
    """


def _open(hours: float | None, as_of: datetime | None) -> str:
    now = _moment(as_of)
    is_listed = "true"
    if hours is not None:
        is_listed = f"coalesce(epoch_us(expires_at) BETWEEN {now} AND {now} + {round(hours * 3600e6)}, false)"
    return f"""
    SELECT * FROM (
        SELECT order_id, merchant_reference1, purchase_currency, epoch_us(expires_at) AS expires_at, fraud_status,
            coalesce(remaining_authorized_amount, order_amount - captured_amount) AS remaining_authorized_amount,
            remaining_authorized_amount IS NULL AS remaining_is_inferred, {is_listed} AS is_listed,
            coalesce(fraud_status NOT IN ('PENDING', 'REJECTED', 'STOPPED'), true) AS can_capture
        FROM orders
        WHERE status IN ('AUTHORIZED', 'PART_CAPTURED') AND coalesce(epoch_us(created_at) <= {now}, true)
    ) WHERE coalesce(remaining_authorized_amount > 0, true)
    """


def at_risk(hours: float | None, as_of: datetime | None) -> str:
    return f"""
    SELECT purchase_currency, count(*) FILTER (is_listed) AS orders,
        coalesce(sum(remaining_authorized_amount) FILTER (is_listed), 0)::BIGINT AS remaining_authorized_amount,
        min(expires_at) AS soonest_expires_at, count(*) FILTER (is_listed AND NOT can_capture) AS blocked_orders,
        count(*) FILTER (expires_at IS NULL) AS without_deadline,
        count(*) FILTER (is_listed AND remaining_authorized_amount IS NULL) AS excluded
    FROM ({_open(hours, as_of)}) WHERE is_listed OR expires_at IS NULL
    GROUP BY ALL ORDER BY purchase_currency NULLS LAST
    """


def key_figures(by: Sequence[str], as_of: datetime | None) -> str:
    by = _with_currency(by)
    latency = capture_latency(by, "first", as_of, {"p50_hours": 0.5}, {})
    is_open = "status IN ('AUTHORIZED', 'PART_CAPTURED')"
    of_own_order = "AND c.order_id NOT IN (SELECT order_id FROM shipments WHERE source = 'capture')"
    return f"""
    WITH {_FILLED},
    refunded AS ({refund_ratio(by)}),
    latency AS ({latency}),
    rated AS (SELECT * FROM filled WHERE order_amount IS NOT NULL AND x IS NOT NULL),
    sums AS (
        SELECT {_list(by)} count(*) AS n, coalesce(sum(order_amount), 0)::BIGINT AS order_amount,
            count(*) FILTER (x > 0) AS captured_orders, coalesce(sum(x), 0)::BIGINT AS captured_amount,
            count(*) FILTER ({is_open}) AS open_orders,
            coalesce(sum(coalesce(remaining_authorized_amount, order_amount - x)) FILTER ({is_open}), 0)::BIGINT
                AS open_amount,
            count(*) FILTER (status = 'EXPIRED') AS expired_orders,
            coalesce(sum(order_amount - x) FILTER (status = 'EXPIRED'), 0)::BIGINT AS expired_amount,
            count(*) FILTER (status = 'CANCELLED') AS cancelled_orders,
            coalesce(sum(order_amount - x) FILTER (status = 'CANCELLED'), 0)::BIGINT AS cancelled_amount,
            avg(order_amount) AS average_order_value, quantile_cont(order_amount, 0.5) AS median_order_value,
            count(*) FILTER (order_amount IS NULL OR x IS NULL) AS excluded
        FROM filled GROUP BY ALL
    ),
    rates AS (
        SELECT {_list(by)} count(*) AS rated, sum(order_amount) AS total_x, sum(x) AS total_y,
            sum(x * x::DOUBLE) AS c_yy, sum(x * order_amount::DOUBLE) AS c_xy,
            sum(order_amount * order_amount::DOUBLE) AS c_xx
        FROM rated GROUP BY ALL
    ),
    shipped AS (
        SELECT {_list(by)} sum(n)::BIGINT AS captures, sum(k)::BIGINT AS tracked, sum(k * k) AS t_yy,
            sum(k * n) AS t_xy, sum(n * n) AS t_xx
        FROM (
            SELECT {_list(by, of="o.")} order_id, count(*) AS n, count(*) FILTER (coalesce(
                (SELECT bool_or(has_tracking) FROM shipments s
                    WHERE source = 'capture' AND s.order_id = c.order_id AND s.capture = c.capture),
                (SELECT bool_or(has_tracking) FROM shipments s
                    WHERE source = 'order' AND s.order_id = c.order_id {of_own_order}))) AS k
            FROM captures c JOIN orders o USING (order_id) GROUP BY ALL
        ) GROUP BY {_list(by)[:-2]}
    )
    SELECT {_list(by, of="s.")} s.n AS orders, s.order_amount, s.captured_orders, s.captured_amount,
        {_effective("capture_rate", "total_y", "total_x", "c", "rated / nullif(rated - 1, 0)")},
        coalesce(r.orders_refunded, 0) AS refunded_orders, coalesce(r.refunded_amount, 0) AS refunded_amount,
        r.amount_ratio AS refund_ratio, r.amount_ratio_low AS refund_ratio_low, r.amount_ratio_high AS
        refund_ratio_high, open_orders, open_amount, expired_orders, expired_amount, cancelled_orders, cancelled_amount,
        average_order_value, median_order_value, coalesce(captures, 0) AS captures,
        coalesce(tracked, 0) AS captures_with_tracking, {_effective("tracking_share", "tracked", "captures", "t", "1")},
        p50_hours, p50_hours_low, p50_hours_high, s.excluded
    FROM sums s
    LEFT JOIN rates c ON {_same(by, "s", "c")}
    LEFT JOIN refunded r ON {_same(by, "s", "r")}
    LEFT JOIN shipped h ON {_same(by, "s", "h")}
    LEFT JOIN latency l ON {_same(by, "s", "l")}
    ORDER BY {_sort([f"s.{name}" for name in by])[:-2]}
    """
