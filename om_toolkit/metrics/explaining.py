"""The documentation of a metric for a terminal and a notebook: its docstring in, Markdown out."""

import re
from typing import Final

_HEADING: Final = re.compile(r"(Args|Returns|Raises|Example):")
_ITEM: Final = re.compile(r" {4}(\*{0,2}\w[\w.]*): ")


class Explanation(str):
    """The documentation of a metric: plain in a terminal, formatted in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        """Return the text as Markdown, with headings, lists of parameters and errors, and the example as code."""
        lines, heading = [], ""
        for line in self.splitlines():
            if found := _HEADING.fullmatch(line):
                heading = found[1]
                lines += [f"**{heading}**", ""]
            elif heading == "Example":
                lines.append(line)
            else:
                lines.append(_ITEM.sub(r"- `\1`: ", line).strip() if heading else line)
        return "\n".join(lines)
