"""Weight decay where there is none: 5e-4 with SGD, 0.01 with AdamW.

Krizhevsky et al. (2012) used 5e-4 with SGD and found it to lower the training error too; 0.01 is torch's default for AdamW.
"""

from collections.abc import Sequence

import libcst as cst

from .._settings import number_of
from ..source import Change, Refused, Source, last_name
from ._usual import Usual

remedy = Usual(
    name="weight-decay",
    late=True,
    assumes="the optimizer is SGD without weight decay, or AdamW with one of 0",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``weight_decay=5e-4``."""
    kind, position = last_name(call.func), 4
    written = source.argument(call, "weight_decay", position)
    if any(a.star for a in call.args) or kind not in ("SGD", "AdamW"):
        raise Refused("the optimizer is neither SGD nor AdamW, or its arguments are not all seen")
    if written is not None and number_of(source, call, "weight_decay", position) != 0:
        raise Refused("there is a weight decay already")
    if kind == "AdamW" and written is None:
        raise Refused("AdamW has a weight decay of its own")
    return [source.set_argument(call, "weight_decay", "5e-4" if kind == "SGD" else "0.01", position)]
