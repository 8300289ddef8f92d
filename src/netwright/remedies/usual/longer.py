"""Train three times as long.

Karpathy, "A Recipe for Training Neural Networks" (2019): people stop when the loss seems to level off, and networks keep training for unintuitively long.
"""

from collections.abc import Sequence

import libcst as cst

from .._loops import epoch_loop, rounds, training_loop
from ..source import Change, Refused, Source
from ._usual import Usual

remedy = Usual(
    name="three-times-as-long",
    late=True,
    scales=True,
    assumes="the loop over epochs, or over steps, is one over range(n) of this file, and no schedule has its length",
)


@remedy.edit
def edit(source: Source, call: cst.Call, times: int) -> Sequence[Change]:
    """``range(n)`` becomes ``range(3 * n)``."""
    del call
    factor = 3**times
    if "lr_scheduler" in source.text:
        raise Refused("the schedule of the learning rate is made for the length of the run")
    count = rounds(epoch_loop(source, training_loop(source)))
    text = source.code(count)
    if isinstance(count, cst.Integer):
        return [source.replace(count, str(factor * int(text.replace("_", ""), 0)))]
    if not isinstance(count, cst.Name | cst.Attribute | cst.Subscript | cst.Call):
        text = f"({text})"
    return [source.replace(count, f"{factor} * {text}")]
