"""Normalization behind every hidden layer: batch normalization behind convolutions, layer normalization behind linear ones.

Ioffe and Szegedy (2015); Ba et al. (2016). Larger rates train, and bad initial scales matter less.
"""

from collections.abc import Sequence

import libcst as cst

from ..source import Change, Refused, Source, last_name
from ._stack import behind, hidden, known
from ._usual import Usual

remedy = Usual(
    name="normalization",
    assumes="the file has no normalization yet, and a Sequential in which a layer, an activation and another part stand one behind the other",
)
_NORMS = {
    "Linear": ("LayerNorm", "out_features"),
    "Conv1d": ("BatchNorm1d", "out_channels"),
    "Conv2d": ("BatchNorm2d", "out_channels"),
}


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``nn.BatchNorm2d(channels)`` or ``nn.LayerNorm(width)`` between layer and activation."""
    del call
    if any("Norm" in last_name(c.func) for c in source.every(cst.Call)):
        raise Refused("there is normalization already")
    changes: list[Change] = []
    for layer, _ in hidden(source):
        assert isinstance(layer.value, cst.Call)
        norm, size = _NORMS[last_name(layer.value.func)]
        width = source.argument(layer.value, size, 1)
        if width is None:
            raise Refused("the width of a layer is not seen")
        known(source, layer, norm)
        changes.append(behind(source, layer, f"{norm}({source.code(width.value)})"))
    return changes
