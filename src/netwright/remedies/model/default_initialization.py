"""Leave the weights as torch initializes them: take the call out that sets them."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="default-initialization",
    mends=("NW201", "NW202", "NW203", "NW207", "NW407"),
    assumes="the weights are set by an initializer of torch's, or by fill_ and the like, in a statement of its own",
)
_METHODS = frozenset(["fill_", "zero_", "normal_", "uniform_", "copy_", "mul_", "add_", "div_"])


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Delete the statement that sets the weights, with a loop that does nothing else; the module's own initialization stays."""
    for place in (finding.where, *finding.also):
        for call in source.at(cst.Call, place.line) if place.line is not None else []:
            if _initializes(source, call):
                return removed(source, source.statement_of(call))
    layer = (finding.where.module or "").rpartition(".")[2]
    named = [
        call
        for call in source.every(cst.Call)
        if layer
        and _initializes(source, call)
        and call.args
        and f".{layer}.weight" in source.code(call.args[0].value)
    ]
    if named:
        return removed(source, *(source.statement_of(call) for call in named))
    raise Refused("no initializer of these weights stands in a statement of its own")


def _initializes(source: Source, call: cst.Call) -> bool:
    """Whether a call sets weights, in a statement that does nothing else."""
    name = last_name(call.func)
    known = "init" in name_of(call.func).split(".")[:-1] or name in _METHODS
    return name.endswith("_") and known and isinstance(source.parent(call), cst.Expr)


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What sets weights on the line does nothing."""
    if finding.code in ("NW207", "NW407"):
        raise Refused("the line is that of the layer, and not of what sets its weights")
    written = finding.measured.get("initializer")
    if written == "":
        raise Refused("no call sets these weights: they are as they were made on the line")
    if isinstance(written, str) and written.startswith("__"):
        raise Refused("the weights are assigned to, which a re-run cannot leave out")
    return at(finding, "instead", call="nn.init.* " + " ".join(f"Tensor.{m}" for m in sorted(_METHODS)))
