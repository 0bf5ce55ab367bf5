"""Execute the notebooks without a network, and render them as pages.

    uv run python tests/support/executed_notebooks.py

executes all notebooks, stores their outputs, and writes a page of each to `docs/notebooks/`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"

WIDGET = "application/vnd.jupyter.widget-view+json"

# Executed before anything else in the kernel: refuse connections to other machines.
NO_NETWORK = """
import socket

def _refuse(self, address, connect=socket.socket.connect):
    if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in {"127.0.0.1", "::1"}:
        raise RuntimeError(f"the notebook connects to {address[0]}")
    return connect(self, address)

socket.socket.connect = _refuse
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
html {{ background: #fff; color: #111; }}
@media (prefers-color-scheme: dark) {{ html {{ background: #121212; color: #eee; }} a {{ color: #8ab4f8; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }}
pre {{ font: 13px/1.45 ui-monospace, monospace; margin: 0; }}
.highlight pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
.highlight {{ border: 1px solid #8886; border-radius: 6px; padding: .6rem .8rem; margin: 1rem 0 .5rem; }}
.jp-OutputArea-child, .output_area {{ margin: .5rem 0 1rem; overflow-x: auto; }}
.jp-InputPrompt, .jp-OutputPrompt, .prompt, .anchor-link {{ display: none; }}
img, svg {{ max-width: 100%; height: auto; }}
iframe {{ box-sizing: border-box; }}
table {{ border-collapse: collapse; font-size: 14px; }}
td, th {{ padding: .1rem .6rem; }}
.dataframe td, .dataframe th {{ text-align: right; }}
{light}
@media (prefers-color-scheme: dark) {{ {dark} }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def read(path: Path) -> NotebookNode:
    """Return a notebook as it is stored."""
    import nbformat  # noqa: PLC0415 - slow to load

    return nbformat.read(path, as_version=4)


def execute(path: Path) -> NotebookNode:
    """Return a notebook with the outputs of Run All, in a kernel without a network.

    Progress bars and the state of widgets are left out: a stored notebook shows the static view of a widget.
    """
    from nbclient import NotebookClient  # noqa: PLC0415 - slow to load

    notebook = read(path)
    with TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(NO_NETWORK)
        environment = {**os.environ, "PYTHONPATH": folder, "TZ": "UTC"}
        client = NotebookClient(notebook, timeout=120, record_timing=False)
        with client.setup_kernel(env=environment, cwd=str(path.parent)):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [static for output in cell.outputs if (static := static_view(output))]
    return notebook


def static_view(output: NotebookNode) -> NotebookNode | None:
    """Return an output without the id of its widget, or None if it shows nothing else, as a progress bar."""
    data = output.get("data", {})
    if WIDGET not in data:
        return output
    del data[WIDGET]
    return output if "text/html" in data else None


def texts(notebook: NotebookNode) -> list[Any]:
    """Return the text of each output, and the kinds of its pictures, whose bytes depend on libraries and fonts."""
    return [
        {kind: _without_pictures(value) if kind.startswith("text/") else "" for kind, value in output["data"].items()}
        if "data" in output
        else output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]


def _without_pictures(html: str) -> str:
    return re.sub(r"(<|&lt;)svg.*?/svg(>|&gt;)", "(picture)", html, flags=re.DOTALL)


def export(notebook: NotebookNode) -> str:
    """Return a notebook as one page that loads nothing: HTML comes first, so that widgets show their static view."""
    from nbconvert import HTMLExporter  # noqa: PLC0415 - slow to load
    from pygments.formatters import HtmlFormatter  # noqa: PLC0415 - slow to load

    exporter = HTMLExporter(template_name="basic")
    exporter.display_data_priority = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
    body, _ = exporter.from_notebook_node(notebook)
    body = body.replace('<div class="output_area"', '<div class="output_area" tabindex="0"')  # keys can scroll it
    return PAGE.format(
        title=notebook.cells[0].source.lstrip("# "),
        light=HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight"),
        dark=HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(".highlight"),
        body="\n".join(line.rstrip() for line in body.strip().splitlines()),
    )


def connecting() -> str:
    """Return what a process prints that connects to another machine where the network is refused."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(NO_NETWORK)
        code = "import socket; socket.create_connection(('192.0.2.1', 443), timeout=1)"
        environment = os.environ | {"PYTHONPATH": folder}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return run.stderr


if __name__ == "__main__":
    import nbformat

    PAGES.mkdir(exist_ok=True)
    for source in NOTEBOOKS:
        executed = execute(source)
        nbformat.write(executed, source)
        (PAGES / f"{source.stem}.html").write_text(export(executed), "utf-8")
        print(source.name)  # noqa: T201 - the script's progress
