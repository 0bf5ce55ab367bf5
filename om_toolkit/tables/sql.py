"""An SQL query in; an error out if it could read or change anything but the five tables."""

import re
from typing import Final

_TOKENS: Final = re.compile(
    r"""
        (?P<comment>--[^\n]*|/\*)
      | [eE]'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
      | "(?:""|[^"])*" | `[^`]*` | [^\W\d]\w*
      | .
    """,
    re.VERBOSE | re.DOTALL,
)
"""A comment (of a long one the beginning), a text, a name, or one other character."""

_QUERIES: Final = frozenset({"select", "with", "from", "values", "explain", "show", "("})
"""The first words of queries; those of other statements change tables."""

_FILE_FUNCTION: Final = re.compile(r"(read|scan)_\w+")


def check_query(query: str) -> None:
    """Check that a query reads nothing but the tables it is run over.

    Raises:
        ValueError: If it is another statement than a query, or calls a function that reads files.
    """
    tokens = _tokens(query)
    if tokens and tokens[0].lower() not in _QUERIES:
        raise ValueError(f"{tokens[0]} is not a query; use SELECT, WITH or FROM")
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        name = token.strip('"`').lower()
        if token.lower() == "into":
            raise ValueError("SELECT INTO writes a table; assign the result of sql() to a variable instead")
        if following == "(" and _FILE_FUNCTION.fullmatch(name):
            raise ValueError(f"{name}() reads a file, but sql() only reads the five tables; read it with polars.{name}")


def _tokens(query: str) -> list[str]:
    """Return the texts, names and other characters of a query, without blanks and comments."""
    tokens, position = [], 0
    while match := _TOKENS.match(query, position):
        position = match.end()
        if match[0] == "/*":
            position = _end_of_comment(query, position)
        elif not match["comment"] and not match[0].isspace():
            tokens.append(match[0])
    return tokens


def _end_of_comment(query: str, start: int) -> int:
    """Return the position behind a long comment, which may contain others.

    Raises:
        ValueError: If its content counts as code.
    """
    if query.startswith("!", start):
        raise ValueError("the query has a comment that begins with /*!, whose content would be executed; remove it")
    depth, position = 1, start
    for mark in re.compile(r"/\*|\*/").finditer(query, start):
        position = mark.end()
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return position
    return len(query)
