"""Give the loss log-probabilities: log_softmax instead of softmax, or a loss that takes raw outputs."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import FUNCTIONS, activations_at, maker, makes_module
from .._calls import renamed
from .._hooks import at
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="log-probabilities",
    mends=("NW304",),
    bends_loss=True,
    assumes="the softmax, or the loss, is a call of torch's on the line",
)
_LOSSES = {
    "nll_loss": "cross_entropy",
    "NLLLoss": "CrossEntropyLoss",
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
    "BCELoss": "BCEWithLogitsLoss",
}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Rename the softmax; without one, the loss."""
    assert finding.where.line is not None
    for call in activations_at(source, finding.where.line, "softmax"):
        made = call if makes_module(call) else maker(source, call)
        if made is not None:
            return [renamed(source, made, FUNCTIONS["log_softmax"])]
        return [renamed(source, call, "log_softmax")]
    for call in source.at(cst.Call, finding.where.line):
        made = maker(source, call) or call
        if last_name(made.func) in _LOSSES:
            return [renamed(source, made, _LOSSES[last_name(made.func)])]
    raise Refused("neither a softmax nor a loss of torch's stands on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What is made or applied on the line: the softmax, or the loss where its outputs are raw."""
    if "wanted" in finding.measured or finding.measured.get("source") == "sigmoid":
        raise Refused("neither a softmax nor a loss of torch's stands on the line")
    if finding.measured.get("source") == "softmax":
        return at(finding, "instead", call="softmax nn.Softmax", function="log_softmax", module="LogSoftmax")
    function = "binary_cross_entropy" if "BCE" in finding.fix else "nll_loss"
    module = "BCELoss" if "BCE" in finding.fix else "NLLLoss"
    return at(
        finding,
        "instead",
        call=f"{function} nn.{module}",
        function=_LOSSES[function],
        module=_LOSSES[module],
    )
