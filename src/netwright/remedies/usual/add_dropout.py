"""Dropout of a quarter of the hidden units.

Srivastava et al. (2014), section A.4: 0.2 to 0.5 for hidden units.
"""

from collections.abc import Sequence

import libcst as cst

from ..source import Change, Refused, Source, last_name
from ._stack import behind, hidden, known
from ._usual import Usual

remedy = Usual(
    name="dropout",
    late=True,
    assumes="the file has no dropout yet, and a Sequential in which a Linear, an activation and another part stand one behind the other",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``nn.Dropout(0.25)`` behind the activation of each Linear."""
    del call
    if "dropout" in source.text.lower():
        raise Refused("there is dropout already")
    changes: list[Change] = []
    for layer, activation in hidden(source):
        if isinstance(layer.value, cst.Call) and last_name(layer.value.func) == "Linear":
            known(source, activation, "Dropout")
            changes.append(behind(source, activation, "Dropout(0.25)"))
    return changes
