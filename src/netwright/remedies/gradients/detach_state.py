"""Detach what is carried from one iteration to the next."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="detach-carried-state",
    mends=("NW907",),
    assumes="the line assigns what it is called with again (out, state = model(x, state))",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``state = state.detach()`` after the line; every part of it, for the two states of an LSTM."""
    if "carried_over_at" not in finding.measured:
        raise Refused("nothing is seen to be carried over")
    assert finding.where.line is not None
    for assign in source.at(cst.Assign, finding.where.line):
        if not isinstance(assign.value, cst.Call):
            continue
        given = {name_of(a.value) for a in assign.value.args} - {""}
        for target in assign.targets:
            if isinstance(target.target, cst.Tuple):
                carried = [name_of(e.value) for e in target.target.elements if name_of(e.value) in given]
                pairs = [e.value for e in target.target.elements if isinstance(e.value, cst.Tuple)]
                carried += [
                    n.value
                    for p in pairs
                    for n in source.every(cst.Name, p)
                    if _enters(source, assign.value, n.value)
                ]
            else:
                carried = [n for n in [name_of(target.target)] if n in given]
            if carried:
                return [source.after(source.statement_of(assign), *(_detached(source, c) for c in carried))]
    raise Refused("the line does not assign what it is called with")


def _enters(source: Source, call: cst.Call, name: str) -> bool:
    return any(n.value == name for a in call.args for n in source.every(cst.Name, a.value))


def _detached(source: Source, name: str) -> str:
    pair = any(last_name(c.func) == "LSTM" for c in source.every(cst.Call))
    unpacked = any(
        isinstance(e.value, cst.Tuple) and name in {n.value for n in source.every(cst.Name, e.value)}
        for t in source.every(cst.AssignTarget)
        if isinstance(t.target, cst.Tuple)
        for e in t.target.elements
    )
    if pair and not unpacked:
        return f"{name} = tuple(part.detach() for part in {name})"
    return f"{name} = {name}.detach()"
