"""No weight decay.

The first regularization to leave out while the training loss is too high (Karpathy, "A Recipe for Training Neural Networks", 2019: overfit first, regularize after).
"""

from collections.abc import Sequence

import libcst as cst

from .._settings import number_of
from ..source import Change, Refused, Source, last_name
from ._usual import Usual

remedy = Usual(
    name="no-weight-decay",
    late=True,
    assumes="a weight decay above 0 is written in the call of the optimizer",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """The argument is taken out; AdamW, which has a decay of its own, gets 0."""
    argument = source.argument(call, "weight_decay")
    if argument is None or number_of(source, call, "weight_decay") == 0:
        raise Refused("no weight decay is written in the call of the optimizer")
    if last_name(call.func) == "AdamW":
        return [source.replace(argument.value, "0.0")]
    return [source.drop_argument(call, argument)]
