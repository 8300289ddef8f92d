"""Whether a program's source can ever step a scheduler that it makes."""

import ast
import sys
from collections.abc import Iterator

from ..capture.frames import is_user_file
from ..capture.trees import tree_of
from ..evidence import Where

# What does not hand the scheduler on, nor step it.
_HARMLESS = frozenset(
    "get_last_lr get_lr state_dict load_state_dict last_epoch base_lrs optimizer print_lr".split()
)
_REFLECTION = frozenset(("locals", "globals", "vars", "eval", "exec"))


def never_stepped(where: Where, kind: str) -> bool:
    """Whether a scheduler of class ``kind`` made on this line is bound to a name that is never used to step it, nor handed on to anything that might.

    Where in doubt the answer is no.
    """
    if where.file is None or where.line is None:
        return False
    tree = tree_of(where.file)
    statement = _statement(tree, where.line) if tree is not None else None
    if isinstance(statement, ast.Expr):
        return _makes(statement.value, kind)
    if (
        not isinstance(statement, ast.Assign)
        or len(statement.targets) != 1
        or not _makes(statement.value, kind)
    ):
        return False
    target = statement.targets[0]
    if isinstance(target, ast.Name):
        return all(not _steps(node, target.id, "") for node in _nodes([tree]))
    if isinstance(target, ast.Attribute):
        return all(not _steps(node, "", target.attr) for node in _nodes(_trees(where.file)))
    return False


def _makes(node: ast.expr, kind: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == kind


def _statement(tree: ast.Module, line: int) -> ast.stmt | None:
    found: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Expr) and node.lineno <= line <= (node.end_lineno or 0):
            found = node
    return found


def _nodes(trees: list[ast.Module | None]) -> Iterator[tuple[ast.AST, ast.AST | None, ast.AST | None]]:
    """Every node with its parent and its parent's parent."""
    todo: list[tuple[ast.AST, ast.AST | None, ast.AST | None]] = [(t, None, None) for t in trees if t]
    while todo:
        node, parent, above = todo.pop()
        yield node, parent, above
        todo.extend((child, node, parent) for child in ast.iter_child_nodes(node))


def _steps(place: tuple[ast.AST, ast.AST | None, ast.AST | None], name: str, attribute: str) -> bool:
    """Whether a use of the name may lead to a step."""
    node, parent, above = place
    if isinstance(node, ast.Constant):
        return node.value == (name or attribute)
    if isinstance(node, ast.Name) and node.id in _REFLECTION:
        return True
    mine = (isinstance(node, ast.Name) and node.id == name and bool(name)) or (
        isinstance(node, ast.Attribute) and node.attr == attribute and bool(attribute)
    )
    if not mine or not isinstance(getattr(node, "ctx", None), ast.Load):
        return False
    if isinstance(parent, ast.Attribute):
        if parent.attr in _HARMLESS:
            return False
        # ``scheduler.step`` without parentheses does nothing.
        return not (parent.attr == "step" and isinstance(above, ast.Expr))
    return True


def _trees(file: str) -> list[ast.Module | None]:
    """The program's own files."""
    files = {file}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and is_user_file(path):
            files.add(path)
    return [tree_of(f) for f in sorted(files)]
