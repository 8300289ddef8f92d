"""Keep inputs and targets in the same order: one permutation for both, none for one of them alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from ...rule import Finding
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="one-permutation",
    mends=("NW109",),
    assumes="the file shuffles one or two arrays by statements that draw a permutation of their own (x = x[torch.randperm(len(x))], random.shuffle(y)), two of them in one block",
)
_DRAWS = ("randperm", "permutation")
_NAMES = ("order", "same_order", "common_order")


@dataclass(frozen=True, slots=True)
class _Shuffled:
    """A statement that shuffles; ``data`` is indexed by the drawn ``index``, or shuffled in place where there is none."""

    statement: cst.SimpleStatementLine
    data: str
    target: str
    index: cst.Call | None
    value: cst.BaseExpression | None


@remedy.edit
def edit(source: Source, _: Finding) -> Sequence[Change]:
    """Two draws become one in front of the first; one alone goes."""
    found = list(_shuffles(source))
    if len(found) == 1:
        return _undone(source, found[0])
    if len(found) != 2:
        raise Refused(f"{len(found) or 'no'} statements of the file draw a permutation for one array")
    first, second = found
    if first.index is None or second.index is None:
        raise Refused("arrays that are shuffled in place have no permutation in common")
    if source.parent(first.statement) is not source.parent(second.statement):
        raise Refused("the two permutations are not drawn in one block")
    known = {n.value for n in source.every(cst.Name)}
    free = [n for n in _NAMES if n not in known]
    if not free:
        raise Refused("no name is free for the permutation")
    return [
        source.before(first.statement, f"{free[0]} = {source.code(first.index)}"),
        source.replace(first.index, free[0]),
        source.replace(second.index, free[0]),
    ]


def _undone(source: Source, found: _Shuffled) -> list[Change]:
    if found.value is None or found.target == found.data:
        return removed(source, found.statement)
    return [source.replace(found.value, found.data)]


def _shuffles(source: Source) -> Iterator[_Shuffled]:
    for statement in source.every(cst.SimpleStatementLine):
        match statement.body:
            case [
                cst.Assign(
                    targets=[cst.AssignTarget(target=cst.Name(value=target))],
                    value=cst.Subscript(
                        value=cst.Name(value=data),
                        slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Call() as index))],
                    ) as value,
                )
            ] if last_name(index.func) in _DRAWS:
                yield _Shuffled(statement, data, target, index, value)
            case [cst.Expr(value=cst.Call(args=[cst.Arg(value=cst.Name(value=data))]) as call)] if (
                last_name(call.func) == "shuffle"
            ):
                yield _Shuffled(statement, data, data, None, None)
            case _:
                pass
