from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from property_tests import examples
from scipy.stats import binomtest
from shop_tables import shop, shuffled

from om_toolkit.metrics import carriers, shipping_methods
from om_toolkit.tables.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

PHYSICAL = ("physical",)


def capture(  # noqa: PLR0913 - the properties of a capture
    order_id: str,
    methods: Sequence[str | None] = (),
    lines: Sequence[str | None] = PHYSICAL,
    *,
    tracked: bool = False,
    amount: int = 100,
    capture_id: str | None = "1",
) -> dict[str, list[dict[str, Any]]]:
    """Make one capture of an order, with a shipment per method and an order line per type."""
    keys = {"order_id": order_id, "capture_id": capture_id}
    rows = {"source": "capture", **keys}
    return {
        "captures": [{**keys, "captured_amount": amount}],
        "shipments": [{**rows, "shipping_method": method, "has_tracking": tracked} for method in methods],
        "order_lines": [{**rows, "type": kind} for kind in lines],
    }


def shipped(*captures: dict[str, list[dict[str, Any]]], **of_orders: dict[str, Any]) -> Tables[pl.DataFrame]:
    """Make tables of captures and their orders; `of_orders` has more columns of an order by its id."""
    rows = {name: [row for part in captures for row in part[name]] for name in ("captures", "shipments", "order_lines")}
    ids = dict.fromkeys([row["order_id"] for row in rows["captures"]] + list(of_orders))
    orders = [{"order_id": order_id, "purchase_currency": "SEK", **of_orders.get(order_id, {})} for order_id in ids]
    return shop(orders=orders, **rows)


def counts(result: pl.DataFrame, *more: str) -> list[tuple[Any, ...]]:
    return result.select("shipping_method", "count", *more).rows()


@pytest.mark.parametrize(
    ("methods", "lines", "expected"),
    [
        (["Home"], PHYSICAL, "Home"),
        (["Home", "Home"], PHYSICAL, "Home"),
        (["Home", None], PHYSICAL, "Home"),
        (["Home", "Postal"], PHYSICAL, "(mixed)"),
        (["Undefined"], PHYSICAL, "Undefined"),
        (["Digital"], ["digital"], "Digital"),
        ([None], PHYSICAL, "(missing)"),
        ([None], ["digital"], "(missing)"),
        ([None], [], "(missing)"),
        (["  "], PHYSICAL, "(missing)"),
        ([], PHYSICAL, "(missing)"),
        ([], [], "(unknown)"),
        ([], ["digital"], "(digital)"),
        ([], ["digital", "discount", "sales_tax", "store_credit", "gift_card", "surcharge", "return_fee"], "(digital)"),
        ([], ["digital", "physical"], "(missing)"),
        ([], ["digital", "shipping_fee"], "(missing)"),
        ([], ["digital", None], "(missing)"),
        ([], ["digital", "hologram"], "(missing)"),
        ([], ["gift_card"], "(missing)"),
        ([], [None], "(missing)"),
    ],
)
def test_a_capture_has_its_method_or_the_label_of_its_absence(
    methods: list[str], lines: list[str], expected: str
) -> None:
    assert counts(shipping_methods(shipped(capture("a", methods, lines)))) == [(expected, 1)]


def test_shipping_info_of_the_order_applies_to_its_captures_if_none_has_any() -> None:
    of_order = {"source": "order", "shipping_method": "Home", "has_tracking": True}
    captures = [{"order_id": one, "capture_id": number, "captured_amount": 5} for one in "ab" for number in "12"]
    own = {"order_id": "b", "source": "capture", "capture_id": "1", "shipping_method": "Own", "has_tracking": False}
    tables = shop(
        orders=[{"order_id": "a"}, {"order_id": "b"}, {"order_id": "c"}],
        captures=captures,
        shipments=[*({**of_order, "order_id": one} for one in "abc"), own],
        order_lines=[{"order_id": "b", "source": "order", "type": "physical"}],
    )
    assert counts(shipping_methods(tables), "with_tracking") == [("Home", 2, 2), ("(unknown)", 1, 0), ("Own", 1, 0)]
    # The entry of order c has no capture to apply to.
    assert counts(shipping_methods(tables, grain="shipment")) == [("Home", 1), ("Own", 1)]
    assert counts(shipping_methods(tables, grain="order")) == [("Home", 1), ("Own", 1)]


