"""Figures of the package's code stay within limits: size, length of functions, documentation, wording."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

import om_toolkit as om

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "code_figures.py"


@pytest.fixture(scope="module")
def figures() -> Any:
    return runpy.run_path(str(SCRIPT))["measure"](Path(om.__file__).parent)


def test_modules_are_small(figures: Any) -> None:
    assert figures.largest_module[0] <= 350, figures.largest_module


def test_functions_are_short(figures: Any) -> None:
    assert figures.function_median <= 6
    assert figures.function_p95 <= 20
    assert figures.longest_functions[-1][0] <= 40, figures.longest_functions


def test_everything_public_has_a_docstring_and_types(figures: Any) -> None:
    assert figures.undocumented == []


def test_a_module_needs_no_banners(figures: Any) -> None:
    assert figures.banners == []


def test_a_private_name_stays_in_its_module_and_has_one_meaning(figures: Any) -> None:
    assert figures.private_imports == []
    assert figures.names_in_several_modules == []


def test_docstrings_and_comments_are_in_plain_english(figures: Any) -> None:
    assert figures.dialect_per_1000_words <= 1.0, figures.dialect


def test_a_response_is_not_called_an_answer(figures: Any) -> None:
    assert len(figures.answers) <= 5, figures.answers
