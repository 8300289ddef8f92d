"""Leave the weights as torch initializes them: take the call out that sets them."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="default-initialization",
    mends=("NW201", "NW202", "NW203", "NW207"),
    assumes="the weights are set by an initializer of torch's, or by fill_ and the like, in a statement of its own",
)
_METHODS = frozenset(["fill_", "zero_", "normal_", "uniform_", "copy_", "mul_", "add_", "div_"])


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Delete the statement that sets the weights; the module's own initialization stays."""
    for place in (finding.where, *finding.also):
        if place.line is None:
            continue
        for call in source.at(cst.Call, place.line):
            name = last_name(call.func)
            is_init = name.endswith("_") and (
                "init" in name_of(call.func).split(".")[:-1] or name in _METHODS
            )
            if is_init and isinstance(source.parent(call), cst.Expr):
                return [source.delete(source.statement_of(call))]
    raise Refused("no initializer stands on the line in a statement of its own")
