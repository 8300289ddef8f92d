"""Drop fewer units."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import maker
from .._calls import is_function
from .._hooks import DROPOUTS, argument
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="weaker-dropout",
    bends_training=True,
    late=True,
    mends=("NW213",),
    assumes="the dropout is made, or applied by a function, on the line",
)
_CLASSES = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
_FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
_RATE = "0.25"  # Srivastava et al. (2014), section A.4: 0.2 to 0.5 for hidden units


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The rate becomes the one that the finding recommends, or 0.25; a function that never asks for the mode gets ``training=self.training``."""
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        made = maker(source, call) or call
        if last_name(made.func) in _CLASSES:
            return [source.set_argument(made, "p", _rate(finding), position=0)]
        if last_name(call.func) in _FUNCTIONS and is_function(call):
            training = source.argument(call, "training", 2)
            inside = source.above(call, cst.FunctionDef)
            owned = (
                inside is not None
                and bool(inside.params.params)
                and inside.params.params[0].name.value == "self"
            )
            if training is None and owned:
                return [source.set_argument(call, "training", "self.training", 2)]
            return [source.set_argument(call, "p", _rate(finding), 1)]
    raise Refused("no dropout is written on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The rate, as the dropout made or applied on the line gets it."""
    return argument(finding, DROPOUTS, "p", value=float(_rate(finding)), position=1)


def _rate(finding: Finding) -> str:
    recommended = finding.measured.get("recommended")
    return f"{recommended:g}" if isinstance(recommended, int | float) else _RATE
