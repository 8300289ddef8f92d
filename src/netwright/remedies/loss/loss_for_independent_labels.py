"""Ask every label separately, by a binary cross-entropy on the raw outputs, where several labels are true of one sample and a softmax would make them compete, or where there is one output and nothing for it to compete with."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._training import scope
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name
from ._arguments import loss_named, renamed_loss

remedy = Remedy(
    name="loss-for-independent-labels",
    mends=("NW305",),
    bends_loss=True,
    assumes="the cross-entropy is torch's, made or called on the line without weights, smoothing or labels to ignore, and no softmax outside of a network turns its outputs into probabilities",
)
_NAMES = {
    "cross_entropy": "binary_cross_entropy_with_logits",
    "CrossEntropyLoss": "BCEWithLogitsLoss",
}
_SOFTMAXES = frozenset(("softmax", "log_softmax", "Softmax", "LogSoftmax"))
# What both losses take and mean the same by; "none" gives one loss for each label instead of one for each sample.
_SHARED = ("mean", "sum")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The cross-entropy gets the other name. The targets, 0 and 1 and as many as there are outputs, stay as they are."""
    needs_labels(finding)
    assert finding.where.line is not None
    loss = loss_named(source, finding.where.line, _NAMES)
    if loss is None:
        raise Refused("no cross-entropy of torch's is made or called on the line")
    for argument in loss.args:
        name = argument.keyword.value if argument.keyword is not None else ""
        kept = name == "reduction" and source.code(argument.value).strip("\"'") in _SHARED
        if argument.star or (name not in ("", "input", "target") and not kept):
            raise Refused(f"{source.code(argument)} means something else in a binary loss, or nothing")
    given = [a for a in loss.args if a.keyword is None]
    if len(given) > (2 if last_name(loss.func) == "cross_entropy" else 0):
        raise Refused("the cross-entropy has weights")
    for call in source.every(cst.Call):
        function = scope(source, call)
        within = isinstance(function, cst.FunctionDef) and function.name.value in ("forward", "__init__")
        if last_name(call.func) in _SOFTMAXES and not within:
            raise Refused("a softmax in the file may turn the outputs into probabilities of one label alone")
    return [renamed_loss(source, loss, _NAMES[last_name(loss.func)])]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The loss made or called on the line."""
    needs_labels(finding)
    return at(
        finding,
        "instead",
        call="cross_entropy nn.CrossEntropyLoss",
        function=_NAMES["cross_entropy"],
        module=_NAMES["CrossEntropyLoss"],
    )


def needs_labels(finding: Finding) -> None:
    """Whether the finding is of several labels for one sample, or of a single output with one.

    Raises:
        Refused: it is not.
    """
    if not isinstance(finding.measured.get("labels_per_sample"), int | float):
        raise Refused("the targets are not labels of 0 and 1 for every output")
