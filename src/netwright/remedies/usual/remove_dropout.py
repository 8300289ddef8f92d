"""No dropout.

What holds a network back that does not fit its training set (Karpathy, 2019: overfit first, regularize after); beside batch normalization it can also shift the variance (Li et al., 2019).
"""

from collections.abc import Sequence

import libcst as cst

from .._calls import is_function
from ..source import Change, Source, last_name
from ._usual import Usual

remedy = Usual(
    name="no-dropout",
    late=True,
    assumes="dropout is made as a module with a rate of its own, or called as a function",
)
_MODULES = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
_FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """Every rate becomes 0."""
    del call
    changes: list[Change] = []
    for made in source.every(cst.Call):
        name = last_name(made.func)
        if name in _MODULES:
            changes.append(source.set_argument(made, "p", "0.0", 0))
        elif name in _FUNCTIONS and is_function(made):
            changes.append(source.set_argument(made, "p", "0.0", 1))
        else:
            changes += [source.replace(a.value, "0.0") for a in made.args if _is_rate(a)]
    return changes


def _is_rate(argument: cst.Arg) -> bool:
    """``dropout=0.1`` of a recurrent or a transformer layer."""
    return (
        argument.keyword is not None
        and argument.keyword.value in ("dropout", "attn_dropout")
        and isinstance(argument.value, cst.Float)
    )
