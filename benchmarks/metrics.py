"""Measure time and memory of the metrics on ten million orders in Parquet, against DuckDB and lifelines.

    uv run --group benchmarks python benchmarks/metrics.py                  # an hour, 2 GB of disk, 8 GB of memory
    uv run --group benchmarks python benchmarks/metrics.py --folder FOLDER  # keep the orders for another run
    uv run --group benchmarks python benchmarks/metrics.py --quick          # a fiftieth of that: does it still run?

Prints a Markdown table, and ends with exit code 1 if a ratio is above the one that it must reach.

Speed is elapsed time in a fresh process each, warmed up on a tenth of the orders, in rounds: each runs both ways,
the first of the two changing from round to round. A measured ratio is the median of the rounds' ratios. In
every round both ways must have the same result: counts and amounts exactly, all else to 1e-9. Memory (Linux only:
it reads /proc) is the extra peak of a fresh process, compared with the columns that the metric needs, in memory.
"""

# ruff: noqa: PLR2004, S608 - made-up shares, and queries built from constant names and numbers

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl
from convert import Measured, in_fresh_process, log, machine, peak_bytes, restart_peak
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times

import om_toolkit as om
from om_toolkit.metrics.captured_orders import OUTCOMES, Estimand, order_ends
from om_toolkit.metrics.expressions import effective_as_of
from om_toolkit.metrics.grouping import groups_of
from om_toolkit.tables.parquet_files import SET_ID
from om_toolkit.tables.schema import columns
from om_toolkit.tables.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Rows = list[tuple[Any, ...]]
Timed = tuple[float, Rows]

AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)
CHUNK = 1_000_000
COUNTRIES = ("SE", "DE", "FI", "NO", "DK", "NL", "AT", "CH", "GB", "FR", "US", "JP")
CURRENCIES = ("SEK", "EUR", "EUR", "NOK", "DKK", "EUR", "EUR", "CHF", "GBP", "EUR", "USD", "JPY")
METHODS = ("Home", "PickUpPoint", "BoxReg", "Postal", "home", "PickUpStore")
CATEGORIES = ("Clothes > Coats", "Clothes > Hats", "Shoes > Boots", "Audio > Speakers", "Home > Lamps", "Toys > Blocks")
TABLES = ("orders", "captures", "refunds", "order_lines", "shipments")


def write_orders(folder: Path, orders: int) -> None:
    """Write a folder of tables, in files of a million orders; as many captures as orders."""
    metadata = {"om_toolkit.as_of": AS_OF.isoformat(), SET_ID: token_hex(16)}
    for part, start in enumerate(range(0, orders, CHUNK)):
        made = some_orders(np.random.default_rng(part), min(CHUNK, orders - start))
        for name, frame in made.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            frame.write_parquet(folder / name / f"part-{part}.parquet", metadata=dict(metadata))
        log(f"{start + made['orders'].height:,} orders written")


def some_orders(random: np.random.Generator, size: int) -> dict[str, pl.DataFrame]:
    """Make orders: one in ten is open, expired or cancelled, one in ten has two captures, one in eight a refund.

    One in a thousand has no captured and refunded amount of its own.
    """
    orders = drawn_orders(random, size)
    kind = random.random(size)
    number = np.where(kind < 0.1, 0, np.where(kind < 0.2, 2, 1))
    captures = drawn_captures(random, orders, number)
    status = np.where(number > 0, "CAPTURED", random.choice(["AUTHORIZED", "EXPIRED", "CANCELLED"], size))
    of_orders = captures.group_by("order_id").agg(pl.col("captured_amount", "refunded_amount").sum())
    orders = orders.with_columns(status=pl.Series(status)).join(
        of_orders, on="order_id", how="left", maintain_order="left"
    )
    orders = orders.with_columns(
        pl.col("captured_amount", "refunded_amount").fill_null(0),
        remaining_authorized_amount=pl.when(status="AUTHORIZED").then("order_amount").otherwise(0),
    )
    parts = captures.select("order_id", "capture_id", "capture", "purchase_currency", source=pl.lit("capture"))
    methods = pl.Series(random.choice(METHODS, captures.height, p=(0.4, 0.3, 0.1, 0.1, 0.05, 0.05)))
    shipments = parts.with_columns(
        shipping_method=methods,
        shipping_company=pl.Series(random.choice(["DHL", "PostNord", "postnord", "UPS"], captures.height)),
        has_tracking=pl.Series(random.random(captures.height) < 0.8),
        shipment=pl.lit(0, pl.Int64),
    ).filter(pl.Series(random.random(captures.height) < 0.95))
    wait = pl.Series((random.exponential(9 * 86_400_000, captures.height)).astype(np.int64) * 1000).cast(
        pl.Duration("us")
    )
    refunds = (
        captures.with_columns(refunded_at=pl.col("captured_at") + wait)
        .filter(pl.col("refunded_amount") > 0)
        .select(
            "order_id",
            "purchase_currency",
            "refunded_amount",
            "refunded_at",
            refund_id=pl.col("capture_id"),
            refund=pl.int_range(pl.len()).over("order_id"),
        )
    )
    is_missing = pl.Series(random.random(size) < 0.001)
    made = {
        "orders": orders.with_columns(pl.when(~is_missing).then(pl.col("captured_amount", "refunded_amount"))),
        "captures": captures,
        "refunds": refunds,
        "order_lines": drawn_lines(random, orders, captures, refunds),
        "shipments": shipments,
    }
    return {name: with_all_columns(name, frame) for name, frame in made.items()}


