"""Compute the loss from the output of the network, which is computed and not used."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._networks import networks_at
from .._removal import removed
from .._training import scope
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of
from ._arguments import argument_of, losses_at

remedy = Remedy(
    name="loss-of-the-output",
    mends=("NW314",),
    bends_loss=True,
    assumes="one name is given the output of the network above the loss and used nowhere, and the loss is called on the line with the target as both arguments or as the first",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The unused name becomes the first argument; ``requires_grad_`` on the loss goes."""
    assert finding.where.line is not None
    calls = losses_at(source, finding.where.line)
    if len(calls) != 1:
        raise Refused("no single loss of torch's is called on the line")
    place = scope(source, calls[0])
    unused = [
        name
        for assign in source.every(cst.Assign, place)
        for name in [name_of(assign.targets[0].target)]
        if source.line_of(assign) < finding.where.line
        and name
        and networks_at(source, source.line_of(assign))
        and sum(n.value == name for n in source.every(cst.Name, place)) == 1
    ]
    if len(unused) != 1:
        raise Refused("no output of the network is left unused above the loss")
    first = argument_of(source, calls[0], "input", 0)
    if first is None:
        raise Refused("the arguments of the loss are not seen")
    changes = [source.replace(first, unused[0])]
    statement = source.statement_of(calls[0])
    names = {name_of(t.target) for a in source.every(cst.Assign, statement) for t in a.targets}
    undone = [
        source.statement_of(call)
        for call in source.every(cst.Call, place)
        if last_name(call.func) == "requires_grad_"
        and isinstance(call.func, cst.Attribute)
        and name_of(call.func.value) in names
        and isinstance(source.parent(call), cst.Expr)
        and source.line_of(call) > finding.where.line
    ]
    return [*changes, *removed(source, *undone)]
