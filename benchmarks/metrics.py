"""Measure time and memory of the metrics on ten million orders in Parquet, against DuckDB and lifelines.

    uv run --group benchmarks python benchmarks/metrics.py                   # all rows; 3 GB of disk, 8 GB of memory
    uv run --group benchmarks python benchmarks/metrics.py --folder FOLDER   # keep the orders for another run
    uv run --group benchmarks python benchmarks/metrics.py --only speed      # rows whose name begins so
    uv run --group benchmarks python benchmarks/metrics.py --quick           # a fiftieth of that: does it still run?

Prints a Markdown table, and ends with exit code 1 if a ratio is above the one that it must reach.

Speed is elapsed time in a fresh process each, warmed up on a tenth of the orders, in rounds: each runs both ways,
the first of the two changing from round to round. A measured ratio is the median of the rounds' ratios. In
every round both ways must have the same result: counts and amounts exactly, all else to 1e-9. Memory (Linux only:
it reads /proc) is the extra peak of a fresh process, compared with the columns that the metric needs, in memory.
"""

# ruff: noqa: PLR2004 - made-up shares

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
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
from metrics_sql import AS_OF, CURVE, LATENCY, PRODUCTS, REFUNDS, SHIPPING
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.metrics.captured_orders import OUTCOMES, Estimand, order_ends
from om_toolkit.metrics.expressions import effective_as_of
from om_toolkit.metrics.grouping import groups_of
from om_toolkit.tables.parquet_files import SET_ID
from om_toolkit.tables.schema import columns
from om_toolkit.tables.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Timed = tuple[float, pl.DataFrame]
Metric = Callable[[om.Tables[Any]], pl.DataFrame]

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
        lined.select(
            *keys[:2],
            "capture",
            "capture_id",
            source=pl.lit("capture"),
            line=pl.lit(line, pl.Int64),
            total_amount=amount,
        )
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


def of_duckdb(query: str, warm_up: Path, folder: Path) -> Timed:
    """Run a query over the files, after a warm-up on fewer; return the seconds and the result."""
    for files in (warm_up, folder):
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            for name in TABLES:
                connection.execute(f"CREATE VIEW {name} AS FROM '{files / name}/*.parquet'")
            start = time.perf_counter()
            response = pl.DataFrame(connection.sql(query))
            took = time.perf_counter() - start
    return took, response


def of_ours(metric: Metric, warm_up: Path, folder: Path) -> Timed:
    """Run a metric over the files, after a warm-up on fewer; return the seconds and the result."""
    metric(om.Tables.scan_parquet(warm_up))
    tables: om.Tables[Any] = om.Tables.scan_parquet(folder)
    start = time.perf_counter()
    response = metric(tables)
    return time.perf_counter() - start, response


def seconds_of_ours(metric: Metric, warm_up: Path, folder: Path) -> float:
    """Return the seconds of a metric over the files, after a warm-up on fewer."""
    return of_ours(metric, warm_up, folder)[0]


