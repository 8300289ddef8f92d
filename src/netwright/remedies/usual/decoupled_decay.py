"""AdamW with a weight decay of 0.01 in place of Adam.

Adam divides a decay that is added to the gradient by the gradient's own size; AdamW takes it off the weights (Loshchilov and Hutter, 2019). 0.01 is torch's default.
"""

from collections.abc import Sequence

import libcst as cst

from .._settings import number_of, set_setting
from ..source import Change, Refused, Source, last_name, name_of
from ._optimizer import imported
from ._usual import Usual

remedy = Usual(
    name="adamw",
    late=True,
    assumes="the optimizer is Adam, and its weight decay is written as a number or not at all",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``AdamW`` with the same arguments, but for the decay."""
    if last_name(call.func) != "Adam" or any(a.star for a in call.args):
        raise Refused("the optimizer is not Adam, or its arguments are not all seen")
    if "." not in name_of(call.func) and not imported(source, "AdamW"):
        raise Refused("AdamW is not at hand")
    name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    changes = [source.replace(name, "AdamW")]
    if source.argument(call, "weight_decay", 4) is not None:
        if number_of(source, call, "weight_decay", 4) is None:
            raise Refused("the decay is not written as a number")
        changes.append(set_setting(source, call, "weight_decay", "0.01", 4))
    else:
        changes.append(source.set_argument(call, "weight_decay", "0.01"))
    return changes
