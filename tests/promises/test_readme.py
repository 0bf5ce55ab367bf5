"""README and docs: their examples run and print what is shown, their links lead somewhere, their lists are complete."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import polars as pl
import pytest

import om_toolkit as om
from om_toolkit.metrics.audit_rules import RULES
from om_toolkit.tables.schema import SCHEMAS, describe

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS, ROOT / "CHANGELOG.md", *sorted((ROOT / ".github").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
SLOW = {"recipes.md"}  # it loads pandas and DuckDB


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if page.name in SLOW else [], id=page.name) for page in PAGES],
)
def test_examples_print_the_output_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pl.Config(restore_defaults=True):
        assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


@every_page
def test_python_that_is_not_executed_says_why(page: Path) -> None:
    text = page.read_text("utf-8")
    for block in BLOCK.finditer(text):
        if block["language"] == "python" and ">>> " not in block["code"]:
            assert re.search(r"<!-- not run: .+ -->\n$", text[: block.start()]), block["code"]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_no_link_is_dead(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short_and_links_to_every_page() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert [page.name for page in DOCS if f"](docs/{page.name})" not in text] == []


def test_the_readme_names_the_two_commands_that_do_all_the_set_up() -> None:
    text = README.read_text("utf-8")
    assert "python -m pip install uv && python -m uv run om-toolkit demo" in text[: text.index("```python")]
    assert "python -m pip install uv && python -m uv run pytest" in text


def test_every_metric_is_in_the_readme_or_in_the_page_on_metrics() -> None:
    text = README.read_text("utf-8") + (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert [name for name in om.metrics.__all__ if name not in text] == []


def test_the_list_of_columns_is_that_of_the_tables_and_of_their_docstring() -> None:
    assert describe() in (ROOT / "docs" / "tables.md").read_text("utf-8")
    assert describe() in (om.Tables.__doc__ or "")
    for name, schema in SCHEMAS.items():
        assert f"**`{name}`**" in describe()
        assert all(f"| `{column.name}`" in describe() for column in schema)


GRAINS = {
    "orders": "order",
    "captures": "capture",
    "refunds": "refund",
    "order_lines": "order line",
    "shipped_uncaptured": "order",
    "listed_captures": "capture",
    "repeated_ids": "id",
    "unknown_values": "value",
    "unknown_fields": "field",
}
"""What a finding is about, by the rows that its rule applies to."""


def test_the_table_of_audit_rules_is_that_of_the_code() -> None:
    section = (
        (ROOT / "docs" / "metrics.md").read_text("utf-8").partition("## Find contradictions")[2].partition("\n## ")[0]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "| `" in line]
    in_code: dict[str, tuple[set[str], set[str]]] = {}
    for table, rules in RULES.items():
        for rule in rules:
            severities, grains = in_code.setdefault(f"`{rule.name}`", (set(), set()))
            severities.add(rule.severity)
            grains.add(GRAINS[table])
    documented = {
        name: (set(re.findall("error|warning|info", severity)), set(grains.split(", ")))
        for name, severity, grains, _ in rows
    }
    assert documented == in_code
    assert len(rows) == len(in_code)
    assert all(re.fullmatch(r"[A-Z].{15,}\.", meaning) for *_, meaning in rows)
    ranks = [["error", "warning", "info"].index(re.split(r"\W", severity)[0]) for _, severity, *_ in rows]
    assert ranks == sorted(ranks)
