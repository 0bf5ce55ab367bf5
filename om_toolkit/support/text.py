"""Counts in; the same with their noun, singular or plural, out."""

from __future__ import annotations


def count_of(count: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    Args:
        count: How many there are.
        noun: What is counted, in the singular.
        plural: The plural, if it is not the singular with an `s`.

    Example:
        >>> count_of(1, "order"), count_of(1_200, "order"), count_of(2, "entry", "entries")
        ('1 order', '1,200 orders', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
