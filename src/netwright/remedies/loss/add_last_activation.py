"""Turn raw outputs into the probabilities that the loss takes the logarithm of: the activation that is missing behind the last layer."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="add-last-activation",
    mends=("NW304",),
    bends_loss=True,
    assumes="the logarithm is taken by hand, and the last layer is an item of a Sequential, or called by forward, on the line",
)
_MADE = {"sigmoid": "Sigmoid()", "softmax": "Softmax(dim=1)"}
_CALLED = {"sigmoid": "{}.sigmoid()", "softmax": "{}.softmax(dim=1)"}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The module behind the layer in the Sequential, or the method on what the layer gives."""
    wanted = str(finding.measured.get("wanted"))
    if wanted not in _MADE:
        raise Refused("which probabilities the loss wants is not known")
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        parent = source.parent(call)
        owner = source.parent(parent) if isinstance(parent, cst.Arg) else None
        if isinstance(owner, cst.Call) and last_name(owner.func) == "Sequential":
            library = name_of(call.func).rpartition(".")[0]
            if library and owner.args[-1] is parent:
                _, end = source.span(call)
                return [Change(end, end, f", {library}.{_MADE[wanted]}")]
        if name_of(call.func).startswith("self.") and source.above(call, cst.FunctionDef) is not None:
            return [source.replace(call, _CALLED[wanted].format(source.code(call)))]
    raise Refused("the last layer of a network is not seen on the line")
