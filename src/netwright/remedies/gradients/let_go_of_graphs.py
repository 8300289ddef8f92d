"""Keep values without the graph that they came from: detach what goes into a list or a sum."""

from collections.abc import Iterator, Sequence

import libcst as cst

from ...rule import Finding
from .._training import backward_at, receiver
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="let-go-of-graphs",
    mends=("NW614", "NW803"),
    assumes="what is kept goes into a list by append, or is added up by += or x = x + y, on the line (in the loop around the backward call where memory is seen to grow), and nothing is derived from the sum",
)
_NUMBERS = frozenset("item detach float int len tolist numpy size numel time perf_counter shape".split())


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``losses.append(loss)`` becomes ``losses.append(loss.detach())``."""
    line = finding.where.line
    assert line is not None
    if finding.code == "NW803":
        statement = source.statement(line)
        kept = [*_kept(source, statement)]
    else:
        loop = source.above(backward_at(source, line), cst.For) or source.above(
            backward_at(source, line), cst.While
        )
        if loop is None:
            raise Refused("the backward call stands in no loop")
        kept = [*_kept(source, loop)]
    derived = {receiver(c) for c in source.every(cst.Call) if last_name(c.func) == "backward"}
    changes = [source.replace(value, _detached(source, value)) for name, value in kept if name not in derived]
    if not changes:
        raise Refused("no append and no sum that keeps a tensor stands there")
    return changes


def _kept(source: Source, place: cst.CSTNode) -> Iterator[tuple[str, cst.BaseExpression]]:
    """What goes into something that may outlive the step, with the name of that."""
    for call in source.every(cst.Call, place):
        if last_name(call.func) == "append" and len(call.args) == 1 and _may_be_tensor(source, call.args[0]):
            yield receiver(call), call.args[0].value
    for added in source.every(cst.AugAssign, place):
        if isinstance(added.operator, cst.AddAssign) and _may_be_tensor(source, added.value):
            yield name_of(added.target), added.value
    for assign in source.every(cst.Assign, place):
        match assign.value:
            case cst.BinaryOperation(left=left, operator=cst.Add(), right=right) if name_of(left) and name_of(
                left
            ) == name_of(assign.targets[0].target):
                if _may_be_tensor(source, right):
                    yield name_of(left), right
            case _:
                pass


def _may_be_tensor(source: Source, node: cst.CSTNode) -> bool:
    """Whether an expression may be a tensor with a history: it is computed, or the name of what is, and not made a number or detached already."""
    value = node.value if isinstance(node, cst.Arg) else node
    if isinstance(value, cst.Name):
        assigned = [
            a.value
            for a in source.every(cst.Assign)
            if any(name_of(t.target) == value.value for t in a.targets)
        ]
        return any(not isinstance(v, cst.Name) and _may_be_tensor(source, v) for v in assigned)
    if isinstance(value, cst.BinaryOperation):
        return _may_be_tensor(source, value.left) or _may_be_tensor(source, value.right)
    if not isinstance(value, cst.Attribute | cst.Call | cst.Subscript):
        return False
    called = {last_name(c.func) for c in source.every(cst.Call, value)}
    return not (called | {a.attr.value for a in source.every(cst.Attribute, value)}) & _NUMBERS


def _detached(source: Source, value: cst.BaseExpression) -> str:
    text = source.code(value)
    whole = isinstance(value, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
    return f"{text}.detach()" if whole or value.lpar else f"({text}).detach()"
