"""Figures of the package's code: its size, its functions, its documentation and its words.

    python benchmarks/code_figures.py [FOLDER]

Lines of code are those with a token that is no comment and no docstring. The length of a function is that of its
statement without decorators and docstring, in lines of code.
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

DIALECT = re.compile(r"\b(?:tells?|told|telling|holds?|stands?|whatever|whoever|somebody|nobody|neither|beside|anew)\b")
"""Words that gave the old dialect away."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Documented: TypeAlias = Function | ast.ClassDef | ast.Module
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Source:
    """One file: its tree, the lines of its code, and its prose."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text("utf-8")
        self.tree = ast.parse(self.text)
        self.tokens = list(tokenize.generate_tokens(io.StringIO(self.text).readline))
        self.docstrings = [
            node for body in bodies(self.tree) for node in body if isinstance(node, ast.Expr) and is_text(node.value)
        ]
        documented = {number for node in self.docstrings for number in lines_of(node)}
        told = (token for token in self.tokens if token.type not in SILENT)
        self.code = {number for token in told for number in range(token.start[0], token.end[0] + 1)} - documented

    @property
    def prose(self) -> list[str]:
        """The comments and docstrings."""
        comments = [token.string for token in self.tokens if token.type == tokenize.COMMENT]
        return comments + [node.value.value for node in self.docstrings]  # type: ignore[attr-defined]  # texts, as asked above

    def functions(self) -> list[tuple[str, int]]:
        """Return each function with its length in lines of code."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, Function)]
        return [(f"{self.path.stem}.{node.name}", len(self.code.intersection(lines_of(node)))) for node in found]

    def undocumented(self) -> list[str]:
        """Return the public modules, classes and functions without a docstring, and functions without all types."""
        missing = []
        for node in public(self.tree):
            name = getattr(node, "name", self.path.stem)
            if not ast.get_docstring(node) and not is_overload(node):
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


def bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    """Return all suites in which a text is documentation."""
    return [node.body for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]


def is_text(node: ast.expr) -> bool:
    """Return whether an expression is a literal text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def lines_of(node: ast.stmt) -> range:
    """Return the numbers of a statement's lines."""
    return range(node.lineno, (node.end_lineno or 0) + 1)


def is_private(name: str) -> bool:
    """Return whether a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__")


def is_overload(node: Documented) -> bool:
    """Return whether it is one of the signatures of an overloaded function."""
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
    return node.returns is not None and all(one.annotation or one.arg in ("self", "cls") for one in arguments)


class Figures(NamedTuple):
    """What is measured of a package."""

    lines: int
    largest_module: tuple[int, str]
    function_median: float
    function_p95: int
    longest_functions: list[tuple[int, str]]
    dialect_per_1000: float
    dialect: list[tuple[float, str]]
    banners: list[str]
    private_imports: list[str]
    undocumented: list[str]
    names_in_several_modules: list[str]


def measure(package: Path) -> Figures:
    """Measure a package."""
    sources = [Source(path) for path in sorted(package.rglob("*.py"))]
    functions = sorted((length, name) for source in sources for name, length in source.functions())
    lengths = [length for length, _ in functions]
    words = {source.path.name: sum(len(text.split()) for text in source.prose) for source in sources}
    odd = {source.path.name: sum(len(DIALECT.findall(text.lower())) for text in source.prose) for source in sources}
    where = defaultdict(list)
    for source in sources:
        for name in source.private_names():
            where[name].append(source.path.stem)
    return Figures(
        lines=sum(len(source.code) for source in sources),
        largest_module=max((len(source.code), str(source.path.relative_to(package))) for source in sources),
        function_median=statistics.median(lengths),
        function_p95=lengths[int(len(lengths) * 0.95)],
        longest_functions=functions[-8:],
        dialect_per_1000=1000 * sum(odd.values()) / sum(words.values()),
        dialect=sorted(((count, name) for name, count in odd.items() if count), reverse=True),
        banners=[f"{s.path}" for s in sources if re.search(r"^# -{2,}.*-{2,}$", s.text, re.MULTILINE)],
        private_imports=[name for source in sources for name in source.private_imports()],
        undocumented=[name for source in sources for name in source.undocumented()],
        names_in_several_modules=[f"{name}: {', '.join(files)}" for name, files in where.items() if len(files) > 1],
    )


if __name__ == "__main__":
    for name, value in measure(Path(sys.argv[1]) if sys.argv[1:] else PACKAGE)._asdict().items():
        lines = value if isinstance(value, list) else [value]
        print(name, *lines, sep="\n  ")
