"""HTML in; a widget out that shows it, reports clicks and saves files through the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets


class Page(anywidget.AnyWidget):
    """HTML with rows to open and buttons.

    A table row with `data-row` sends `{"do": "open", "row": …}` when it is clicked, and a button with `data-do` sends
    that word, except for `copy`, which the browser does alone with the text of the first `code`.
    """

    _esm = Path(__file__).with_name("page.js")

    html = traitlets.Unicode().tag(sync=True)

    def on_click(self, react: Callable[[str, int], None]) -> None:
        """Call a function with the word and the row of each click; of a button the row is 0."""
        self.on_msg(lambda _page, click, _buffers: react(str(click["do"]), int(click.get("row", 0))))

    def save(self, name: str, content: str | bytes, media_type: str) -> None:
        """Let the browser save a text or bytes as a file."""
        content = content.encode() if isinstance(content, str) else content
        self.send({"name": name, "type": media_type}, buffers=[content])

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        """Add the content as HTML, which remains where widgets are dropped."""
        bundle = super()._repr_mimebundle_(**options)
        return with_static_view(bundle, self.html)


def with_static_view(bundle: Any, html: str) -> Any:  # noqa: ANN401 - IPython's
    """Add HTML to the MIME bundle of a widget."""
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    data["text/html"] = html
    return bundle
