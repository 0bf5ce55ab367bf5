"""The numbers of a report, taken together, do not reveal the size of a small group: proved by integer programming."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from disclosure import REFUNDS, STATES, Reader, Unknown
from shop_tables import at, shop

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from om_toolkit.tables.tables import Tables

CURRENCIES = ["EUR", "NOK", "SEK"]
COUNTRIES = ["DE", "FI", "NL", "NO", "SE"]
METHODS = ["BoxReg", "Home", "Own", "PickUpPoint", "PickUpStore"]
STATUSES = dict(zip(STATES, ("CAPTURED", "AUTHORIZED", "EXPIRED", "CANCELLED", "CLOSED", "CLOSED"), strict=True))
REFUNDED = dict(zip(REFUNDS, (0, 30, 100), strict=True))


def order(number: int, cell: Unknown) -> dict[str, Any]:
    is_captured = cell.state == "captured"
    return {
        "order_id": str(number),
        "status": STATUSES[cell.state or ""],
        "purchase_country": cell.country,
        "purchase_currency": cell.currency,
        "customer_type": "person" if number % 7 else "organization",
        "order_amount": 100,
        "captured_amount": 100 * is_captured,
        "refunded_amount": REFUNDED[cell.refund or "none"],
        "remaining_authorized_amount": 100 * (cell.state == "waiting"),
        "created_at": None if cell.state == "excluded" else at(-168 * (number % 3)),
        "expires_at": at(50 if cell.state == "expired" else 999),
    }


def shop_of(cells: Iterable[Unknown], captures_of: Iterable[int]) -> Tables[pl.DataFrame]:
    """Build a shop with an order for each cell; a captured one has so many captures, all shipped in the same way."""
    orders, captures, shipments = [], [], []
    for number, (cell, times) in enumerate(zip(cells, captures_of, strict=False)):
        orders.append(order(number, cell))
        for capture in range(times if cell.state == "captured" else 0):
            key = {"order_id": str(number), "capture_id": f"{number}-{capture}"}
            captures.append({**key, "captured_at": at(number % 90), "captured_amount": 100 // times})
            shipments.append({**key, "source": "capture", "shipping_method": cell.method, "has_tracking": cell.tracked})
    return shop(orders=orders, captures=captures, shipments=shipments, as_of=at(100))


def drawn_cells(random: Random) -> Iterator[Unknown]:
    """Draw the orders of a shop: some common, some rare combinations, each currency mostly in one country."""
    currencies = random.sample(CURRENCIES, random.randint(1, 3))
    countries = random.sample(COUNTRIES, random.randint(1, 5))
    methods = random.sample(METHODS, random.randint(1, 5))
    for currency, country in product(currencies, countries):
        likely = [random.choice((0, 1, 1, 4, 12)) for _ in methods]
        tracked = [random.choice((0.0, 0.1, 0.5, 0.9, 1.0)) for _ in methods]
        for _ in range(random.choice((0, 0, 1, 3, 7, 12, 25, 60)) if any(likely) else 0):
            state = random.choices(STATES, (12, 2, 1, 1, 1, 1))[0]
            position = random.choices(range(len(methods)), likely)[0]
            refund = random.choices(REFUNDS, (8, 1, 1))[0] if state == "captured" else None
            yield Unknown(currency, country, state, refund, methods[position], random.random() < tracked[position])


def small_groups_of(tables: Tables[pl.DataFrame], min_cell: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Find the groups by currency, country and method with fewer orders than `min_cell`, and their true counts."""
    shipped = tables.shipments.select("order_id", method="shipping_method")
    captured = tables.orders.rename({"purchase_currency": "currency", "purchase_country": "country"})
    rows = captured.join(shipped, on="order_id", how="left")
    for by in (["currency"], ["currency", "country"]):
        for state in ("captured", None):
            counted = rows.filter(status="CAPTURED") if state else rows
            for row in counted.group_by(by).agg(size=pl.col("order_id").n_unique()).to_dicts():
                if row["size"] < min_cell:
                    yield {name: {row[name]} for name in by} | ({"state": {state}} if state else {}), row["size"]
    for by in (["method"], ["currency", "method"], ["country", "method"], ["currency", "country", "method"]):
        counts = rows.drop_nulls("method").group_by(by)
        for row in counts.agg(size=pl.col("order_id").n_unique(), captures=pl.len()).to_dicts():
            if row["size"] < min_cell:
                yield {name: {row[name]} for name in by}, row["captures"]


def reader_of(tables: Tables[pl.DataFrame], min_cell: int) -> Reader:
    currencies, countries = (tables.orders[f"purchase_{name}"].unique().to_list() for name in ("currency", "country"))
    return Reader(currencies, countries, tables.shipments["shipping_method"].unique().to_list(), min_cell)


