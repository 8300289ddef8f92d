"""Keep the graph: take out what cuts it between the parameters and the loss."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="keep-graph",
    mends=("NW405",),
    assumes="the graph is cut by detach, .data or no_grad on the line, and not by a way through numpy",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x.detach()`` and ``x.data`` become ``x``; ``no_grad`` becomes ``enable_grad``."""
    line = finding.where.line
    assert line is not None
    if any(last_name(c.func) in ("numpy", "tolist", "item", "from_numpy") for c in source.at(cst.Call, line)):
        raise Refused(
            "the values go through numpy, which autograd does not follow: the same must be done by torch"
        )
    detached = [
        (call, call.func.value)
        for call in source.at(cst.Call, line)
        if last_name(call.func) == "detach" and isinstance(call.func, cst.Attribute) and not call.args
    ]
    data = [(a, a.value) for a in source.at(cst.Attribute, line) if a.attr.value == "data"]
    changes = [source.replace(whole, source.code(inner)) for whole, inner in (*detached, *data)]
    if changes:
        return changes
    here: cst.CSTNode | None = source.statement(line)
    while here is not None:
        if isinstance(here, cst.With):
            for item in here.items:
                if isinstance(item.item, cst.Call) and name_of(item.item.func).endswith(
                    ("no_grad", "inference_mode")
                ):
                    return [
                        source.replace(
                            item.item,
                            name_of(item.item.func).rpartition(".")[0] + ".enable_grad()"
                            if "." in name_of(item.item.func)
                            else "torch.enable_grad()",
                        )
                    ]
        here = source.above(here, cst.BaseCompoundStatement)
    raise Refused("what cuts the graph does not stand on the line")