def test_captures_without_ids_are_not_one_capture() -> None:
    keys = [{"order_id": "a", "capture_id": None, "capture": position} for position in (0, 1)]
    methods = ("Home", "BoxReg")
    tables = shop(
        orders=[{"order_id": "a"}],
        captures=[{**key, "captured_amount": 5} for key in keys],
        shipments=[
            {**key, "source": "capture", "shipping_method": method, "has_tracking": method == "Home"}
            for key, method in zip(keys, methods, strict=True)
        ],
        order_lines=[{**key, "source": "capture", "type": "physical"} for key in keys],
    )
    for grain in ("capture", "shipment"):
        found = shipping_methods(tables, grain=grain)  # type: ignore[arg-type]
        assert counts(found, "with_tracking") == [("BoxReg", 1, 0), ("Home", 1, 1)]
    assert counts(shipping_methods(tables, grain="order"), "with_tracking") == [("(mixed)", 1, 1)]


def test_a_capture_without_id_is_joined_with_its_own_shipments() -> None:
    tables = shipped(
        capture("a", ["Home"], capture_id=None), capture("b", ["Postal"], capture_id=None), capture("b", ["Own"])
    )
    assert counts(shipping_methods(tables)) == [("Home", 1), ("Own", 1), ("Postal", 1)]


def test_spellings_of_one_method_are_merged_and_the_most_common_is_shown() -> None:
    spellings = ["pick up store", "PickUpStore", "PickupStore", "PickupStore", "PICKUP\tSTORE"]
    tables = shipped(*(capture(str(number), [method]) for number, method in enumerate(spellings)))
    assert counts(shipping_methods(tables)) == [("PickupStore", 5)]


def test_of_equally_common_spellings_the_alphabetically_first_is_shown() -> None:
    assert counts(shipping_methods(shipped(capture("a", ["home"]), capture("b", ["Home"])))) == [("Home", 2)]


def test_a_spelling_is_the_same_in_every_group() -> None:
    tables = shipped(
        *(capture(order, ["Home"]) for order in "ab"), capture("c", ["home"]), c={"purchase_currency": "NOK"}
    )
    assert shipping_methods(tables, by="purchase_currency")["shipping_method"].to_list() == ["Home", "Home"]


def test_several_shipments_do_not_multiply_a_capture_or_its_amount() -> None:
    tables = shipped(
        capture("a", ["Home", "Home", "Home"], PHYSICAL * 4, amount=300, tracked=True),
        capture("b", ["Home"], amount=100),
        capture("c", ["Postal"], amount=100),
        c={"purchase_currency": "SEK"},
    )
    result = shipping_methods(tables, by="purchase_currency")
    assert result.rows(named=True) == [
        {
            "purchase_currency": "SEK",
            "shipping_method": "Home",
            "count": 2,
            **_wilson("share", 2, 3),
            "with_tracking": 1,
            **_wilson("tracking_share", 1, 2),
            "captured_amount": 400,
            "amount_share": 0.8,
            # The residuals y - R·x are 60, 20 and -80, and R(1 - R)/V is 2.56: the effective size is Kish's, 2.27.
            **_bounds(0.8, 500**2 / (300**2 + 100**2 + 100**2)),
        },
        {
            "purchase_currency": "SEK",
            "shipping_method": "Postal",
            "count": 1,
            **_wilson("share", 1, 3),
            "with_tracking": 0,
            **_wilson("tracking_share", 0, 1),
            "captured_amount": 100,
            "amount_share": 0.2,
            **_bounds(0.2, 500**2 / (300**2 + 100**2 + 100**2)),
        },
    ]


def _wilson(name: str, hits: int, of: int) -> dict[str, Any]:
    low, high = binomtest(hits, of).proportion_ci(method="wilson")
    values = {name: hits / of, f"{name}_low": low, f"{name}_high": high}
    return {key: pytest.approx(value, abs=1e-12) for key, value in values.items()}


def _bounds(share: float, size: float) -> dict[str, Any]:
    z2 = 1.959963984540054**2
    middle, half = share + z2 / (2 * size), sqrt(z2 * share * (1 - share) / size + z2**2 / (4 * size**2))
    low, high = ((middle + side * half) / (1 + z2 / size) for side in (-1, 1))
    return {"amount_share_low": pytest.approx(low), "amount_share_high": pytest.approx(high)}


