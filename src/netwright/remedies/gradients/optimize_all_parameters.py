"""Hand the parameters of the whole network to the optimizer, once."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._training import calls_of, optimizer_call, receiver
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="optimize-all-parameters",
    mends=("NW401", "NW417"),
    assumes="the parameters that the optimizer has belong to parts of one network, written as attributes of it",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``network.part.parameters()`` becomes ``network.parameters()``."""
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
    if len(roots) > 1 or (set(owners) == {".".join(r) for r in roots} and len(owners) == 1):
        raise Refused("the parameters that are missing belong to another network")
    if any(True for _ in source.every(cst.DictElement, given)):
        raise Refused("the parameters are given in groups")
    return [source.replace(given, f"{'.'.join(next(iter(roots)))}.parameters()")]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The optimizer made on the line gets the parameters of the network that those it was given belong to."""
    return at(finding, "optimize-all-parameters")
