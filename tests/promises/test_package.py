"""Rules of the package: which module imports which, what is public, what is loaded when."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import om_toolkit as om
from om_toolkit import errors

PACKAGE = Path(om.__file__).parent

FILES = {
    ".".join(("om_toolkit", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): file
    for file in sorted(PACKAGE.rglob("*.py"))
}
"""Each module of the package with its file."""

ONLY_IN = {
    "anywidget": {"views.explorer"},
    "babel": {"money"},
    "fastexcel": {"orders.id_files"},
    "ipywidgets": {"views.explorer"},
    "jinja2": {"views"},
    "matplotlib": {"views.plots"},
    "pydantic": {"orders"},
    "pydantic_core": {"orders"},
    "requests": {"api", "recordings"},
    "sqlite3": {"archive", "privacy.scan_tables"},
    "stdnum": {"privacy.national_numbers"},
    "tqdm": {"support.progress"},
    "traitlets": {"views.explorer"},
    "urllib3": {"api", "recordings"},
    "vcr": {"recordings"},
    "xlsxwriter": {"tables.excel_files"},
    "yaml": {"recordings", "privacy.scan_texts"},
}
"""The wings or modules that may import a library."""


@cache
def imports_of(module: str) -> set[str]:
    """Return the modules that a module imports anywhere: in functions and for the type checker as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(FILES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else str(node.module) for name in names}
    return found


def wing_of(module: str) -> str:
    """Return the wing of a module: the first name below the package, or the package itself."""
    return module.split(".")[1] if "." in module else module


def test_imports_go_down_the_wings_and_never_in_a_circle() -> None:
    order = """
        support < errors < money < privacy < tables < metrics, orders < archive, views < api < recordings, synthetic
        < om_toolkit < cli < __main__
    """
    level = {wing.strip(): height for height, wings in enumerate(order.split("<")) for wing in wings.split(",")}
    graph = {module: imports_of(module) & FILES.keys() - {module} for module in FILES}
    arrows = [(module, other) for module, imported in graph.items() for other in imported]
    between = [(module, other) for module, other in arrows if wing_of(module) != wing_of(other)]
    climbing = [arrow for arrow in between if level[wing_of(arrow[0])] <= level[wing_of(arrow[1])]]
    assert not climbing
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_modules_are_imported_by_name() -> None:
    users = {module for module in FILES if imports_of(module) & {"importlib", "importlib.import_module"}}
    assert users == {"om_toolkit"}, "only the public surface loads modules by string"


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    users = {module for module in FILES if library in {name.split(".")[0] for name in imports_of(module)}}
    homes = {f"om_toolkit.{home}" for home in ONLY_IN[library]}
    strangers = {module for module in users if not any(f"{module}.".startswith(f"{home}.") for home in homes)}
    assert users, f"nothing imports {library}"
    assert not strangers


def in_a_new_process(code: str) -> str:
    """Run Python code in a new process; return what it prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_importing_loads_no_heavy_library() -> None:
    heavy = in_a_new_process(
        "import sys, om_toolkit, om_toolkit.cli as cli; "
        "heavy = 'polars', 'pydantic', 'requests', 'numpy', *'babel matplotlib ipywidgets vcr tqdm jinja2'.split(); "
        "print([name for name in heavy if name in sys.modules]); "
        "om_toolkit.Client, om_toolkit.Orders, om_toolkit.Archive, om_toolkit.expiring, om_toolkit.privacy; "
        "heavy = 'babel matplotlib ipywidgets vcr tqdm jinja2 xlsxwriter fastexcel'.split(); "
        "print([name for name in heavy if name in sys.modules])"
    )
    assert heavy.split() == ["[]", "[]"]


def test_a_command_loads_only_what_it_uses() -> None:
    heavy = in_a_new_process(
        "import sys, om_toolkit.cli.commands; "
        "heavy = 'pydantic requests sqlite3 jinja2 babel matplotlib ipywidgets vcr'.split(); "
        "print([name for name in heavy if name in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_the_version_is_that_of_the_installed_package() -> None:
    assert om.__version__ == version("om-toolkit")


def test_public_names_survive_the_import_of_the_modules_below_them() -> None:
    code = (
        "import om_toolkit.recordings.record, om_toolkit.synthetic.server, om_toolkit.views.report, om_toolkit as om; "
    )
    code += "print([callable(thing) for thing in (om.replay, om.sandbox, om.record)])"
    assert in_a_new_process(code).strip() == "[True, True, True]"


def test_all_is_sorted_complete_and_documented() -> None:
    assert om.__all__ == sorted(om.__all__)
    assert dir(om) == om.__all__
    for name in om.__all__:
        thing = getattr(om, name)
        assert inspect.getdoc(thing), name
        assert isinstance(thing, ModuleType) or thing.__module__.startswith("om_toolkit"), name
    exported = {name for name, value in vars(om).items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert {name for name in exported if not name.startswith("_")} - {"import_module"} <= set(om.__all__)
    named = set(om.__all__) - set(om._LAZY) - set(errors.__all__)
    assert named ^ set(om.metrics.__all__) == set(), "om.__all__ has the names of metrics.__all__"
    assert set(om._LAZY) - set(om.__all__) == {"metrics"}
    with pytest.raises(AttributeError, match="nonsense"):
        om.nonsense  # noqa: B018 - it raises


@pytest.mark.parametrize("module", [om.money, om.plots, om.privacy])
def test_dir_of_a_public_module_lists_its_public_names_only(module: ModuleType) -> None:
    assert dir(module) == sorted(module.__all__)
    assert all(inspect.getdoc(getattr(module, name)) for name in dir(module))
    own = {
        name
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
    }
    assert own <= set(module.__all__)
    assert {name for name in om.__all__ if isinstance(getattr(om, name), ModuleType)} == {"money", "plots", "privacy"}


def public_things() -> list[tuple[str, object]]:
    """Return the public names, those of public modules, and the public methods of classes."""
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
def test_examples_in_docstrings_print_the_output_shown(module: str) -> None:
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
    assert len(kinds) == 12
    for kind in kinds:
        message = str(om.Failure("the-id", kind).error())
        assert message.startswith(f"the-id: {kind}")
        assert message.endswith(".")
        assert len(message.partition(". ")[2]) > 20
