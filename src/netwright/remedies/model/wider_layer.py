"""Widen the layer that everything has to pass through."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="wider-layer",
    mends=("NW209",),
    assumes="the narrow layer is a Linear with a number as width, and the next Linear of the same Sequential or method takes that number",
)
_NORMS = ("BatchNorm1d", "LayerNorm")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Both layers, and a normalization between them, get the width that the finding recommends."""
    width, recommended = (finding.measured.get(k) for k in ("width", "recommended"))
    if not isinstance(width, int) or not isinstance(recommended, int):
        raise Refused("the width is not known")
    wanted = str(recommended)
    assert finding.where.line is not None
    narrow = [c for c in source.at(cst.Call, finding.where.line) if last_name(c.func) == "Linear"]
    if len(narrow) != 1:
        raise Refused("no single Linear is made on the line")
    out = source.argument(narrow[0], "out_features", 1)
    if out is None or source.code(out.value) != str(width):
        raise Refused("the width is not written as a number")
    changes = [source.replace(out.value, wanted)]
    for call in _following(source, narrow[0]):
        if last_name(call.func) in _NORMS:
            size = source.argument(
                call, "num_features" if "Batch" in last_name(call.func) else "normalized_shape", 0
            )
            if size is None or source.code(size.value) != str(width):
                raise Refused("the size of the normalization behind it is not written as a number")
            changes.append(source.replace(size.value, wanted))
        elif last_name(call.func) == "Linear":
            into = source.argument(call, "in_features", 0)
            if into is None or source.code(into.value) != str(width):
                raise Refused("the next layer does not take the width as a number")
            return [*changes, source.replace(into.value, wanted)]
    raise Refused("the next layer is not seen")


def _following(source: Source, call: cst.Call) -> list[cst.Call]:
    """The calls after one in its Sequential, or else in its method."""
    owner = (
        source.above(call, cst.Call) or source.above(call, cst.List) or source.above(call, cst.FunctionDef)
    )
    end = source.span(call)[1]
    return [c for c in source.every(cst.Call, owner) if source.span(c)[0] >= end]
