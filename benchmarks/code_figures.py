"""Measure the code of the package: its size, its functions, its documentation and its words.

    python benchmarks/code_figures.py [FOLDER]

A line of code has a token that is neither a comment nor part of a docstring. The length of a function is that of its
statement without decorators and docstring, in lines of code. Prose is all comments and docstrings.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import sys
import tokenize
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple, TypeAlias

PACKAGE = Path(__file__).parents[1] / "om_toolkit"

DIALECT = re.compile(
    r"\b(?:tell(?:s|ing)?|told|holds?|stands?|whatever|whoever|somebody|nobody|neither|beside|anew)\b", re.IGNORECASE
)
"""Words of a dialect that a stranger can neither search for nor write in."""

ANSWER = re.compile(r"\banswer(?:s|ed|ing)?\b", re.IGNORECASE)
"""A word that once meant a response, a saved document, a section of the report and a result."""

ALLOWED_ANSWER = re.compile(r"--answers|`?answered`?(?=:|`)|answers\.(?:nd)?json")
"""Public names that keep the word."""

BANNER = re.compile(r"^\s*# *-{3,}", re.MULTILINE)

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Documented: TypeAlias = Function | ast.ClassDef | ast.Module
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Source:
    """A file: its tree, the numbers of its lines of code, and its prose."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text("utf-8")
        self.tree = ast.parse(self.text)
        tokens = list(tokenize.generate_tokens(io.StringIO(self.text).readline))
        docstrings = docstrings_of(self.tree)
        documented = {number for node in docstrings for number in lines_of(node)}
        coded = (token for token in tokens if token.type not in LAYOUT)
        self.code = {number for token in coded for number in range(token.start[0], token.end[0] + 1)} - documented
        self.prose = [token.string for token in tokens if token.type == tokenize.COMMENT]
        self.prose += [text_of(node.value) or "" for node in docstrings]

    def functions(self) -> list[tuple[str, int]]:
        """Return each function with its length in lines of code."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, Function)]
        return [(f"{self.path.stem}.{node.name}", len(self.code.intersection(lines_of(node)))) for node in found]

    def texts(self) -> list[str]:
        """Return the prose and all texts in the code, such as messages."""
        found = [text_of(node) for node in ast.walk(self.tree) if isinstance(node, ast.Constant)]
        comments = [text for text in self.prose if text.startswith("#")]
        return comments + [text for text in found if text]

    def undocumented(self) -> list[str]:
        """Return the public modules, classes and functions without a docstring, and functions without all types."""
        missing = []
        for node in public(self.tree):
            name = getattr(node, "name", self.path.stem)
            docstring = ast.get_docstring(node) or ""
            if (not docstring or docstring.startswith("TODO")) and not is_overload(node):
                missing.append(f"{self.path}: {name}: docstring")
            if isinstance(node, Function) and not is_typed(node):
                missing.append(f"{self.path}: {name}: types")
        return missing

    def private_imports(self) -> list[str]:
        """Return the private names that are imported from other modules of the package."""
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        names = [(node.module or "", alias.name) for node in imports for alias in node.names]
        return [
            f"{self.path}: {name}" for module, name in names if module.startswith("om_toolkit") and is_private(name)
        ]

    def private_names(self) -> set[str]:
        """Return the private names that the module itself binds."""
        bound = [node.name for node in self.tree.body if isinstance(node, Function | ast.ClassDef)]
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            bound += [target.id for target in targets if isinstance(target, ast.Name)]
        return {name for name in bound if is_private(name)}


def docstrings_of(tree: ast.Module) -> list[ast.Expr]:
    """Return the docstrings of the module, its classes and functions, and those below constants and attributes."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    statements = [node for body in bodies for node in body if isinstance(node, ast.Expr)]
    return [node for node in statements if text_of(node.value) is not None]


def text_of(node: ast.expr) -> str | None:
    """Return the text of a literal, or None if it is something else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def lines_of(node: ast.stmt) -> range:
    """Return the numbers of a statement's lines."""
    return range(node.lineno, (node.end_lineno or 0) + 1)


def is_private(name: str) -> bool:
    """Return whether a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__")


def is_overload(node: Documented) -> bool:
    """Return whether a node is one of the signatures of an overloaded function."""
    return any(ast.unparse(one) == "overload" for one in getattr(node, "decorator_list", ()))


def public(tree: ast.Module) -> list[Documented]:
    """Return the module, its public classes and functions, and the public methods of these classes."""
    found: list[Documented] = [tree]
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            found.append(node)
            methods = node.body if isinstance(node, ast.ClassDef) else []
            found += [method for method in methods if isinstance(method, Function) and not method.name.startswith("_")]
    return found


def is_typed(node: Function) -> bool:
    """Return whether all parameters and the result of a function have a type."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    arguments += [one for one in (node.args.vararg, node.args.kwarg) if one]
    return node.returns is not None and all(one.annotation or one.arg in ("self", "cls") for one in arguments)


class Figures(NamedTuple):
    """What is measured of a package."""

    lines: int
    largest_module: tuple[int, str]
    function_median: float
    function_p95: int
    longest_functions: list[tuple[int, str]]
    dialect_per_1000_words: float
    dialect: list[tuple[int, str]]
    answers: list[str]
    banners: list[str]
    private_imports: list[str]
    undocumented: list[str]
    names_in_several_modules: list[str]


def measure(package: Path) -> Figures:
    """Measure a package."""
    sources = [Source(path) for path in sorted(package.rglob("*.py"))]
    functions = sorted((length, name) for source in sources for name, length in source.functions())
    lengths = [length for length, _ in functions]
    words = sum(len(text.split()) for source in sources for text in source.prose)
    dialect = [(len(DIALECT.findall("\n".join(source.prose))), source.path.name) for source in sources]
    return Figures(
        lines=sum(len(source.code) for source in sources),
        largest_module=max((len(source.code), str(source.path.relative_to(package))) for source in sources),
        function_median=statistics.median(lengths),
        function_p95=lengths[int(len(lengths) * 0.95)],
        longest_functions=functions[-8:],
        dialect_per_1000_words=1000 * sum(count for count, _ in dialect) / words,
        dialect=sorted((found for found in dialect if found[0]), reverse=True),
        answers=[text for source in sources for text in answers_in(source)],
        banners=[str(source.path) for source in sources if BANNER.search(source.text)],
        private_imports=[name for source in sources for name in source.private_imports()],
        undocumented=[name for source in sources for name in source.undocumented()],
        names_in_several_modules=shared_names(sources),
    )


def answers_in(source: Source) -> list[str]:
    """Return the places of a file where the word `answer` is used for something else than a public name."""
    texts = [ALLOWED_ANSWER.sub("", text) for text in source.texts()]
    found = [(text, one) for text in texts for one in ANSWER.finditer(text)]
    return [f"{source.path.name}: …{text[max(0, one.start() - 30) : one.end() + 20]!r}…" for text, one in found]


def shared_names(sources: list[Source]) -> list[str]:
    """Return the private names that several modules bind, each with the modules."""
    modules = defaultdict(list)
    for source in sources:
        for name in source.private_names():
            modules[name].append(source.path.stem)
    return sorted(f"{name}: {', '.join(names)}" for name, names in modules.items() if len(names) > 1)


if __name__ == "__main__":
    for figure, value in measure(Path(sys.argv[1]) if sys.argv[1:] else PACKAGE)._asdict().items():
        print(figure, *(value if isinstance(value, list) else [value]), sep="\n  ")
