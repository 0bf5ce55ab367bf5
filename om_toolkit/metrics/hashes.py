"""Ids and names in, keys of 64 bits out, which join and group about twice as fast as text.

The chance that two of ten million orders have the same key is three in a million.
"""

from functools import reduce
from operator import xor
from typing import Final

import polars as pl


def hash_of(*values: pl.Expr) -> pl.Expr:
    """Return the key of some values; null if one of them is missing, so that a missing id never joins another."""
    combined = reduce(xor, (value.hash(seed) for seed, value in enumerate(values)))
    return pl.when(pl.all_horizontal(value.is_not_null() for value in values)).then(combined)


ORDER_HASH: Final = hash_of(pl.col("order_id"))
"""The key of an order."""

CAPTURE_HASH: Final = hash_of(pl.col("order_id"), pl.col("capture"))
"""The key of a row of the captures table, in the tables that have its position."""
