"""Hand the parameters of the whole network to the optimizer, once."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._training import OPTIMIZERS, calls_of, optimizer_call, receiver
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="optimize-all-parameters",
    mends=("NW401", "NW417"),
    assumes="the parameters that the optimizer has belong to parts of one network, written as attributes of it, or are chosen among all of its parameters in the call",
)
_CHOICES = (cst.Subscript, cst.ListComp, cst.GeneratorExp)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``network.part.parameters()`` becomes ``network.parameters()``; where some are chosen of all, wherever an optimizer is given the same choice."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    if not call.args:
        raise Refused("the optimizer gets no parameters by position")
    given = call.args[0].value
    owners = [receiver(c) for c in calls_of(source, "parameters", inside=given)]
    if not owners or not all(owners):
        raise Refused("the parameters come from a place that is not seen in the call")
    own = owners[0].split(".")
    keep = 2 if own[0] == "self" else 1
    roots = {tuple(o.split(".")[:keep]) for o in owners}
    # A choice among the parameters of one network is made of a call that would give all: list(net.parameters())[-2:].
    chosen = any(isinstance(n, _CHOICES) for n in (given, *source.every(cst.BaseExpression, given)))
    if len(roots) > 1 or (set(owners) == {".".join(r) for r in roots} and len(owners) == 1 and not chosen):
        raise Refused("the parameters that are missing belong to another network")
    if any(True for _ in source.every(cst.DictElement, given)):
        raise Refused("the parameters are given in groups")
    written = source.code(given)
    return [
        source.replace(c.args[0].value, f"{'.'.join(next(iter(roots)))}.parameters()")
        for c in source.every(cst.Call)
        if c is call
        or (last_name(c.func) in OPTIMIZERS and c.args and source.code(c.args[0].value) == written and chosen)
    ]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The optimizer made on the line gets the parameters of the network that those it was given belong to."""
    return at(finding, "optimize-all-parameters")
