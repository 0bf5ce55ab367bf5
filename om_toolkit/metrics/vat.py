"""Value added tax: order lines of captures and refunds in, net, tax and gross amounts by country and rate out."""

from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import CAPTURE_POSITION, check_choice, divide_exactly, effective_as_of, total
from om_toolkit.metrics.grouping import CURRENCY, By, by_period, expressions, groups_of
from om_toolkit.metrics.lines import captured_lines
from om_toolkit.tables.tables import Tables, tables_of

TaxBasis = Literal["capture_date", "refund_date"]

_COUNTRY_OF_TAX: Final = "purchase_country"

_REFUND_POSITION: Final = ("order_id", "refund")


def vat(
    data: object, *, by: By = (), basis: TaxBasis = "capture_date", every: str = "1mo", time_zone: str = "UTC"
) -> pl.DataFrame:
    """Sum net, tax and gross amounts by country and tax rate, in the period of the capture or of the refund.

    The amounts are those of the order lines: the total of a line is its gross, and its net is the total less the tax. A
    capture of the whole order without lines has those of its order. A line of type `sales_tax`, as in the US, is tax
    itself: its total is tax, and its net is 0. A capture or refund without lines has no rate; its amount is counted in
    the row without a rate.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it; the currency and the country are always groups.
        basis: `capture_date` sums captured lines, `refund_date` those of refunds.
        every: A period as for `by_period`.
        time_zone: A name of the IANA database.

    Returns:
        A row per group, currency, country, period and tax rate:

        | column | type | meaning |
        |---|---|---|
        | by…, `purchase_currency`, `purchase_country` | | |
        | `month` | Date | first day of the period; `period` unless `every` is `1mo`; null without a time |
        | `tax_rate` | Float64 | per cent, 25.0 for the API's 2500; null without one |
        | `lines` | Int64 | |
        | `net_amount`, `tax_amount`, `gross_amount` | Int64 | minor units |
        | `excluded` | Int64 | lines without a total or a tax, which the amounts leave out |
        | `without_lines`, `without_lines_amount` | Int64 | captures or refunds without lines, and their amount |

    Raises:
        ValueError: If a column of `by` or the basis does not exist, or `every` is not a period.
        polars.exceptions.ComputeError: If the time zone does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> swedish = vat(orders).filter(purchase_country="SE", tax_rate=25.0)
        >>> swedish.select("month", "net_amount", "tax_amount", "gross_amount").row(-1)
        (datetime.date(2026, 10, 1), 9577224, 2394306, 11971530)
    """
    check_choice("basis", basis, get_args(TaxBasis))
    tables = tables_of(data)
    return tables.run(_vat_plan(tables, by, basis, every, time_zone))


def _vat_plan(tables: Tables[pl.LazyFrame], by: By, basis: TaxBasis, every: str, time_zone: str) -> pl.LazyFrame:
    given = expressions(by)
    names = [one.meta.output_name() for one in given]
    groups = groups_of(
        tables.orders, [*given, *(pl.col(one) for one in (CURRENCY, _COUNTRY_OF_TAX) if one not in names)]
    )
    period = by_period(every, of="at", time_zone=time_zone).alias("month" if every == "1mo" else "period")
    documents, lines = _documents_and_lines(tables, basis)
    bare = documents.filter(~pl.col("has_lines")).select(
        "order_id", "at", without_lines=pl.lit(1, dtype=pl.Int64), without_lines_amount="amount"
    )
    keys = [*groups.keys, period.meta.output_name(), "tax_rate"]
    figures = ("lines", "net_amount", "tax_amount", "gross_amount", "excluded", "without_lines", "without_lines_amount")
    return groups.present(
        pl.concat([lines, bare], how="diagonal")
        .join(groups.of_orders(tables.orders), on="order_id")
        .with_columns(period)
        .group_by(keys)
        .agg(total(figure) for figure in figures)
        .with_columns(divide_exactly(pl.col("tax_rate"), 100)),
        pl.col(keys[-2]),
        pl.col("tax_rate"),
    ).select(*groups.names, *keys[-2:], *figures)


def _documents_and_lines(tables: Tables[pl.LazyFrame], basis: TaxBasis) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Plan the captures or refunds until `as_of`, and their lines with the time of the document."""
    if basis == "capture_date":
        key, moment, amount, lines = CAPTURE_POSITION, "captured_at", "captured_amount", captured_lines(tables)
        documents = tables.captures
    else:
        key, moment, amount, documents = _REFUND_POSITION, "refunded_at", "refunded_amount", tables.refunds
        lines = tables.order_lines.filter(pl.col("source") == "refund")
    is_later = (pl.col(moment) > effective_as_of(None, tables)).fill_null(value=False)
    visible = documents.filter(~is_later, pl.col(amount).ne_missing(0))
    counted = lines.group_by(key).agg(has_lines=pl.lit(value=True))
    visible = (
        visible.join(counted, on=key, how="left")
        .select(*key, at=moment, amount=amount, has_lines=pl.col("has_lines").fill_null(value=False))
        .cache()
    )
    return visible, lines.select(*key, "tax_rate", *_line_amounts()).join(visible.drop("amount"), on=key)


def _line_amounts() -> list[pl.Expr]:
    """Return what a line counts for."""
    is_tax = pl.col("type").eq_missing("sales_tax")
    gross = pl.col("total_amount")
    tax = pl.when(is_tax).then(gross).otherwise("total_tax_amount")
    is_known = gross.is_not_null() & tax.is_not_null()
    return [
        pl.lit(1, dtype=pl.Int64).alias("lines"),
        pl.when(is_known).then(gross - tax).alias("net_amount"),
        pl.when(is_known).then(tax).alias("tax_amount"),
        pl.when(is_known).then(gross).alias("gross_amount"),
        (~is_known).cast(pl.Int64).alias("excluded"),
    ]
