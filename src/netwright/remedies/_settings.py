"""Settings given to a call: as a number in it, or by a name that the file gives a number."""

import ast
from typing import cast

import libcst as cst

from .source import Change, Source, name_of


def set_setting(
    source: Source, call: cst.Call, keyword: str, value: str, position: int | None = None
) -> Change:
    """Give a setting another value, where it is written: at the constant that names it when that is used nowhere else, else in the call."""
    constant = _constant(source, call, keyword, position)
    if constant is not None:
        return source.replace(constant.value, value)
    return source.set_argument(call, keyword, value, position)


def number_of(source: Source, call: cst.Call, keyword: str, position: int | None = None) -> float | None:
    """The number that a setting has, if it is written as one."""
    constant = _constant(source, call, keyword, position)
    argument = source.argument(call, keyword, position)
    value = constant.value if constant is not None else argument.value if argument is not None else None
    if value is None:
        return None
    try:
        found = ast.literal_eval(source.code(value))
    except (ValueError, SyntaxError):
        return None
    return float(found) if isinstance(found, int | float) else None


def _constant(source: Source, call: cst.Call, keyword: str, position: int | None) -> cst.Assign | None:
    """The one assignment of a number to the name that an argument is, when the name serves for nothing else."""
    argument = source.argument(call, keyword, position)
    if argument is None or not isinstance(argument.value, cst.Name):
        return None
    name = argument.value.value
    assigned = [a for a in source.every(cst.Assign) if any(name_of(t.target) == name for t in a.targets)]
    uses = [n for n in source.every(cst.Name) if n.value == name and not _is_keyword(source, n)]
    numbers = (cst.Float, cst.Integer, cst.UnaryOperation)
    if len(assigned) == 1 and isinstance(assigned[0].value, numbers) and len(uses) == 2:
        return assigned[0]
    return None


def _is_keyword(source: Source, name: cst.Name) -> bool:
    parent = source.parent(name)
    return isinstance(parent, cst.Arg) and parent.keyword is name


def sizes(value: object) -> list[int] | None:
    """A shape among the numbers of a finding."""
    if not isinstance(value, list | tuple):
        return None
    found = [v for v in cast("list[object]", value) if isinstance(v, int)]
    return found if len(found) == len(cast("list[object]", value)) else None


def numbers(value: object) -> list[float] | None:
    """A list of numbers among those of a finding."""
    if not isinstance(value, list | tuple):
        return None
    found = [float(v) for v in cast("list[object]", value) if isinstance(v, int | float)]
    return found if len(found) == len(cast("list[object]", value)) else None