def latency(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `LATENCY` selects."""
    found = om.capture_latency(tables, by="purchase_country")
    return found.drop("orders", "other", "excluded", "captured_only_p50_hours")


def methods(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `SHIPPING` selects; a method is shown by its key there, by its commonest spelling here."""
    found = om.shipping_methods(tables, by="purchase_country")
    method = pl.col("shipping_method").str.to_lowercase()
    return found.select("purchase_country", method, "count", "with_tracking").sort(
        "purchase_country", "count", "shipping_method", descending=[False, True, False]
    )


def refunds(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `REFUNDS` selects."""
    return om.refund_ratio(tables).drop("^count_ratio.*$")


def refunds_by_month(tables: om.Tables[Any]) -> pl.DataFrame:
    """Compute what `CURVE` selects."""
    return om.refund_curve(tables, by=om.by_period("1mo"))


COMPARED: dict[str, tuple[str, Metric, str, str, float]] = {
    "capture_latency": ("`capture_latency` by country", latency, LATENCY, "DuckDB, the same estimator", 0.7),
    "refund_ratio": ("`refund_ratio`", refunds, REFUNDS, "DuckDB, the same sums and interval", 1.3),
    "shipping_methods": ("`shipping_methods` by country", methods, SHIPPING, "DuckDB, the same counts", 1.2),
    "refund_curve": ("`refund_curve` by month", refunds_by_month, CURVE, "DuckDB, the same function", 1.0),
    "products": ("`products` by category", om.products, PRODUCTS, "DuckDB, the same sums and interval", 1.2),
}
"""By name, what is compared with DuckDB: our metric, the query, and the ratio to reach."""


def speed(name: str, small: Path, large: Path, rounds: int) -> Measured:
    """Compare a metric with DuckDB on the same files."""
    what, metric, query, against, goal = COMPARED[name]
    ours, theirs = partial(of_ours, metric, small, large), partial(of_duckdb, query, small, large)
    return Measured(what, against, goal, compared(ours, theirs, rounds))


def compared(way: Callable[[], Timed], other: Callable[[], Timed], rounds: int) -> list[float]:
    """Run both ways in turn, each in a fresh process; return the ratio of their times for each round."""
    ratios = []
    for number in range(rounds):
        (ours, found), (theirs, expected) = in_turn(way, other, number)
        assert_same(found, expected)
        ratios.append(ours / theirs)
        log(f"round {number + 1}: {ours:.2f} s of {theirs:.2f} s = {ratios[-1]:.2f}")
    return ratios


def in_turn(way: Callable[[], Any], other: Callable[[], Any], number: int) -> tuple[Any, Any]:
    """Run both ways, each in a fresh process; the first of them changes from round to round."""
    ways = (way, other) if number % 2 == 0 else (other, way)
    first, second = (in_fresh_process(run, measured) for measured in ways)
    return (first, second) if number % 2 == 0 else (second, first)


def run(measure: Callable[[], Any]) -> Any:  # noqa: ANN401 - measures anything
    """Measure."""
    return measure()


def assert_same(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Assert that two results agree: floats to 1e-9, everything else exactly."""
    expected = expected.cast(dict(zip(expected.columns, found.dtypes, strict=True)))
    expected.columns = found.columns
    assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    assert found.height > 0


def curves(folder: Path, rounds: int, orders: int) -> Measured:
    """Compare Kaplan-Meier curves with their intervals, in 50 groups, with a fit per group by lifelines."""
    if not folder.exists():
        write_groups(folder, orders)
    ratios = compared(partial(medians, folder / "tables"), partial(medians_of_lifelines, folder), rounds)
    what = f"Kaplan-Meier with interval, {orders:,} orders in 50 groups"
    return Measured(what, "lifelines, a fit per group", 0.45, ratios)


def write_groups(folder: Path, orders: int) -> None:
    """Write orders of 50 groups, and their durations and events for lifelines; finding those is not measured."""
    random = np.random.default_rng(1)
    made: dict[str, Any] = {**some_orders(random, orders)}
    groups = np.char.add("G", random.integers(0, 50, orders).astype(str))
    made["orders"] = made["orders"].with_columns(purchase_country=pl.Series(groups))
    tables = om.Tables(**made, as_of=AS_OF)
    tables.write_parquet(folder / "tables")
    lazy = tables_of(tables)
    grouped = groups_of(lazy.orders, "purchase_country")
    estimand = Estimand("first", "orders", effective_as_of(None, lazy))
    ends = order_ends(lazy, grouped, estimand).drop_nulls("end").sort(grouped.keys, maintain_order=True)
    hours, outcome = pl.col("end") // len(OUTCOMES) / 3.6e9, pl.col("end") % len(OUTCOMES)
    ends.select(*grouped.keys, hours=hours, is_captured=outcome == 0).collect().write_parquet(folder / "ends.parquet")


def medians(folder: Path) -> Timed:
    """Compute the median of each group with its bounds from tables in memory."""
    tables = om.Tables.read_parquet(folder)
    om.capture_latency(tables.filter(pl.col("purchase_country") == "G1"), by="purchase_country")
    start = time.perf_counter()
    found = om.capture_latency(tables, by="purchase_country")
    return time.perf_counter() - start, found.select("p50_hours", "p50_hours_low", "p50_hours_high")


def medians_of_lifelines(folder: Path) -> Timed:
    """Compute the same by lifelines from the durations and events in memory."""
    ends = pl.read_parquet(folder / "ends.parquet").partition_by("group_0", maintain_order=True)
    observed = [(part["hours"].to_numpy(), part["is_captured"].to_numpy()) for part in ends]
    _median(observed[0])
    start = time.perf_counter()
    fitted = [_median(part) for part in observed]
    return time.perf_counter() - start, pl.DataFrame(fitted, orient="row")


def _median(observed: tuple[Any, Any]) -> tuple[Any, ...]:
    fit = KaplanMeierFitter().fit(*observed)
    low, high = median_survival_times(fit.confidence_interval_).iloc[0]
    return fit.median_survival_time_, low, high


GROWING: dict[str, Metric] = {
    "capture_latency": latency,
    "capture_curve": om.capture_curve,
    "refund_curve": om.refund_curve,
    "refund_ratio": refunds,
    "time_to_refund": om.time_to_refund,
    "shipping_methods": methods,
    "carriers": om.carriers,
    "products": om.products,
    "expiring": om.expiring,
    "at_risk": om.at_risk,
    "key_figures": om.key_figures,
    "audit": om.audit,
}


def growth(name: str, small: Path, large: Path, rounds: int) -> Measured:
    """Compare the time of a metric on the large folder with ten times its time on the small one."""
    ratios = []
    few, many = (partial(seconds_of_ours, GROWING[name], small, folder) for folder in (small, large))
    for number in range(rounds):
        of_few, of_many = in_turn(few, many, number)
        ratios.append(of_many / of_few / 10)
        log(f"{name}, round {number + 1}: {of_few:.2f} s, {of_many:.2f} s = {ratios[-1]:.2f}")
    return Measured(f"`{name}`, 10 times the orders", "10 times its time", 1.6, ratios)


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


def memory(name: str, folder: Path, rounds: int) -> Measured:
    """Compare the extra peak of a metric with the size of the columns that it needs."""
    size = in_fresh_process(partial(size_of, NEEDED[name]), folder)
    peaks = [in_fresh_process(partial(extra_of, name), folder) for _ in range(rounds)]
    log(f"{name}: {', '.join(f'{peak / 1e6:.0f}' for peak in peaks)} MB of {size / 1e6:.0f} MB")
    ratios = [peak / size for peak in peaks]
    return Measured(f"`{name}`, extra peak memory", "the columns it needs, in memory", 3.0, ratios)


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


def rows(folder: Path, orders: int, rounds: int) -> dict[str, Callable[[], Measured]]:
    """Return by name what measures each row of the table."""
    large, small = (prepared(folder / str(size), size) for size in (orders, orders // 10))
    few = min(rounds, 3)
    return {
        **{f"speed:{name}": partial(speed, name, small, large, rounds) for name in COMPARED},
        "curves": partial(curves, folder / "groups", rounds, orders // 10),
        **{f"growth:{name}": partial(growth, name, small, large, rounds) for name in GROWING},
        **{f"memory:{name}": partial(memory, name, large, few) for name in NEEDED},
    }


def main() -> int:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description="How fast the metrics are, and how much memory they take.")
    parser.add_argument("--folder", type=Path, help="keep the orders in this folder, or use those in it")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the orders, fewer rounds")
    parser.add_argument("--only", default="", help="rows whose name begins so: speed:products, speed, growth, ...")
    options = parser.parse_args()
    orders, rounds = (200_000, 2) if options.quick else (10_000_000, 5)
    with tempfile.TemporaryDirectory() as scratch:
        measures = rows(options.folder or Path(scratch), orders, rounds)
        chosen = [measure for name, measure in measures.items() if name.startswith(options.only)]
        if not chosen:
            parser.error(f"no row begins with {options.only!r}; the rows are {', '.join(measures)}")
        print(f"{machine()}; duckdb {duckdb.__version__}. {orders:,} orders.\n")
        print("| what | against | must reach | measured: median (min-max) |\n|---|---|---|---|")
        results = []
        for measure in chosen:
            results.append(measure())
            print(results[-1], flush=True)
    return 0 if all(measured.is_reached for measured in results) else 1


def prepared(folder: Path, orders: int) -> Path:
    """Write the orders unless they are there."""
    if not folder.exists():
        write_orders(folder, orders)
    return folder


if __name__ == "__main__":
    sys.exit(main())
