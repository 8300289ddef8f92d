"""Save the weights of a network, and not the network as an object."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._networks import calls_by_name
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="save-weights",
    mends=("NW910",),
    assumes="torch.save is called on the line with a name that is called or asked for its parameters elsewhere, and the file loads nothing",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``torch.save(model, path)`` becomes ``torch.save(model.state_dict(), path)``."""
    if "torch.load(" in source.text:
        raise Refused("the file loads what was saved, and would have to load weights")
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        if name_of(call.func) != "torch.save" or not call.args:
            continue
        name = name_of(call.args[0].value)
        if name and (calls_by_name(source, name) or calls_by_name(source, f"{name}.parameters")):
            return [source.replace(call.args[0].value, f"{name}.state_dict()")]
    raise Refused("no network is saved by its name on the line")