def test_the_variance_of_a_share_is_taken_over_orders() -> None:
    # Order a has three captures sent home, b one by post: of 4 captures 3 are Home. The residuals y - R·x are
    # 3 - 0.75·3 = 0.75 and -0.75, so V = 2·0.75²/4², and n_eff = min(4²/(3² + 1²), 0.75·0.25/V).
    tables = shipped(*(capture("a", ["Home"], capture_id=number) for number in "123"), capture("b", ["Postal"]))
    row = shipping_methods(tables).row(0, named=True)
    expected = _bounds(0.75, min(16 / 10, 0.75 * 0.25 / (2 * 0.75**2 / 16)))
    assert (row["share_low"], row["share_high"]) == tuple(expected.values())


def test_amounts_are_shown_only_with_their_currency() -> None:
    tables = shipped(capture("a", ["Home"]))
    amounts = ["captured_amount", "amount_share", "amount_share_low", "amount_share_high"]
    assert shipping_methods(tables, by=["purchase_country", "purchase_currency"]).columns[-4:] == amounts
    assert not set(amounts) & set(shipping_methods(tables, by="purchase_country").columns)
    assert not set(amounts) & set(shipping_methods(tables, by="purchase_currency", grain="shipment").columns)


def test_without_a_captured_amount_its_share_is_null() -> None:
    result = shipping_methods(shipped(capture("a", ["Home"], amount=0)), by="purchase_currency")
    assert result.select("captured_amount", "amount_share").rows() == [(0, None)]


def test_a_repeated_order_counts_its_captures_once() -> None:
    tables = shipped(capture("a", ["Home"], amount=70))
    twice = shop(orders=[{"order_id": "a", "purchase_currency": "SEK"}] * 2)
    twice = Tables(**{**dict(tables.items()), "orders": twice.orders}, as_of=None)
    assert counts(shipping_methods(twice, by="purchase_currency"), "captured_amount") == [("Home", 1, 70)]


def test_rows_are_sorted_by_group_then_by_count_then_by_name() -> None:
    tables = shipped(
        *(capture(order, [method]) for order, method in zip("abcd", ["Own", "Own", "Postal", "Home"], strict=True)),
        capture("e", ["Own"]),
        capture("f", ["Home"]),
        e={"purchase_currency": None},
        f={"purchase_currency": "NOK"},
    )
    result = shipping_methods(tables, by="purchase_currency")
    assert result.select("purchase_currency", "shipping_method").rows() == [
        ("NOK", "Home"),
        ("SEK", "Own"),
        ("SEK", "Home"),
        ("SEK", "Postal"),
        (None, "Own"),
    ]


def test_each_shipment_is_counted() -> None:
    tables = shipped(capture("a", ["Home", "Postal"], tracked=True), capture("b", ["Home", None]), capture("c"))
    result = shipping_methods(tables, grain="shipment")
    # One entry has no method, and the physical goods of c have no entry.
    assert counts(result, "with_tracking") == [("(missing)", 2, 0), ("Home", 2, 1), ("Postal", 1, 1)]


def test_a_capture_without_physical_goods_is_no_missing_shipment() -> None:
    tables = shipped(capture("a", [], ["digital"]), capture("b", [], []), capture("c", [], ["physical", "digital"]))
    assert counts(shipping_methods(tables, grain="shipment")) == [("(missing)", 1)]


@pytest.mark.parametrize(
    ("captures", "expected"),
    [
        ([capture("a", ["Home"]), capture("a", ["Home"], capture_id="2")], "Home"),
        ([capture("a", ["Home"]), capture("a", capture_id="2")], "Home"),
        ([capture("a", ["Home"]), capture("a", ["Own"], capture_id="2")], "(mixed)"),
        ([capture("a", ["Home", "Own"]), capture("a", ["Own"], capture_id="2")], "(mixed)"),
        (
            [capture("a", [], ["digital"]), capture("a", [], [], capture_id="2"), capture("a", capture_id="3")],
            "(missing)",
        ),
        ([capture("a", [], ["digital"]), capture("a", [], [], capture_id="2")], "(unknown)"),
        ([capture("a", [], ["digital"])], "(digital)"),
    ],
)
def test_an_order_combines_all_its_captures(captures: list[Any], expected: str) -> None:
    tables = shipped(*captures, open={})
    result = shipping_methods(tables, by="purchase_currency", grain="order")
    assert counts(result, "captured_amount") == [(expected, 1, 100 * len(captures))]