def drawn_lines(
    random: np.random.Generator, orders: pl.DataFrame, captures: pl.DataFrame, refunds: pl.DataFrame
) -> pl.DataFrame:
    """Draw a line for each order, two for nearly each capture and one for every other refund."""
    keys = ("order_id", "purchase_currency", "source", "total_amount")
    of_orders = orders.select(*keys[:2], source=pl.lit("order"), total_amount="order_amount")
    of_refunds = refunds.gather_every(2).select(
        *keys[:2], "refund", "refund_id", source=pl.lit("refund"), total_amount="refunded_amount"
    )
    half = pl.col("captured_amount") // 2
    lined = captures.filter(pl.Series(random.random(captures.height) < 0.98))
    of_captures = [
        lined.select(*keys[:2], "capture", "capture_id", source=pl.lit("capture"), line=pl.lit(line, pl.Int64), total_amount=amount)
        for line, amount in enumerate((half, pl.col("captured_amount") - half))
    ]
    lines = pl.concat([of_orders, *of_captures, of_refunds], how="diagonal")
    return lines.with_columns(
        pl.col("line").fill_null(0),
        quantity=pl.lit(1, pl.Int64),
        unit_price="total_amount",
        total_tax_amount=pl.col("total_amount") // 5,
        total_discount_amount=pl.lit(0, pl.Int64),
        type=pl.Series(random.choice(["physical", "digital", "discount"], lines.height, p=(0.85, 0.1, 0.05))),
        product_identifiers_category_path=pl.Series(random.choice(CATEGORIES, lines.height)),
    )


def drawn_orders(random: np.random.Generator, size: int) -> pl.DataFrame:
    """Draw orders of the last 90 days, expiring after 28."""
    country = random.integers(0, len(COUNTRIES), size)
    age = pl.Series((random.random(size) * 90 * 86_400_000).astype(np.int64) * 1000).cast(pl.Duration("us"))
    amount = random.integers(10, 3000, size) * 100
    return pl.DataFrame(
        {
            "order_id": identifiers(random, size),
            "purchase_country": np.array(COUNTRIES)[country],
            "purchase_currency": np.array(CURRENCIES)[country],
            "order_amount": amount,
            "customer_type": random.choice(["person", "organization"], size),
            "age": age,
        }
    ).with_columns(
        created_at=pl.lit(AS_OF) - pl.col("age"), expires_at=pl.lit(AS_OF) - pl.col("age") + pl.duration(days=28)
    )


def drawn_captures(random: np.random.Generator, orders: pl.DataFrame, number: np.ndarray[Any, Any]) -> pl.DataFrame:
    """Draw a number of captures for each order, after some hours."""
    owner = np.repeat(np.arange(orders.height), number)
    wait = pl.Series((random.exponential(36 * 3_600_000, owner.size)).astype(np.int64) * 1000).cast(pl.Duration("us"))
    share = pl.Series(number[owner])
    refunded = pl.Series(np.where(random.random(owner.size) < 0.12, random.integers(1, 4, owner.size), 0))
    return orders[owner].select(
        "order_id",
        "purchase_currency",
        capture_id=pl.Series(identifiers(random, owner.size)),
        captured_amount=pl.col("order_amount") // share,
        refunded_amount=pl.col("order_amount") // share * refunded // 3,
        captured_at=pl.col("created_at") + wait,
        capture=pl.int_range(pl.len()).over("order_id"),
    )