def assert_nothing_small_is_revealed(tables: Tables[pl.DataFrame], min_cell: int) -> None:
    """Check that no count of a small group can be narrowed to an interval shorter than `min_cell`."""
    reader = reader_of(tables, min_cell)
    reader.read(om.Report(tables, min_cell=min_cell).html)
    for chosen, count in small_groups_of(tables, min_cell):
        low, high = reader.range_of(**chosen)
        assert low <= count <= high
        assert high - low >= min_cell, f"{chosen}: {count} is between {low} and {high}"


def random_shop(seed: int) -> Tables[pl.DataFrame]:
    """Draw a shop whose orders have one capture each, or some of them two, which makes less known."""
    random = Random(seed)  # noqa: S311 - nothing secret
    cells = list(drawn_cells(random))
    return shop_of(cells, random.choices((1, 2), (1, random.choice((0, 0.2))), k=len(cells)))


@pytest.mark.parametrize(("seed", "min_cell"), [(11, 3), (12, 5), (13, 10)])
def test_a_report_does_not_reveal_a_small_group(seed: int, min_cell: int) -> None:
    assert_nothing_small_is_revealed(random_shop(seed), min_cell)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_no_report_of_a_random_shop_reveals_a_small_group(seed: int) -> None:
    tables = random_shop(seed)
    for min_cell in (3, 5, 10):
        assert_nothing_small_is_revealed(tables, min_cell)


def shop_with(counts: dict[tuple[str, str], dict[str, tuple[int, int]]]) -> Tables[pl.DataFrame]:
    """Build a shop of captured orders by currency and country: for each method, how many without and with tracking."""
    cells = [
        Unknown(currency, country, "captured", "none", method, tracked)
        for (currency, country), methods in counts.items()
        for method, numbers in methods.items()
        for tracked, number in zip((False, True), numbers, strict=True)
        for _ in range(number)
    ]
    return shop_of(cells, [1] * len(cells))


PICK_UP = {
    ("EUR", "SE"): {"Home": (20, 0), "PickUpStore": (3, 0), "PickUpPoint": (6, 0)},
    ("EUR", "DE"): {"Home": (20, 0), "PickUpStore": (10, 0), "PickUpPoint": (30, 0)},
}
TRACKED_IN_ONE_CURRENCY = {
    ("EUR", "DE"): {"Home": (1, 45), "Own": (1, 3)},
    ("SEK", "SE"): {"Home": (14, 0), "Own": (6, 0)},
}
LEAST = 5


@pytest.mark.parametrize(
    "counts",
    [
        PICK_UP,
        TRACKED_IN_ONE_CURRENCY,
        {("EUR", "SE"): {"Home": (9, 0), "Own": (1, 0)}, ("EUR", "FI"): {"Own": (4, 0)}},  # the pool is everything
        {("EUR", "SE"): {"Home": (9, 0)}, ("NOK", "NO"): {"Home": (2, 0), "Own": (2, 0)}},  # a currency is left out
    ],
)
def test_a_known_chain_of_sums_is_broken(counts: dict[tuple[str, str], dict[str, tuple[int, int]]]) -> None:
    tables = shop_with(counts)
    assert list(small_groups_of(tables, LEAST))
    assert_nothing_small_is_revealed(tables, LEAST)


def test_the_reader_calculates_what_a_bar_for_each_country_and_a_second_table_with_tracking_would_reveal() -> None:
    reader = reader_of(shop_with(PICK_UP), LEAST)
    reader.learn(13, method={"PickUpStore"})
    reader.learn(36, method={"PickUpPoint"})
    hidden = {"country": {"SE"}, "method": {"PickUpStore"}}
    assert reader.range_of(**hidden) == (0, 13)
    reader.learn(9, country={"SE"}, method={"PickUpStore", "PickUpPoint"})
    reader.learn(30, country={"DE"}, method={"PickUpPoint"})
    assert reader.range_of(**hidden) == (3, 3)

    reader = reader_of(shop_with(TRACKED_IN_ONE_CURRENCY), LEAST)
    hidden = {"currency": {"EUR"}, "method": {"Own"}}
    for tracked, of_method, of_euro in ((False, 7, 2), (True, 3, 48)):
        reader.learn(of_method, method={"Own"}, tracked={tracked})
        reader.learn(of_euro, currency={"EUR"}, tracked={tracked})
    assert reader.range_of(**hidden) == (0, 5)
    reader.learn(0, currency={"SEK"}, tracked={True})
    assert reader.range_of(**hidden) == (3, 5)


def test_the_reader_understands_what_the_page_says() -> None:
    tables = shop_with(TRACKED_IN_ONE_CURRENCY)
    reader = reader_of(tables, LEAST)
    page = om.Report(tables).html
    reader.read(page)
    assert len(reader.equations) > 20
    with pytest.raises(AssertionError, match="'2'} in 'This hides 2 orders"):
        reader.read(page.replace("<p>The refund ratio", "<p>This hides 2 orders. The refund ratio"))
    with pytest.raises(AssertionError, match=r"only the picture shows .'Own in Finland'"):
        reader.read(page.replace("</text>", "</text><text>Own in Finland</text>"))
    with pytest.raises(KeyError, match="returned"):
        reader.read(page.replace(">expired<", ">returned<"))