def test_chosen_methods_are_counted_over_all_orders() -> None:
    tables = shipped(
        capture("a", ["Home"], tracked=True),
        a={"selected_shipping_option_method": "PickUpPoint", "captured_amount": 90},
        b={"selected_shipping_option_method": "pickuppoint"},
        c={"captured_amount": 10},
    )
    result = shipping_methods(tables, by="purchase_currency", grain="order", source="chosen")
    assert counts(result, "with_tracking", "captured_amount") == [("PickUpPoint", 2, 1, 90), ("(missing)", 1, 0, 10)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [("Own\nPostal", "(mixed)"), ("Own\nown", "Own"), (" \nOwn", "Own"), (" ", "(missing)"), (None, "Home")],
)
def test_an_order_with_several_deliveries_has_all_its_chosen_methods(options: str | None, expected: str) -> None:
    order = {"selected_shipping_option_method": "Home", "selected_shipping_options_method": options}
    result = shipping_methods(shipped(capture("a"), a=order), grain="order", source="chosen")
    assert counts(result) == [(expected, 1)]


def test_carriers_are_the_same_by_company() -> None:
    tables = shop(
        orders=[{"order_id": order} for order in "abc"],
        captures=[{"order_id": order, "capture_id": "1"} for order in "abc"],
        shipments=[
            {"order_id": order, "capture_id": "1", "source": "capture", "shipping_company": name, "has_tracking": True}
            for order, name in zip("ab", ["Postnord", "postnord"], strict=True)
        ],
    )
    result = carriers(tables)
    assert result.columns == [
        "shipping_company",
        *("count", "share", "share_low", "share_high"),
        *("with_tracking", "tracking_share", "tracking_share_low", "tracking_share_high"),
    ]
    assert result.select("shipping_company", "count", "with_tracking").rows() == [
        ("Postnord", 2, 2),
        ("(unknown)", 1, 0),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "chosen"}, "source='chosen' requires grain='order', not grain='capture'"),
        ({"source": "chosen", "grain": "shipment"}, "source='chosen' requires grain='order', not grain='shipment'"),
        ({"source": "planned"}, "invalid source 'planned'; use 'shipped' or 'chosen'"),
        ({"grain": "line"}, "invalid grain 'line'; use 'capture', 'shipment' or 'order'"),
        ({"by": "currency"}, "no column 'currency'"),
    ],
)
def test_invalid_arguments_are_reported(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shipping_methods(shop(), **wrong)


@pytest.mark.parametrize("grain", ["capture", "shipment", "order"])
@pytest.mark.parametrize("by", [(), "purchase_currency"])
def test_no_orders_give_no_rows_and_the_same_columns(grain: Any, by: Any) -> None:
    full = shipped(capture("a", ["Home"]), capture("b"))
    empty = shipping_methods(shop(), by=by, grain=grain)
    assert empty.height == 0
    assert empty.schema == shipping_methods(full, by=by, grain=grain).schema
    assert carriers(shop(), by=by, grain=grain).schema == carriers(full, by=by, grain=grain).schema


methods = st.sampled_from(["Home", "home", "Postal", None])
some_captures = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(methods, max_size=3), st.integers(0, 9)), max_size=8
)


@settings(derandomize=True, deadline=None, max_examples=examples(10))
@given(some_captures, st.integers(0, 9))
def test_shares_and_amounts_add_up_and_the_order_of_rows_changes_nothing(
    captures: list[tuple[str, list[str | None], int]], seed: int
) -> None:
    tables = shipped(
        *(
            capture(order, names, amount=amount, capture_id=str(number))
            for number, (order, names, amount) in enumerate(captures)
        ),
        a={"purchase_currency": None},
    )
    for grain in ("capture", "order"):
        result = shipping_methods(tables, by="purchase_currency", grain=grain)
        assert_frame_equal(shipping_methods(shuffled(tables, seed), by="purchase_currency", grain=grain), result)
        assert_frame_equal(shipping_methods(tables.lazy(), by="purchase_currency", grain=grain), result)
        shares = result.group_by("purchase_currency").agg(pl.col("share").sum())["share"].to_list()
        assert shares == pytest.approx([1.0] * len(shares))
        assert result["captured_amount"].sum() == sum(amount for *_, amount in captures)
