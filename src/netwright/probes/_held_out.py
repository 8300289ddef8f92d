"""What the program calls the data that it evaluates: only its own words tell a test set from training data that are looked at once more."""

import ast
import re
from collections.abc import Iterator, Sequence

from ..capture.trees import tree_of
from ..evidence import Where

# A word may have one letter before it (xtest, Xval), not more: "latest" is no test.
_HELD_OUT = re.compile(
    r"(?<![a-z]{2})(test|valid|holdout|unseen)|(?<![a-z])held_?out|(?<![a-z])[xy]?(val|dev|te|va)(?![a-z])"
)
_TRAINED = re.compile(r"(?<![a-z]{2})train(?!e[rde]|able)|(?<![a-z])[xy]?tr(?![a-z])")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def held_out(callers: Sequence[Where]) -> str | None:
    """The name that says so: of the innermost of the user's lines on the stack that names data at all; ``None`` where it speaks of training data too.

    Words of functions that are called (``evaluate(...)``, ``model.eval()``) and of texts say nothing about data.
    """
    for place in callers:
        words = [(name, _CAMEL.sub("_", name).lower()) for name in _names(place)]
        if any(_TRAINED.search(low) for _, low in words):
            return None
        found = next((name for name, low in words if _HELD_OUT.search(low)), None)
        if found is not None:
            return found
    return None


def _names(place: Where) -> Iterator[str]:
    tree = tree_of(place.file) if place.file is not None else None
    if tree is None or place.line is None:
        return
    for expression in _expressions(tree, place.line):
        called = {id(n.func) for n in ast.walk(expression) if isinstance(n, ast.Call)}
        for node in ast.walk(expression):
            if isinstance(node, ast.Name) and id(node) not in called:
                yield node.id
            elif isinstance(node, ast.Attribute) and id(node) not in called:
                yield node.attr


def _expressions(tree: ast.AST, line: int) -> Iterator[ast.expr]:
    """The expressions of the statement that a line belongs to, and what the loops around it in its own function go over."""
    around: list[ast.expr] = []
    found: list[ast.expr] = []
    node: ast.AST | None = tree
    while node is not None:
        inside: ast.stmt | None = None
        for child in _statements(node):
            if child.lineno <= line <= (child.end_lineno or child.lineno):
                inside = child
        if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            around = []
        elif isinstance(inside, ast.For | ast.AsyncFor):
            around.append(inside.iter)
        elif inside is not None and not next(_statements(inside), None):
            found = [c for c in ast.iter_child_nodes(inside) if isinstance(c, ast.expr)]
            found = [c for c in found if isinstance(getattr(c, "ctx", None), ast.Load | None)]
        node = inside
    yield from found
    yield from around


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Statements directly inside one, those of ``except`` and ``case`` too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from _statements(child)
