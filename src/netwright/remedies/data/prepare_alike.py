"""Prepare the evaluation data as the training data are prepared, with the numbers of the training set."""

import re
from collections.abc import Iterator, Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="prepare-alike",
    mends=("NW117",),
    assumes="the training data are scaled by a transform(), a difference or a quotient, or the last part of a Compose is Normalize; and the evaluation data are named like them (x_train and x_test)",
)
_TRAIN = re.compile("train", re.IGNORECASE)
_OTHERS = ("test", "val", "valid", "validation", "eval", "dev", "holdout")
_LOOKS = frozenset(("len", "print", "type", "shape", "isinstance"))
Statement = cst.SimpleStatementLine


@remedy.edit
def edit(source: Source, _: Finding) -> Sequence[Change]:
    """The same expression for the evaluation data: as a statement of its own behind the one for the training data, or around their first use."""
    changes = _composed(source) or [
        change
        for statement, prepared, name in _prepared(source)
        for other in _counterparts(source, name.value)
        if (change := _alike(source, statement, prepared, name, other)) is not None
    ]
    if not changes:
        raise Refused("no preparation of training data is found that data of a like name could be given")
    return changes


def _composed(source: Source) -> list[Change]:
    """One of two Compose([...]) ends in Normalize, the other does not."""
    lists = [
        argument.value
        for call in source.every(cst.Call)
        if last_name(call.func) == "Compose"
        and (argument := source.argument(call, "transforms", 0)) is not None
    ]
    ends = [
        (found, found.elements[-1].value) for found in lists if isinstance(found, cst.List) and found.elements
    ]
    scaled = [end for _, end in ends if isinstance(end, cst.Call) and last_name(end.func) == "Normalize"]
    if len(lists) != 2 or len(ends) != 2 or len(scaled) != 1:
        return []
    ((_, last),) = [(found, end) for found, end in ends if end is not scaled[0]]
    _, end = source.span(last)
    return [Change(end, end, f", {source.code(scaled[0])}")]


def _prepared(source: Source) -> Iterator[tuple[Statement, cst.CSTNode, cst.Name]]:
    """Statements that prepare training data: what does it, and the name of the data in it."""
    for statement in source.every(cst.SimpleStatementLine):
        if len(statement.body) != 1:
            continue
        match statement.body[0]:
            case cst.AugAssign(target=cst.Name() as name, operator=cst.DivideAssign() | cst.SubtractAssign()):
                if _TRAIN.search(name.value):
                    yield statement, statement.body[0], name
            case cst.Assign(value=value):
                yield from ((statement, node, name) for node, name in _scaling(source, value))
            case _:
                pass


def _scaling(source: Source, value: cst.BaseExpression) -> Iterator[tuple[cst.CSTNode, cst.Name]]:
    for call in source.every(cst.Call, value):
        match call:
            case cst.Call(
                func=cst.Attribute(attr=cst.Name(value="transform" | "fit_transform")),
                args=[cst.Arg(value=cst.Name() as name)],
            ):
                if _TRAIN.search(name.value):
                    yield call, name
            case _:
                pass
    for node in source.every(cst.BinaryOperation, value):
        if isinstance(source.parent(node), cst.BinaryOperation) or not isinstance(
            node.operator, cst.Subtract | cst.Divide
        ):
            continue
        data = [n for n in source.every(cst.Name, node) if _TRAIN.search(n.value)]
        # Their own mean in the same expression would be another one for other data.
        if (
            len(data) == 1
            and not any(True for _ in source.every(cst.Call, node))
            and _leftmost(node) is data[0]
        ):
            yield node, data[0]


def _leftmost(node: cst.BaseExpression) -> cst.BaseExpression:
    while isinstance(node, cst.BinaryOperation):
        node = node.left
    return node


def _counterparts(source: Source, name: str) -> list[str]:
    """Names of the file that differ from a name of training data in that word alone."""
    known = {n.value for n in source.every(cst.Name)}
    words = {f(word) for word in _OTHERS for f in (str.lower, str.upper, str.capitalize)}
    return sorted(known & {_TRAIN.sub(word, name) for word in words})


def _alike(
    source: Source, statement: Statement, prepared: cst.CSTNode, name: cst.Name, other: str
) -> Change | None:
    """The same for other data; ``None`` where that is there already, or finds no place."""
    begin, _ = source.span(prepared)
    start, end = source.span(name)
    code = source.code(prepared)
    wanted = (code[: start - begin] + other + code[end - begin :]).replace(".fit_transform(", ".transform(")
    if re.search(re.escape(f"transform({other}"), source.text) or wanted in source.text:
        return None
    block = source.siblings(statement)
    made = next((s for s in block if other in _assigned(source, s)), None)
    if made is None:
        return None
    at = max(block.index(made), block.index(statement))
    uses = [
        n
        for s in block[block.index(made) + 1 :]
        for n in source.every(cst.Name, s)
        if n.value == other and _is_handed_on(source, n)
    ]
    if _in_place(statement, prepared, name):
        before = any(source.line_of(n) <= source.last_line_of(block[at]) for n in uses)
        if before:
            return None
        line = wanted if isinstance(prepared, cst.AugAssign) else f"{other} = {wanted}"
        return source.after(block[at], line)
    return source.replace(uses[0], wanted) if uses else None


def _in_place(statement: Statement, prepared: cst.CSTNode, name: cst.Name) -> bool:
    """Whether the statement does nothing but put prepared data in the place of the data."""
    match statement.body[0]:
        case cst.AugAssign():
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=target))], value=value):
            return target == name.value and value is prepared
        case _:
            return False


def _assigned(source: Source, statement: cst.CSTNode) -> set[str]:
    """The names that a statement gives a value."""
    if not isinstance(statement, Statement):
        return set()
    targets = [t.target for a in source.every(cst.Assign, statement) for t in a.targets]
    return {n.value for t in targets for n in source.every(cst.Name, t)}


def _is_handed_on(source: Source, name: cst.Name) -> bool:
    """Whether data are given to a call here, and not only looked at."""
    argument = source.parent(name)
    call = source.parent(argument) if isinstance(argument, cst.Arg) and argument.value is name else None
    return isinstance(call, cst.Call) and last_name(call.func) not in _LOOKS
