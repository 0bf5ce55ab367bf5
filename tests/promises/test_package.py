"""The house rules: what imports what, what is public, what is loaded when."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import om_toolkit as om
from om_toolkit import errors

PACKAGE = Path(om.__file__).parent

# What each room may import. A room that is not below another does not know it.
FRAMES = {"errors", "instants", "money", "privacy", "tables"}
OBJECTS = {*FRAMES, "ids", "models", "vocabulary", "drift", "answers", "collector", "orders"}
MAY_IMPORT = {
    "errors": set(),
    "collector": set(),
    "files": set(),
    "ids": {"errors"},
    "instants": set(),
    "progress": set(),
    "shop": set(),
    "vocabulary": set(),
    "money": {"errors"},
    "wording": {"money"},
    "scanner": set(),
    "privacy": {"errors", "scanner"},
    "tables": {*FRAMES, "files"} - {"tables"},
    "rows": {"tables"},
    "models": {*FRAMES, "rows"},
    "drift": {"models", "vocabulary", "privacy"},
    "answers": {"errors", "models", "rows"},
    "orders": {*OBJECTS, "rows"} - {"orders"},
    "bulk": {*OBJECTS, "progress"},
    "decode": {"privacy", "tables"},
    "archive": {*OBJECTS, "decode", "files"},
    "transport": {"errors"},
    "client": {*OBJECTS, "progress", "transport"},
    "cassette": {"files", "privacy", "transport"},
    "recording": {"errors", "client", "cassette", "collector", "transport"},
    "server": {"shop", "client"},
    "metrics": {*FRAMES, "vocabulary"} - {"privacy"},
    "plots": {*FRAMES, "metrics", "cells"} - {"privacy"},
    "cells": set(),
    "questions": {*FRAMES, "metrics", "plots", "wording", "cells"} - {"privacy"},
    "explorer": {"tables", "metrics", "plots", "questions"},
    "report": {"files", "instants", "tables", "metrics", "plots", "questions"},
    "cli": {"*"},
    "__init__": {"*"},
}
ONLY_IN = {
    "babel": {"money"},
    "pydantic": {"models"},
    "requests": {"transport", "client", "cassette", "recording"},
    "matplotlib": {"plots"},
    "ipywidgets": {"explorer"},
    "vcr": {"cassette"},
    "sqlite3": {"archive", "scanner"},
    "jinja2": {"questions"},
}


def imports_of(file: Path) -> set[str]:
    """Return every module that a file imports when it runs; what only the type checker sees does not count."""
    found: set[str] = set()
    tree = ast.parse(file.read_text("utf-8"))
    unchecked = [
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    ]
    for node in ast.walk(tree):
        if node in unchecked:
            continue
        if isinstance(node, ast.Import):
            # The whole package at once is everything in it.
            found |= {f"{alias.name}.__init__" if alias.name == "om_toolkit" else alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the package, so that this can be read"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))


def is_module(name: str) -> bool:
    return (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_below_it(file: Path) -> None:
    room = room_of(file)
    own = {name.split(".")[1] for name in imports_of(file) if name.startswith("om_toolkit.")} - {room}
    assert room in {"cli", "__init__"} or all(is_module(name) for name in own), (
        "a name is imported from where it is made"
    )
    assert MAY_IMPORT[room] == {"*"} or own <= MAY_IMPORT[room]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_lives_in_its_rooms_only(library: str) -> None:
    users = {room_of(file) for file in FILES if library in {name.split(".")[0] for name in imports_of(file)}}
    assert users == ONLY_IN[library]


def in_a_new_process(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_importing_loads_no_heavy_library() -> None:
    heavy = in_a_new_process(
        "import sys, om_toolkit; heavy = 'babel', 'matplotlib', 'ipywidgets', 'vcr', 'tqdm', 'jinja2'; "
        "print([name for name in heavy if name in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_public_names_survive_the_import_of_the_modules_below_them() -> None:
    code = (
        "import om_toolkit.recordings.record, om_toolkit.synthetic.server, om_toolkit.views.report, om_toolkit as om; "
    )
    assert (
        in_a_new_process(code + "print(callable(om.replay), callable(om.sandbox), callable(om.record))").split()
        == ["True"] * 3
    )


def test_all_is_sorted_complete_and_documented() -> None:
    assert om.__all__ == sorted(om.__all__)
    assert dir(om) == om.__all__
    for name in om.__all__:
        thing = getattr(om, name)
        assert inspect.getdoc(thing), name
        assert isinstance(thing, ModuleType) or thing.__module__.startswith("om_toolkit"), name
    exported = {name for name, value in vars(om).items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert {name for name in exported if not name.startswith("_")} - {"import_module"} <= set(om.__all__)
    assert {"Report", "explore", "plots", "record", "replay", "sandbox", "vcr"} == set(om._LAZY) <= set(om.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        om.nonsense  # noqa: B018 - it raises


def public_things() -> list[tuple[str, object]]:
    things = [(name, getattr(om, name)) for name in om.__all__]
    things += [
        (f"{module.__name__}.{name}", thing)
        for _, module in things
        if isinstance(module, ModuleType)
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) or inspect.isclass(thing)
        if not name.startswith("_") and thing.__module__ == module.__name__
    ]
    methods = [
        (f"{name}.{member}", value)
        for name, thing in things
        if inspect.isclass(thing)
        for member, value in vars(thing).items()
        if not member.startswith("_") and inspect.isfunction(value)
    ]
    return things + methods


@pytest.mark.parametrize(("name", "thing"), public_things(), ids=lambda value: value if isinstance(value, str) else "")
def test_everything_public_is_documented_and_typed(name: str, thing: object) -> None:
    assert inspect.getdoc(thing), name
    if inspect.isfunction(thing):
        parameters = inspect.signature(thing).parameters.values()
        assert all(p.annotation is not p.empty for p in parameters if p.name not in {"self", "cls", "_context"}), name


@pytest.mark.parametrize("module", sorted(m.name for m in pkgutil.walk_packages([str(PACKAGE)], "om_toolkit.")))
def test_examples_in_docstrings_hold(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_errors_carry_their_data_through_pickle() -> None:
    failure = om.Failure("1", "not_found", status=404, messages=("no such order",))
    error = pickle.loads(pickle.dumps(failure.error()))
    assert isinstance(error, om.NotFound)
    assert isinstance(error, LookupError)
    assert error.failure == failure
    many = pickle.loads(pickle.dumps(om.FailedOrders([failure])))
    assert many.failures == (failure,)


def test_each_kind_of_failure_has_an_error_that_says_what_to_do() -> None:
    kinds = list(errors.KINDS)
    assert len(kinds) == 11
    for kind in kinds:
        told = str(om.Failure("the-id", kind).error())
        assert told.startswith(f"the-id: {kind}")
        assert told.endswith(".")
        assert len(told.partition(". ")[2]) > 20
