"""The notebooks run on the recordings without a network, and their export shows what the reader saw."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

import om_toolkit as om

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
QUICKSTART = "00_quickstart.ipynb"
EACH = [
    pytest.param(path, id=path.name, marks=[] if path.name == QUICKSTART else pytest.mark.slow) for path in NOTEBOOKS
]

# Executed before anything else in the kernel: refuse connections to other machines.
NO_NETWORK = """
import socket

def _refuse(self, address, connect=socket.socket.connect):
    if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in {"127.0.0.1", "::1"}:
        raise RuntimeError(f"the notebook connects to {address[0]}")
    return connect(self, address)

socket.socket.connect = _refuse
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], NotebookNode]]:
    """Return a function that returns a notebook after Run All."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)

    @cache
    def execute(path: Path) -> NotebookNode:
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
        return notebook

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield execute


def test_the_quickstart_is_among_the_notebooks() -> None:
    assert QUICKSTART in {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type != "code" or (cell.outputs == [] and cell.execution_count is None)


@pytest.mark.parametrize("path", EACH)
def test_a_notebook_runs_without_warnings_or_prints(path: Path, executed: Callable[[Path], NotebookNode]) -> None:
    outputs = [output for cell in executed(path).cells for output in cell.get("outputs", [])]
    assert outputs
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}


def test_the_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    code = "import socket; socket.create_connection(('192.0.2.1', 443), timeout=1)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "connects to 192.0.2.1" in run.stderr


def export(notebook: NotebookNode) -> str:
    """Export as `docs/notebooks.md` says: widgets are replaced by their static view, and nothing is loaded."""
    exporter = HTMLExporter(mathjax_url="", require_js_url="")
    exporter.display_data_priority = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
    notebook.metadata.pop("widgets", None)
    return exporter.from_notebook_node(notebook)[0]


def test_the_exported_quickstart_shows_its_pictures_and_the_explorer(
    executed: Callable[[Path], NotebookNode],
) -> None:
    page = export(deepcopy(executed(NOTEBOOKS[0])))
    assert len(re.findall(r'<img[^>]+src="data:image/png', page)) == 4
    assert "om.key_figures(selected)" in page
    assert "<svg" in page[page.index("om-explorer") :]
    assert "application/vnd.jupyter.widget-view" not in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?:https?:)?//", page)


@pytest.mark.parametrize("path", EACH)
def test_an_executed_notebook_contains_no_personal_data(
    path: Path, executed: Callable[[Path], NotebookNode], tmp_path: Path
) -> None:
    nbformat.write(executed(path), tmp_path / "executed.ipynb")
    (tmp_path / "exported.html").write_text(export(deepcopy(executed(path))), "utf-8")
    assert om.privacy.scan(tmp_path).rows() == []