def identifiers(random: np.random.Generator, size: int) -> pl.Series:
    """Draw ids like those of the API: 32 hexadecimal digits in five groups."""
    digits = np.frombuffer(random.bytes(16 * size).hex().encode(), dtype="S32").astype(str)
    text = pl.Series(digits).str
    groups = [text.slice(start, length) for start, length in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return pl.select(pl.concat_str(groups, separator="-")).to_series()


def with_all_columns(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of the table that were not drawn, as nulls."""
    drawn = {column.name: column.kind.dtype for column in columns(name)}
    return frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in drawn.items()
    )


Z = 1.959963984540054


def _reached(q: float) -> str:
    """Return when the captured share and its bounds reach a quantile, hours."""
    scaled = f"ln(-ln({1 - q} + 1e-9))"
    is_reached = (f"s <= ln({1 - q} + 1e-9)", f"middle - half >= {scaled}", f"middle + half >= {scaled}")
    return ", ".join(f"min(t) FILTER ({condition}) / 3600e6" for condition in is_reached)


def _within(hours: int) -> str:
    """Return the share captured within some hours and its bounds."""
    s, v = f"min(s) FILTER (t <= {hours} * 3600e6)", f"max(v) FILTER (t <= {hours} * 3600e6)"
    bounds = ", ".join(f"1 - exp({s} * exp({side} * {Z} * sqrt({v}) / {s}))" for side in (1, -1))
    return f"1 - exp({s}), {bounds}"


_LATENCY = f"""
WITH captured AS (
    SELECT hash(order_id) AS k, epoch_us(min(captured_at)) AS c
    FROM captures WHERE captured_at IS NOT NULL AND captured_amount IS DISTINCT FROM 0 GROUP BY k
),
known AS (
    SELECT purchase_country AS g, epoch_us(created_at) AS created, epoch_us(expires_at) AS x, c, status,
        status = 'PART_CAPTURED' AND remaining_authorized_amount = 0 AS is_released,
        epoch_us(TIMESTAMPTZ '{AS_OF.isoformat()}') AS now, epoch_us(seen_at) AS seen
    FROM orders LEFT JOIN captured ON hash(order_id) = k
),
ended AS (
    SELECT g, CASE WHEN c <= now THEN c
        WHEN status IN ('CAPTURED', 'CANCELLED', 'EXPIRED', 'CLOSED') OR is_released THEN now
        ELSE least(now, seen) END - created AS t, CASE WHEN c <= now THEN 0
        WHEN c > now OR status IN ('AUTHORIZED', 'PART_CAPTURED') AND NOT coalesce(is_released, false)
            OR status = 'EXPIRED' AND x > now THEN 1
        WHEN status = 'EXPIRED' THEN 2 WHEN status = 'CANCELLED' THEN 3 ELSE 4 END AS outcome
    FROM known WHERE created <= now
),
keyed AS (SELECT g, greatest(t, 0) * 5 + outcome AS k FROM ended WHERE outcome > 0 OR t >= -60e6),
risked AS (
    SELECT g, k // 5 AS t, k % 5 AS outcome, k, row_number() OVER (PARTITION BY g ORDER BY k DESC) AS r FROM keyed
),
curve AS (
    SELECT g, t, outcome, r,
        sum(CASE WHEN outcome > 0 THEN 0 WHEN r > 1 THEN ln((r - 1) / r) ELSE -1e9 END) OVER so_far AS s,
        sum(CASE WHEN outcome = 0 AND r > 1 THEN 1 / (r * (r - 1)) ELSE 0 END) OVER so_far AS v,
        coalesce(lead(t) OVER so_far <> t, true) AS is_last
    FROM risked WINDOW so_far AS (PARTITION BY g ORDER BY r DESC ROWS UNBOUNDED PRECEDING)
),
bounded AS (
    SELECT *, CASE WHEN is_last AND s < 0 THEN ln(-s) END AS middle, CASE WHEN s < 0 THEN {Z} * sqrt(v) / s END AS half
    FROM curve
)
SELECT g, count(*) FILTER (outcome = 0), count(*) FILTER (outcome = 1), count(*) FILTER (outcome = 2),
    count(*) FILTER (outcome = 3), {_reached(0.5)}, {_reached(0.9)}, {_reached(0.95)}, {_within(24)}, {_within(72)}
FROM bounded GROUP BY g ORDER BY g
"""
_REFUNDS = f"""
WITH sums AS (
    SELECT purchase_currency AS g, count(*) AS n, count(*) FILTER (y > 0) AS k, count(*) FILTER (y >= x) AS f,
        sum(x) AS x, sum(y) AS y, sum(y * y::DOUBLE) AS yy, sum(x * y::DOUBLE) AS xy, sum(x * x::DOUBLE) AS xx
    FROM (SELECT purchase_currency, captured_amount AS x, coalesce(refunded_amount, 0) AS y FROM orders)
    WHERE x > 0 GROUP BY g
),
spread AS (
    SELECT *, y / x::DOUBLE AS q, yy - 2 * q * xy + q * q * xx AS residuals,
        least(x::DOUBLE ^ 2 / xx, q * (1 - q) * x::DOUBLE ^ 2 / (n / (n - 1)::DOUBLE * residuals)) AS size
    FROM sums
),
bounds AS (
    SELECT *, (q * size + {Z} ^ 2 / 2) / (size + {Z} ^ 2) AS middle,
        {Z} * sqrt(size * q * (1 - q) + {Z} ^ 2 / 4) / (size + {Z} ^ 2) AS half
    FROM spread
)
SELECT g, n, k, f, x::BIGINT, y::BIGINT, q, middle - half, middle + half
FROM bounds ORDER BY g
"""
_KEY = "nullif(lower(regexp_replace(shipping_method, '\\s', '', 'g')), '')"
_SHIPPING = f"""
WITH entries AS (
    SELECT order_id, capture_id, min({_KEY}) AS low, max({_KEY}) AS high, bool_or(has_tracking) AS tracked
    FROM shipments WHERE source = 'capture' GROUP BY ALL
),
goods AS (
    SELECT order_id, capture_id, bool_or(type = 'digital') AND bool_and(coalesce(type IN ('digital', 'discount',
        'sales_tax', 'store_credit', 'gift_card', 'surcharge', 'return_fee'), false)) AS is_digital
    FROM order_lines WHERE source = 'capture' GROUP BY ALL
),
named AS (
    SELECT purchase_country AS g, tracked, CASE WHEN low <> high THEN '(mixed)' WHEN low IS NOT NULL THEN low
        WHEN tracked IS NULL AND is_digital IS NULL THEN '(unknown)'
        WHEN tracked IS NULL AND is_digital THEN '(digital)' ELSE '(missing)' END AS method
    FROM captures LEFT JOIN entries USING (order_id, capture_id) LEFT JOIN goods USING (order_id, capture_id)
    JOIN orders USING (order_id)
)
SELECT g, method, count(*) AS n, count(*) FILTER (tracked) FROM named GROUP BY g, method ORDER BY g, n DESC, method
"""


def of_duckdb(query: str, warm_up: Path, folder: Path) -> Timed:
    """Run a query over the files, after a warm-up on fewer; return the seconds and the rows."""
    for files in (warm_up, folder):
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            for name in TABLES:
                connection.execute(f"CREATE VIEW {name} AS FROM '{files / name}/*.parquet'")
            start = time.perf_counter()
            response = connection.execute(query).fetchall()
            took = time.perf_counter() - start
    return took, response


def latency(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `_LATENCY` selects."""
    found = om.capture_latency(tables, by="purchase_country")
    return found.drop("orders", "other", "excluded", "captured_only_p50_hours")


def methods(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `_SHIPPING` selects; a method is shown by its key there, by its commonest spelling here."""
    found = om.shipping_methods(tables, by="purchase_country")
    method = pl.col("shipping_method").str.to_lowercase()
    return found.select("purchase_country", method, "count", "with_tracking").sort(
        "purchase_country", "count", "shipping_method", descending=[False, True, False]
    )


def refunds(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `_REFUNDS` selects."""
    return om.refund_ratio(tables).drop("excluded", "^count_ratio.*$")


def of_ours(metric: Callable[[om.Tables[Any]], pl.DataFrame], warm_up: Path, folder: Path) -> Timed:
    """Run a metric over the files, after a warm-up on fewer; return the seconds and the rows."""
    metric(om.Tables.scan_parquet(warm_up))
    tables: om.Tables[Any] = om.Tables.scan_parquet(folder)
    start = time.perf_counter()
    response = metric(tables)
    return time.perf_counter() - start, response.rows() if response.height <= CHUNK // 100 else []


def speed(small: Path, large: Path, rounds: int) -> Iterator[Measured]:
    """Compare three metrics with DuckDB on the same files."""
    asked = (
        ("`capture_latency` by country", latency, _LATENCY, "DuckDB, the same by window functions", 0.7),
        ("`refund_ratio`", refunds, _REFUNDS, "DuckDB, the same sums and variance", 1.3),
        ("`shipping_methods` by country", methods, _SHIPPING, "DuckDB, the same counts", 1.2),
    )
    for what, metric, query, against, goal in asked:
        ways = (partial(of_ours, metric, small), partial(of_duckdb, query, small))
        yield Measured(what, against, goal, compared(*ways, large, rounds))


def compared(way: Callable[[Path], Timed], other: Callable[[Path], Timed], folder: Path, rounds: int) -> list[float]:
    """Run both ways in turn, each in a fresh process; return the ratio of their times for each round."""
    ratios = []
    for number in range(rounds):
        ways = (way, other) if number % 2 == 0 else (other, way)
        timed: dict[Any, Timed] = {measured: fresh(measured, folder) for measured in ways}
        (ours, found), (theirs, expected) = timed[way], timed[other]
        assert_same(found, expected)
        ratios.append(ours / theirs)
        log(f"round {number + 1}: {ours:.2f} s of {theirs:.2f} s = {ratios[-1]:.2f}")
    return ratios


def fresh(measure: Callable[[Path], Any], folder: Path) -> Any:  # noqa: ANN401 - measures anything
    """Measure in a process that has only imported modules."""
    return in_fresh_process(measure, folder)


def assert_same(found: Rows, expected: Rows) -> None:
    """Assert that two results agree: floats to 1e-9, everything else exactly."""
    assert len(found) == len(expected) > 0, f"{len(found)} rows of {len(expected)}"
    for row, other in zip(found, expected, strict=True):
        for value, theirs in zip(row, other, strict=True):
            is_same = np.isclose(value, theirs, rtol=1e-9, atol=1e-9) if isinstance(value, float) else value == theirs
            assert is_same, f"{row} is not {other}"


def curves(rounds: int, orders: int) -> Measured:
    """Compare Kaplan-Meier curves with their intervals, in 50 groups, with a fit per group by lifelines."""
    random = np.random.default_rng(1)
    made: dict[str, Any] = {**some_orders(random, orders)}
    groups = np.char.add("G", random.integers(0, 50, orders).astype(str))
    made["orders"] = made["orders"].with_columns(purchase_country=pl.Series(groups))
    tables = om.Tables(**made, as_of=AS_OF)
    observed = _observed(tables)
    ratios = []
    for number in range(rounds):
        start = time.perf_counter()
        found = om.capture_latency(tables, by="purchase_country")
        ours = time.perf_counter() - start
        start = time.perf_counter()
        expected = [_median(part) for part in observed]
        theirs = time.perf_counter() - start
        assert_same(found.select("p50_hours", "p50_hours_low", "p50_hours_high").rows(), expected)
        ratios.append(ours / theirs)
        log(f"round {number + 1}: {ours:.2f} s of {theirs:.2f} s = {ratios[-1]:.2f}")
    return Measured(
        f"Kaplan-Meier with interval, {orders:,} orders in 50 groups", "lifelines, a fit per group", 0.45, ratios
    )


def _observed(tables: om.Tables[pl.DataFrame]) -> list[tuple[Any, Any]]:
    """Return the durations and events of each group for lifelines; finding them is not measured."""
    lazy = tables_of(tables)
    groups = groups_of(lazy.orders, "purchase_country")
    estimand = Estimand("first", "orders", effective_as_of(None, lazy))
    ends = order_ends(lazy, groups, estimand).drop_nulls("end").sort(groups.keys, maintain_order=True).collect()
    hours, outcome = pl.col("end") // len(OUTCOMES) / 3.6e9, pl.col("end") % len(OUTCOMES)
    return [
        (part.select(hours).to_series().to_numpy(), part.select(outcome == 0).to_series().to_numpy())
        for part in ends.partition_by(groups.keys, maintain_order=True)
    ]


def _median(observed: tuple[Any, Any]) -> tuple[Any, ...]:
    fit = KaplanMeierFitter().fit(*observed)
    low, high = median_survival_times(fit.confidence_interval_).iloc[0]
    return fit.median_survival_time_, low, high


GROWING: dict[str, Callable[[om.Tables[Any]], pl.DataFrame]] = {
    "capture_latency": latency,
    "capture_curve": om.capture_curve,
    "refund_curve": om.refund_curve,
    "refund_ratio": refunds,
    "time_to_refund": om.time_to_refund,
    "shipping_methods": methods,
    "carriers": om.carriers,
    "expiring": om.expiring,
    "at_risk": om.at_risk,
    "key_figures": om.key_figures,
    "audit": om.audit,
}


def growth(small: Path, large: Path, times: int, rounds: int) -> Iterator[Measured]:
    """Compare the time of each metric on the large folder with a multiple of its time on the small one."""
    for name, metric in GROWING.items():
        ratios = []
        for number in range(rounds):
            few, many = (fresh(partial(of_ours, metric, small), folder)[0] for folder in (small, large))
            ratios.append(many / few / times)
            log(f"{name}, round {number + 1}: {few:.2f} s, {many:.2f} s = {ratios[-1]:.2f}")
        yield Measured(f"`{name}`, {times} times the orders", f"{times} times its time", 1.6, ratios)


NEEDED: dict[str, dict[str, Sequence[str]]] = {
    "capture_latency": {
        "orders": (
            "order_id",
            "purchase_country",
            "status",
            "remaining_authorized_amount",
            "created_at",
            "expires_at",
            "seen_at",
        ),
        "captures": ("order_id", "captured_at", "captured_amount"),
    },
    "refund_ratio": {"orders": ("purchase_currency", "captured_amount", "refunded_amount")},
    "shipping_methods": {
        "orders": ("order_id", "purchase_country"),
        "captures": ("order_id", "capture_id"),
        "shipments": ("order_id", "source", "capture_id", "shipping_method", "has_tracking"),
        "order_lines": ("order_id", "source", "capture_id", "type"),
    },
}
"""The columns that a metric needs."""


def memory(folder: Path, rounds: int) -> Iterator[Measured]:
    """Compare the extra peak of three metrics with the size of the columns that they need."""
    for name, needed in NEEDED.items():
        size = fresh(partial(size_of, needed), folder)
        peaks = [fresh(partial(extra_of, name), folder) for _ in range(rounds)]
        log(f"{name}: {', '.join(f'{peak / 1e6:.0f}' for peak in peaks)} MB of {size / 1e6:.0f} MB")
        yield Measured(
            f"`{name}`, extra peak memory", "the columns it needs, in memory", 3.0, [p / size for p in peaks]
        )


def size_of(needed: dict[str, Sequence[str]], folder: Path) -> int:
    """Return the bytes that some columns take in memory."""
    before = restart_peak()
    held = [pl.read_parquet(folder / table / "*.parquet", columns=list(names)) for table, names in needed.items()]
    size = restart_peak() - before
    del held
    return size


def extra_of(name: str, folder: Path) -> int:
    """Return the extra peak memory of a metric."""
    before = restart_peak()
    GROWING[name](om.Tables.scan_parquet(folder))
    return peak_bytes() - before


def main() -> int:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description="How fast the metrics are, and how much memory they take.")
    parser.add_argument("--folder", type=Path, help="keep the orders in this folder, or use those in it")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the orders, fewer rounds")
    parser.add_argument("--only", choices=("speed", "curves", "growth", "memory"), help="a part of it")
    options = parser.parse_args()
    orders, rounds = (200_000, 2) if options.quick else (10_000_000, 5)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        large, small = (prepared(folder / str(size), size) for size in (orders, orders // 10))
        parts: dict[str, Callable[[], Iterable[Measured]]] = {
            "speed": lambda: speed(small, large, rounds),
            "curves": lambda: [curves(rounds, orders // 10)],
            "growth": lambda: growth(small, large, 10, rounds),
            "memory": lambda: memory(large, min(rounds, 3)),
        }
        print(f"{machine()}; duckdb {duckdb.__version__}. {orders:,} orders.\n")
        print("| what | against | must reach | measured: median (min-max) |\n|---|---|---|---|")
        results = []
        for part, measure in parts.items():
            for measured in measure() if options.only in (None, part) else ():
                print(measured, flush=True)
                results.append(measured)
    return 0 if all(measured.is_reached for measured in results) else 1


def prepared(folder: Path, orders: int) -> Path:
    """Write the orders unless they are there."""
    if not folder.exists():
        write_orders(folder, orders)
    return folder


if __name__ == "__main__":
    sys.exit(main())
