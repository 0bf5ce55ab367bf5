"""Counts with their nouns."""

import pytest

from om_toolkit.support.text import count_of, with_article


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 orders"), (1, "1 order"), (2, "2 orders"), (12_345, "12,345 orders")]
)
def test_a_count_is_written_with_its_noun_in_singular_or_plural(count: int, text: str) -> None:
    assert count_of(count, "order") == text


def test_an_irregular_plural_can_be_given() -> None:
    assert count_of(1, "entry", "entries") == "1 entry"
    assert count_of(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("noun", "text"),
    [("int", "an int"), ("OSError", "an OSError"), ("float", "a float"), ("UUID", "a UUID"), ("NoneType", "None")],
)
def test_the_name_of_a_type_is_written_with_its_article(noun: str, text: str) -> None:
    assert with_article(noun) == text
