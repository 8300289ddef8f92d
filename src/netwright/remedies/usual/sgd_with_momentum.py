"""SGD with a momentum of 0.9: in place of Adam with a rate of 0.01, or by adding the momentum to SGD without one.

Adam's solutions do worse on new samples on some tasks (Wilson et al., 2017), and its steps do not shrink with the gradient. 0.01 is where Bengio (2012, section 3.1.1) begins.
"""

from collections.abc import Sequence

import libcst as cst

from ..source import Change, Source, last_name
from ._optimizer import exchanged
from ._usual import Usual

remedy = Usual(
    name="sgd-with-momentum",
    assumes="the optimizer is SGD without momentum, or one of Adam's kind whose arguments are all understood",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``SGD(p, lr=0.01, momentum=0.9)``."""
    if last_name(call.func) == "SGD" and source.argument(call, "momentum", 2) is None:
        return [source.set_argument(call, "momentum", "0.9", 2)]
    return [
        exchanged(source, call, ("Adam", "AdamW", "NAdam", "RAdam", "Adamax"), "SGD", "lr=0.01, momentum=0.9")
    ]
