"""Register the layers of a list: nn.ModuleList holds what a plain list hides."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="register-layers",
    mends=("NW210",),
    assumes="the layers are kept in a list or a dictionary that is assigned to an attribute",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``self.layers = [...]`` becomes ``self.layers = nn.ModuleList([...])``."""
    assert finding.where.line is not None
    library = "nn" if any(name_of(a.value) == "nn" for a in source.every(cst.Attribute)) else "torch.nn"
    for assign in source.every(cst.Assign):
        if source.line_of(assign) <= finding.where.line <= source.last_line_of(assign):
            if isinstance(assign.value, cst.List | cst.ListComp):
                return [source.replace(assign.value, f"{library}.ModuleList({source.code(assign.value)})")]
            if isinstance(assign.value, cst.Dict | cst.DictComp):
                return [source.replace(assign.value, f"{library}.ModuleDict({source.code(assign.value)})")]
    raise Refused("no list of layers is assigned on the line")
