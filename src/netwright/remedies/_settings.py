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
        return source.replace(constant, value)
    return source.set_argument(call, keyword, value, position)


def number_of(source: Source, call: cst.Call, keyword: str, position: int | None = None) -> float | None:
    """The number that a setting has, if it is written as one."""
    constant = _constant(source, call, keyword, position)
    argument = source.argument(call, keyword, position)
    value = constant if constant is not None else argument.value if argument is not None else None
    if value is None:
        return None
    try:
        found = ast.literal_eval(source.code(value))
    except (ValueError, SyntaxError):
        return None
    return float(found) if isinstance(found, int | float) else None


def _constant(
    source: Source, call: cst.Call, keyword: str, position: int | None
) -> cst.BaseExpression | None:
    """The number that an argument stands for, where it is written once and the name serves for nothing else.

    ``LR = 0.1``; ``def train(lr=0.1)`` that nobody calls with another; ``class Config: lr = 0.1`` as ``Config.lr``; ``add_argument("--lr",
    default=0.1)`` as ``args.lr``; ``config = {"lr": 0.1}`` as ``config["lr"]``.
    """
    argument = source.argument(call, keyword, position)
    match argument.value if argument is not None else None:
        case cst.Name(value=name):
            found = _named(source, name)
        case cst.Attribute(value=cst.Name(value=owner), attr=cst.Name(value=name)) as used if owner != "self":
            found = _option(source, name) if _uses(source, used) == 1 else []
        case (
            cst.Subscript(
                value=cst.Name(value=table),
                slice=[cst.SubscriptElement(slice=cst.Index(cst.SimpleString() as key))],
            ) as used
        ):
            found = _entry(source, table, key.value[1:-1]) if _uses(source, used) == 1 else []
        case _:
            return None
    numbers = (cst.Float, cst.Integer, cst.UnaryOperation)
    return found[0] if len(found) == 1 and isinstance(found[0], numbers) else None


def _named(source: Source, name: str) -> list[cst.BaseExpression]:
    uses = [n for n in source.every(cst.Name) if n.value == name and not _is_keyword(source, n)]
    if len(uses) != 2:
        return []
    assigned = [
        a.value for a in source.every(cst.Assign) if any(name_of(t.target) == name for t in a.targets)
    ]
    defaults = [
        p.default
        for p in source.every(cst.Param)
        if p.name.value == name and p.default is not None and not _passed(source, name, p)
    ]
    return [*assigned, *defaults]


def _passed(source: Source, name: str, parameter: cst.Param) -> bool:
    """Whether some call gives the parameter a value of its own."""
    function = source.above(parameter, cst.FunctionDef)
    if function is None:
        return True
    names = [p.name.value for p in function.params.params]
    if name not in names:
        return True
    return any(
        source.argument(c, name, names.index(name)) is not None or any(a.star for a in c.args)
        for c in source.every(cst.Call)
        if name_of(c.func).rpartition(".")[2] == function.name.value
    )


def _option(source: Source, name: str) -> list[cst.BaseExpression]:
    """What ``args.NAME`` or ``Config.NAME`` is by default."""
    found: list[cst.BaseExpression] = []
    for call in source.every(cst.Call):
        if name_of(call.func).endswith("add_argument") and any(
            isinstance(a.value, cst.SimpleString)
            and a.value.value[1:-1].lstrip("-").replace("-", "_") == name
            for a in call.args
            if a.keyword is None
        ):
            default = source.argument(call, "default")
            found += [default.value] if default is not None else []
    for kind in (cst.Assign, cst.AnnAssign):
        for assign in source.every(kind):
            targets = (
                [t.target for t in assign.targets] if isinstance(assign, cst.Assign) else [assign.target]
            )
            inside = source.above(assign, cst.ClassDef)
            plain = inside is not None and source.above(assign, cst.FunctionDef) is None
            if plain and any(name_of(t) == name for t in targets) and assign.value is not None:
                found.append(assign.value)
    return found


def _entry(source: Source, table: str, key: str) -> list[cst.BaseExpression]:
    """What a dictionary of settings holds."""
    found: list[cst.BaseExpression] = []
    for assign in source.every(cst.Assign):
        if not any(name_of(t.target) == table for t in assign.targets):
            continue
        match assign.value:
            case cst.Dict(elements=elements):
                found += [
                    e.value
                    for e in elements
                    if isinstance(e, cst.DictElement)
                    and isinstance(e.key, cst.SimpleString)
                    and e.key.value[1:-1] == key
                ]
            case cst.Call(func=cst.Name(value="dict"), args=arguments):
                found += [a.value for a in arguments if a.keyword is not None and a.keyword.value == key]
            case _:
                return []
    return found


def _uses(source: Source, node: cst.BaseExpression) -> int:
    """How often the same expression stands in the file."""
    text = source.code(node)
    return sum(source.code(n) == text for n in source.every(type(node)))


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


def texts(value: object) -> list[str]:
    """A list of names among the numbers of a finding; empty for anything else."""
    return [str(v) for v in cast("list[object]", value)] if isinstance(value, list | tuple) else []


def by_number(value: object) -> dict[int, float]:
    """Numbers by the number of what they belong to (``{"1": 0.03}``); empty for anything else."""
    if not isinstance(value, dict):
        return {}
    pairs = cast("dict[object, object]", value)
    return {int(str(k)): float(v) for k, v in pairs.items() if isinstance(v, int | float)}
