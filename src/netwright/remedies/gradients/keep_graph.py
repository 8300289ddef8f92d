"""Keep the graph: take out what cuts it between the parameters and the loss."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="keep-graph",
    mends=("NW405",),
    assumes="the graph is cut by detach, .data or no_grad on the line, or by a new tensor that only has the shape of the other; and not by a way through numpy",
)
# Of the tensor that they are given these take the shape alone.
_SHAPED = ("rand_like", "randn_like", "zeros_like", "ones_like", "empty_like")
_IN_PLACE = ("requires_grad_", "normal_", "uniform_", "zero_")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x.detach()``, ``x.data`` and ``randn_like(x).requires_grad_()`` become ``x``; ``no_grad`` becomes ``enable_grad``."""
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
    shaped = _shaped(source, line) if finding.measured.get("cut") in _SHAPED else []
    changes = [source.replace(whole, source.code(inner)) for whole, inner in (*detached, *data, *shaped)]
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


def _shaped(source: Source, line: int) -> list[tuple[cst.Call, cst.BaseExpression]]:
    """A call on the line that makes a tensor in the shape of another, with what is done to it in place, and that other.

    It stands in the place of the other where it is all of an argument or of what a name is given: noise that is added to something, or a factor, is a part of a larger expression.
    """
    found: list[tuple[cst.Call, cst.BaseExpression]] = []
    for call in source.at(cst.Call, line):
        if last_name(call.func) not in _SHAPED or not call.args or call.args[0].keyword is not None:
            continue
        whole, above = call, source.parent(call)
        while isinstance(above, cst.Attribute) and above.attr.value in _IN_PLACE:
            outer = source.parent(above)
            if not isinstance(outer, cst.Call) or outer.func is not above:
                break
            whole, above = outer, source.parent(outer)
        if isinstance(above, cst.Arg | cst.Assign):
            found.append((whole, call.args[0].value))
    return found
