"""How often the loops around a line will run, read off the source and the values in the running frames.

Nothing of the program's is called but ``len`` of loaders and containers. A loop that may end early (``break``, ``return``), a ``while`` and whatever is not understood
count as unknown, so that a number is what the program plans.
"""

import ast
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar, cast

from .frames import is_user
from .trees import tree_of

T = TypeVar("T")
_SAME_LENGTH = frozenset("enumerate tqdm list tuple reversed sorted iter track prefetch".split())
_PLAIN = (int, float, str, bool)


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop: its line, and how often its body will run (None: not known)."""

    file: str
    line: int
    times: int | None


@dataclass(frozen=True, slots=True)
class Loops:
    """The loops around a line of a running program, outermost first. ``conditional`` says that an ``if`` lies between the innermost one and the line."""

    loops: tuple[Loop, ...] = ()
    conditional: bool = False

    def times(self, without: "Loops | None" = None, *, skip: int = 0) -> int | None:
        """How often the line will run, leaving out loops that ``without`` is in too and the ``skip`` innermost ones."""
        shared = {(x.file, x.line) for x in without.loops} if without is not None else set[tuple[str, int]]()
        counts = [x.times for x in self.loops if (x.file, x.line) not in shared]
        counts = counts[: len(counts) - skip] if skip else counts
        if self.conditional or any(c is None for c in counts):
            return None
        return math.prod(c for c in counts if c is not None)


def loops_around(frame: FrameType | None) -> Loops:
    """The loops of the user's own code around the line that runs in ``frame``, through all callers."""
    found: list[Loop] = []
    conditional = False
    while frame is not None:
        if is_user(frame.f_code):
            inner, guarded = _around(frame.f_code.co_filename, frame.f_lineno)
            if not found:
                conditional = conditional or guarded
            found = [_loop(node, frame) for node in inner] + found
        frame = frame.f_back
    return Loops(tuple(found), conditional)


def _loop(node: "ast.For | ast.While", frame: FrameType) -> Loop:
    known = isinstance(node, ast.For) and not _may_end_early(node)
    try:
        times = _length(node.iter, frame) if known and isinstance(node, ast.For) else None
    except (ArithmeticError, LookupError, TypeError, ValueError):  # an expression without a value
        times = None
    return Loop(frame.f_code.co_filename, node.lineno, times)


def _around(file: str, line: int) -> tuple[list["ast.For | ast.While"], bool]:
    """Loops around a line in its own function, outermost first, and whether an ``if`` stands between the innermost and the line."""
    tree = tree_of(file)
    loops: list[ast.For | ast.While] = []
    guarded = False
    node: ast.AST | None = tree
    while node is not None:
        inside: ast.AST | None = None
        for child in _statements(node):
            if child.lineno <= line <= (child.end_lineno or child.lineno):
                inside = child
                break
        if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            loops, guarded = [], False
        elif isinstance(inside, ast.For | ast.While):
            if any(_holds(s, line) for s in inside.body):
                loops, guarded = [*loops, inside], False
        elif isinstance(inside, ast.If):
            guarded = guarded or not _settled(inside.test)
        node = inside
    return loops, guarded


def _settled(test: ast.expr) -> bool:
    """Whether a condition only asks whether something is there (``if scheduler is not None``), which does not change from one iteration to the next."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _settled(test.operand)
    if isinstance(test, ast.Compare):
        return all(isinstance(c, ast.Constant) and c.value is None for c in test.comparators)
    return isinstance(test, ast.Name | ast.Attribute)


def _holds(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _statements(node: ast.AST) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for item in cast("Sequence[ast.AST]", getattr(node, name, ()) or ()):
            if isinstance(item, ast.stmt):
                found.append(item)
            elif isinstance(item, ast.ExceptHandler | ast.match_case):
                found.extend(item.body)
    return found


def _may_end_early(node: ast.For) -> bool:
    """Whether the loop holds a ``break`` of its own, or a ``return`` of its function."""
    todo: list[tuple[ast.stmt, bool]] = [(s, True) for s in node.body]
    while todo:
        statement, own = todo.pop()
        if isinstance(statement, ast.Return) or (isinstance(statement, ast.Break) and own):
            return True
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        nested = isinstance(statement, ast.For | ast.While)
        todo.extend((s, own and not nested) for s in _statements(statement))
    return False


def _length(node: ast.expr, frame: FrameType) -> int | None:
    """How many items a loop's expression will give."""
    if isinstance(node, ast.Call):
        name = _called(node)
        if name in ("range", "trange"):
            numbers = [_value(a, frame) for a in node.args]
            if not numbers or not all(isinstance(n, int) for n in numbers):
                return None
            return len(range(*cast("list[int]", numbers)))
        if name == "zip":
            lengths = [_length(a, frame) for a in node.args]
            known = [n for n in lengths if n is not None]
            return min(known) if known and len(known) == len(lengths) else None
        return _length(node.args[0], frame) if name in _SAME_LENGTH and node.args else None
    if isinstance(node, ast.List | ast.Tuple):
        return None if any(isinstance(e, ast.Starred) for e in node.elts) else len(node.elts)
    return _size(_value(node, frame))


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.id
        if isinstance(function, ast.Name)
        else function.attr
        if isinstance(function, ast.Attribute)
        else ""
    )


def _size(value: object) -> int | None:
    import torch

    if isinstance(value, torch.Tensor):
        return value.shape[0] if value.dim() else None
    if isinstance(value, torch.utils.data.DataLoader | list | tuple | range | dict | set):
        return _asked(lambda: len(cast("Any", value)))
    if type(value).__module__.startswith("tqdm") and isinstance(getattr(value, "total", None), int):
        return cast("Any", value).total
    return None


def _asked(question: Callable[[], T]) -> T | None:
    """What a container of the program's answers; None where its own code fails."""
    try:
        return question()
    except Exception:  # of the program's; here is no other
        return None


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b if abs(b) < 64 else None,
}


def _value(node: ast.expr, frame: FrameType) -> object:
    """The value of a plain expression: names, attributes, items, arithmetic, lengths. None where it is none of these."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        base = _value(node.value, frame)
        found = inspect.getattr_static(base, node.attr, None) if base is not None else None
        return None if hasattr(type(found), "__get__") and not isinstance(found, _PLAIN) else found
    if isinstance(node, ast.Subscript):
        base, key = _value(node.value, frame), _value(node.slice, frame)
        held = isinstance(base, dict | list | tuple) and isinstance(key, int | str)
        return _asked(lambda: cast("Any", base)[key]) if held else None
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left, frame), _value(node.right, frame)
        both = isinstance(left, int | float) and isinstance(right, int | float)
        return _BINARY[type(node.op)](left, right) if both else None
    if isinstance(node, ast.Call) and node.args and not node.keywords:
        first = node.args[0]
        name = _called(node)
        if name == "len":
            return _size(_value(first, frame))
        number = _value(first, frame)
        if name in ("int", "ceil", "floor") and isinstance(number, int | float):
            return {"int": int, "ceil": math.ceil, "floor": math.floor}[name](number)
    return None
