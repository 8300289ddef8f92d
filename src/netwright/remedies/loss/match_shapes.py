"""Bring prediction and target to the same shape."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import maker
from .._hooks import at
from .._settings import sizes
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="match-shapes",
    mends=("NW306",),
    bends_loss=True,
    assumes="both are arguments of one call of a loss, or sides of one difference, and one has a dimension of size 1 that the other lacks",
)
_PAIRS = (
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)
_CLASSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``prediction.squeeze(1)`` where the prediction has the dimension too many, ``target.unsqueeze(1)`` where it is the other way round."""
    first, second = (sizes(finding.measured.get(key)) for key in ("first", "second"))
    if first is None or second is None:
        raise Refused("the shapes are not known")
    assert finding.where.line is not None
    for one, other in _pairs(source, finding.where.line):
        squeezed = _squeezed(source, one, first, second)
        if squeezed is None:
            squeezed = _squeezed(source, other, second, first)
        if squeezed is not None:
            return [squeezed]
    raise Refused(
        "the two that are combined are not seen on the line, or their shapes differ by more than one dimension of size 1"
    )


def _pairs(source: Source, line: int) -> list[tuple[cst.BaseExpression, cst.BaseExpression]]:
    found: list[tuple[cst.BaseExpression, cst.BaseExpression]] = []
    for call in source.at(cst.Call, line):
        made = maker(source, call)
        is_loss = last_name(call.func) in _PAIRS or (made is not None and last_name(made.func) in _CLASSES)
        if is_loss and len(call.args) > 1 and all(a.keyword is None for a in call.args[:2]):
            found.append((call.args[0].value, call.args[1].value))
    found += [
        (b.left, b.right)
        for b in source.at(cst.BinaryOperation, line)
        if isinstance(b.operator, cst.Subtract)
    ]
    return found


def _squeezed(source: Source, node: cst.BaseExpression, shape: list[int], other: list[int]) -> Change | None:
    """Without the one dimension of size 1 that the other side lacks."""
    for index, size in enumerate(shape):
        if size == 1 and shape[:index] + shape[index + 1 :] == other:
            text = source.code(node)
            if not isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript):
                text = f"({text})"
            return source.replace(
                node, f"{text}.squeeze({index if index < len(shape) - 1 or index == 0 else -1})"
            )
    return None


@remedy.on_steps
def on_steps(finding: Finding) -> Intervention:
    """What is given to the call on the line, of these shapes."""
    first, second = (sizes(finding.measured.get(key)) for key in ("first", "second"))
    if first is None or second is None:
        raise Refused("the shapes are not known")
    one, other = ([float(n) for n in shape] for shape in (first, second))
    return at(finding, "match-shapes", first=one, second=other)
