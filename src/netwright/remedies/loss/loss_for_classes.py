"""Measure class labels by a loss that is made for them, instead of the squared error behind a softmax or a sigmoid, or a percentage error behind a sigmoid."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import activations_at, removal
from .._calls import renamed
from .._hooks import at
from .._loops import needs_torch
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of
from ._arguments import loss_named

remedy = Remedy(
    name="loss-for-classes",
    mends=("NW305",),
    bends_loss=True,
    assumes="the squared error is torch's and made or called on the line, or the percentage error is written there as one expression of two names, and the outputs of a softmax serve for nothing but the loss and a choice by argmax",
)
_SOFTMAX = {"MSELoss": "CrossEntropyLoss", "mse_loss": "cross_entropy"}
_SIGMOID = {"MSELoss": "BCELoss", "mse_loss": "binary_cross_entropy"}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Cross-entropy takes the one-hot targets as they are, and does its own softmax; behind a sigmoid, which stays, comes binary cross-entropy."""
    activation = finding.measured.get("activation")
    if activation not in ("softmax", "sigmoid"):
        raise Refused("the loss does not stand behind a softmax or a sigmoid")
    names = _SOFTMAX if activation == "softmax" else _SIGMOID
    assert finding.where.line is not None
    if finding.measured.get("loss") == "percentage_error":
        return [_instead_of_percentage(source, finding.where.line, activation)]
    loss = loss_named(source, finding.where.line, names)
    if loss is None:
        raise Refused("no squared error of torch's is made or called on the line")
    changes = [renamed(source, loss, names[last_name(loss.func)])]
    if activation == "sigmoid":
        return changes
    if not any(a.attr.value in ("argmax", "max", "topk") for a in source.every(cst.Attribute)):
        raise Refused("the outputs are not seen to serve for a choice by argmax alone")
    for place in finding.also:
        found = activations_at(source, place.line, "softmax") if place.line is not None else []
        if found:
            return [*changes, removal(source, found[0])]
    raise Refused("the softmax is not seen")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The loss made or called on the line, behind a sigmoid; a softmax would have to go as well."""
    if finding.measured.get("activation") != "sigmoid":
        raise Refused("the softmax stands on another line than the loss")
    return at(
        finding,
        "instead",
        call="nn.functional.mse_loss nn.MSELoss",
        function=_SIGMOID["mse_loss"],
        module=_SIGMOID["MSELoss"],
    )


def _instead_of_percentage(source: Source, line: int, activation: str) -> Change:
    """``return 100 * ((t - p).abs() / t).mean()`` becomes ``return torch.nn.functional.binary_cross_entropy(p, t)``."""
    if activation != "sigmoid":
        raise Refused("the percentage error does not stand behind a sigmoid")
    needs_torch(source)
    statement = source.statement(line)
    whole = next((n.value for n in source.every(cst.Return, statement)), None) or next(
        (n.value for n in source.every(cst.Assign, statement)), None
    )
    quotients = [
        b for b in source.every(cst.BinaryOperation, statement) if isinstance(b.operator, cst.Divide)
    ]
    if whole is None or len(quotients) != 1:
        raise Refused("the percentage error is not written as one expression")
    differences = [
        {name_of(d.left), name_of(d.right)}
        for d in source.every(cst.BinaryOperation, quotients[0].left)
        if isinstance(d.operator, cst.Subtract)
    ]
    below = {n.value for n in source.every(cst.Name, quotients[0].right)}
    if len(differences) != 1 or len(differences[0]) != 2 or "" in differences[0]:
        raise Refused("the prediction and the target have no names in it")
    target = differences[0] & below
    if len(target) != 1:
        raise Refused("which of the two names is the target is not seen")
    (prediction,) = differences[0] - target
    return source.replace(
        whole, f"torch.nn.functional.binary_cross_entropy({prediction}, {next(iter(target))})"
    )
