"""The same at the hooks of a re-run: which intervention, at which line."""

from ..rerun import Intervention
from ..rerun.plan import Setting
from ..rule import Finding
from .source import Refused

LOSSES = (
    "cross_entropy nll_loss nn.functional.mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
    "kl_div nn.CrossEntropyLoss nn.NLLLoss nn.MSELoss nn.L1Loss nn.SmoothL1Loss nn.HuberLoss nn.BCELoss nn.BCEWithLogitsLoss nn.KLDivLoss"
)
DROPOUTS = (
    "nn.Dropout nn.Dropout1d nn.Dropout2d nn.Dropout3d nn.AlphaDropout nn.FeatureAlphaDropout "
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout"
)
SOFTMAXES = "softmax log_softmax softmin nn.Softmax nn.LogSoftmax nn.Softmin"
SIGMOIDS = "sigmoid logsigmoid nn.Sigmoid nn.LogSigmoid"


def at(finding: Finding, name: str, **settings: Setting) -> Intervention:
    """An intervention at the line of a finding.

    Raises:
        Refused: the line is not known.
    """
    place = finding.where
    if place.file is None or place.line is None:
        raise Refused("the line of the fault is not known")
    return Intervention(name=name, settings={**settings, "file": place.file, "line": place.line})


def argument(finding: Finding, call: str, name: str, **settings: Setting) -> Intervention:
    """Another argument in a call on the line of a finding: ``value``, or ``factor``, or neither (it is left out)."""
    return at(finding, "argument", call=call, argument=name, **settings)
