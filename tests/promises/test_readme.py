"""README: what it shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import om_toolkit as om
from om_toolkit.tables.schema import SCHEMAS, describe

if TYPE_CHECKING:
    import pytest

README = Path(__file__).parents[2] / "README.md"


def test_its_python_gives_the_output_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pl.Config(restore_defaults=True):
        ran = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert ran.attempted >= 8
    assert ran.failed == 0


def test_it_names_the_two_commands_that_do_all_the_set_up() -> None:
    text = README.read_text("utf-8")
    assert "python -m pip install uv && python -m uv run om-toolkit demo" in text[: text.index("```python")]
    assert "python -m pip install uv && python -m uv run pytest" in text


def test_every_file_it_shows_is_there() -> None:
    shown = re.findall(r"\]\((?!http)([^)]+)\)", README.read_text("utf-8"))
    assert shown
    assert all((README.parent / path).is_file() for path in shown)


def test_its_list_of_columns_is_that_of_the_tables_and_of_their_docstring() -> None:
    assert describe() in README.read_text("utf-8")
    assert describe() in (om.Tables.__doc__ or "")
    for name, schema in SCHEMAS.items():
        assert f"**`{name}`**" in describe()
        assert all(f"| `{column.name}`" in describe() for column in schema)
