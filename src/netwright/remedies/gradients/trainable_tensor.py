"""Make a plain tensor that stands as a weight a parameter that trains."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="trainable-tensor",
    mends=("NW404",),
    assumes="the gradient is lost in a product with an attribute that is made by torch.zeros in the same class",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``self.scale = torch.zeros(1)`` becomes ``self.scale = nn.Parameter(torch.zeros(1))``."""
    assert finding.where.line is not None
    if finding.measured.get("lost_in") not in ("mul", "__mul__", "matmul", "linear", "addmm", "addcmul"):
        raise Refused("the gradient is not lost in a product")
    statement = source.statement(finding.where.line)
    owner = source.above(statement, cst.ClassDef)
    if owner is None:
        raise Refused("the line does not stand in a class")
    used = {name_of(a) for a in source.every(cst.Attribute, statement) if name_of(a).startswith("self.")}
    library = "nn" if any(name_of(a.value) == "nn" for a in source.every(cst.Attribute)) else "torch.nn"
    found: list[Change] = []
    for assign in source.every(cst.Assign, owner):
        names = {name_of(t.target) for t in assign.targets}
        if names & used:
            if isinstance(assign.value, cst.Call) and last_name(assign.value.func) in ("zeros", "zeros_like"):
                found.append(
                    source.replace(assign.value, f"{library}.Parameter({source.code(assign.value)})")
                )
            elif len(names) > 1:
                raise Refused("the attribute is assigned with others")
    if len(found) != 1:
        raise Refused("no attribute of the line is one tensor of zeros")
    return found
