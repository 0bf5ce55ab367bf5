"""The notebooks run without a network and show what is stored; their pages load nothing."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from executed_notebooks import NOTEBOOKS, PAGES, WIDGET, connecting, execute, export, read, texts

import om_toolkit as om

if TYPE_CHECKING:
    from pathlib import Path


QUICKSTART = "00_quickstart.ipynb"
EACH = [
    pytest.param(path, id=path.name, marks=[] if path.name == QUICKSTART else pytest.mark.slow) for path in NOTEBOOKS
]
STORED = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
SCHEME = r"(?:src|href)=\"(?:https?:)?//"


def test_all_questions_have_a_notebook() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "00_quickstart",
        "01_fetch_and_archive",
        "02_capture_latency",
        "03_money_at_risk",
        "04_refunds",
        "05_products",
        "06_shipping",
        "07_audit",
        "08_explorer",
        "09_report",
        "10_sql_pandas_duckdb_excel",
    ]


def test_the_network_is_refused() -> None:
    assert "connects to 192.0.2.1" in connecting()


@pytest.mark.parametrize("path", EACH)
def test_a_notebook_runs_as_stored_without_warnings_prints_or_personal_data(path: Path, tmp_path: Path) -> None:
    executed = execute(path)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert outputs
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}
    assert texts(executed) == texts(read(path))
    (tmp_path / "executed.ipynb").write_text(json.dumps(executed), "utf-8")
    (tmp_path / "page.html").write_text(export(executed), "utf-8")
    assert om.privacy.scan(tmp_path).rows() == []


@STORED
def test_a_notebook_has_prose_before_code(path: Path) -> None:
    kinds = [cell.cell_type for cell in read(path).cells]
    assert kinds[:2] == ["markdown", "markdown"]
    assert read(path).cells[0].source.startswith("# ")
    assert "code" in kinds


@STORED
def test_no_widget_is_read(path: Path) -> None:
    notebook = read(path)
    assert "widgets" not in notebook.metadata
    assert not any(WIDGET in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))


@STORED
def test_the_page_is_that_of_the_notebook_and_loads_nothing(path: Path) -> None:
    page = (PAGES / f"{path.stem}.html").read_text("utf-8")
    assert page == export(read(path))
    assert not re.findall(rf"<(?:link|img|iframe|script)[^>]+{SCHEME}", page)
    assert "<script" not in page
    assert "@import" not in page


def test_the_page_of_the_quickstart_shows_its_pictures_and_the_explorer() -> None:
    page = export(deepcopy(read(NOTEBOOKS[0])))
    assert len(re.findall(r'<img[^>]+src="data:image/png', page)) == 3
    assert "om.key_figures(selected)" in page
    assert "<svg" in page[page.index("om-explorer") :]
