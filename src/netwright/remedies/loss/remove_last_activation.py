"""Let the raw outputs into the loss: take out the activation in front of it."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._activations import activations_at, removal
from .._hooks import SIGMOIDS, SOFTMAXES, at
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="remove-last-activation",
    mends=("NW204", "NW302", "NW303"),
    bends_loss=True,
    assumes="the activation stands on the line, and its outputs serve for nothing but the loss and a choice between classes",
)
_KINDS = {"NW302": ("softmax", "log_softmax", "softmin"), "NW303": ("sigmoid", "logsigmoid")}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The activation becomes its input."""
    assert finding.where.line is not None
    found = activations_at(source, finding.where.line, *_KINDS.get(finding.code, ()))
    if not found:
        raise Refused("no activation is written on the line")
    return [removal(source, found[0])]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What is made or applied on the line gives back what it gets."""
    if finding.code not in _KINDS:
        raise Refused("which activation is meant is not seen in a re-run")
    return at(finding, "instead", call=SOFTMAXES if finding.code == "NW302" else SIGMOIDS)
