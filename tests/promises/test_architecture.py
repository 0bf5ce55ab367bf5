"""The page on the architecture names what exists, and the path of an order id is the one that the code takes."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name

import om_toolkit as om

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PATH = re.findall(r"^\d+\. `(om_toolkit\.[\w.]+)`", PAGE, re.MULTILINE)


def names_used_in(function: object) -> set[str]:
    """Return the names and attributes that the body of a function reads."""
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))  # type: ignore[arg-type]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_every_dotted_name_exists() -> None:
    names = re.findall(r"`(om_toolkit\.[\w.]+)`", PAGE)
    assert names
    for name in names:
        resolve_name(name)


def test_an_order_id_passes_at_most_five_functions_each_of_which_calls_the_next() -> None:
    assert 3 <= len(PATH) <= 5
    assert resolve_name(PATH[0]) is om.Client.orders
    for caller, called in pairwise(PATH):
        assert called.rpartition(".")[2] in names_used_in(resolve_name(caller)), f"{caller} does not call {called}"


def test_every_package_is_in_the_picture() -> None:
    picture = PAGE.split("```")[3]
    packages = {path.stem for path in Path(om.__file__).parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    drawn = set(re.findall(r"^ ?((?:\w|\.| │ )+)  ", picture, re.MULTILINE))
    names = {name.removeprefix("om_toolkit.") for row in drawn for name in row.split(" │ ")}
    internal = {"__init__", "__pycache__", "__main__", "cassettes"}
    assert packages - internal == names - {"om_toolkit"}
