"""Write the API reference, pages of HTML made of the docstrings of all public names; any warning is an error.

uv run --group checks python tests/support/api_reference.py FOLDER
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType

import pdoc

import om_toolkit as om


def load(module: ModuleType) -> None:
    """Load the public names of a module that are loaded on first use: pdoc reads what is there."""
    for name in module.__all__:
        setattr(module, name, getattr(module, name))


def missing_in(folder: Path) -> list[str]:
    """Return the public names that have no place on the pages."""
    pages = {om: "om_toolkit", om.money: "om_toolkit/money", om.plots: "om_toolkit/views/plots"}
    pages[om.privacy] = "om_toolkit/privacy"
    return [
        f"{module.__name__}.{name}"
        for module, page in pages.items()
        for name in module.__all__
        if not isinstance(getattr(module, name), ModuleType)
        and f'id="{name}"' not in (folder / f"{page}.html").read_text("utf-8")
    ]


if __name__ == "__main__":
    warnings.simplefilter("error")
    load(om)
    load(om.privacy)
    pdoc.render.configure(docformat="google", show_source=False)
    folder = Path(sys.argv[1])
    pdoc.pdoc("om_toolkit", "om_toolkit.views.plots", output_directory=folder)
    if missing := missing_in(folder):
        sys.exit(f"the reference lacks {', '.join(missing)}; check __all__ and the docstrings")
