"""When captures are made: captures in, their number by local weekday and hour out."""

import polars as pl

from om_toolkit.metrics.grouping import By, groups_of
from om_toolkit.support.time_zones import check_time_zone
from om_toolkit.tables.tables import Tables, tables_of


def capture_times(data: object, *, by: By = (), time_zone: str = "UTC") -> pl.DataFrame:
    """Count captures by the weekday and the hour in which they were made.

    Captures of amount 0 and captures without a time are left out. The hour that clocks skip has no captures, the one
    that they repeat those of both.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        time_zone: A name of the IANA database.

    Returns:
        168 rows per group with captures, the hours of a week in their order:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `weekday` | Int64 | 1 is Monday, 7 Sunday |
        | `hour` | Int64 | 0 to 23 |
        | `captures` | Int64 | 0 where none was made |

    Raises:
        ValueError: If a column of `by` or the time zone does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> times = capture_times(orders, time_zone="Europe/Stockholm")
        >>> times.height, times["captures"].sum()
        (168, 271)
    """
    check_time_zone(time_zone)
    tables = tables_of(data)
    return tables.run(_times_plan(tables, by, time_zone))


def _times_plan(tables: Tables[pl.LazyFrame], by: By, time_zone: str) -> pl.LazyFrame:
    groups = groups_of(tables.orders, by)
    at = pl.col("captured_at").dt.convert_time_zone(time_zone)
    made = tables.captures.filter(pl.col("captured_amount").ne_missing(0) & pl.col("captured_at").is_not_null())
    counted = (
        made.select("order_id", weekday=at.dt.weekday().cast(pl.Int64), hour=at.dt.hour().cast(pl.Int64))
        .join(groups.of_orders(tables.orders), on="order_id")
        .group_by(*groups.keys, "weekday", "hour")
        .agg(captures=pl.len().cast(pl.Int64))
    )
    hours = pl.LazyFrame({"at": [*range(7 * 24)]}, schema={"at": pl.Int64})
    week = hours.select(weekday=pl.col("at") // 24 + 1, hour=pl.col("at") % 24)
    filled = (
        counted.select(groups.keys)
        .unique()
        .join(week, how="cross")
        .join(counted, on=[*groups.keys, "weekday", "hour"], how="left", nulls_equal=True)
        .with_columns(pl.col("captures").fill_null(0))
    )
    return groups.present(filled, pl.col("weekday"), pl.col("hour"))
