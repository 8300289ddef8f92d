"""Cross-entropy of the outputs and the class indices, instead of a squared error that takes one number of all outputs and the index of the class for amounts."""

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from ...rule import Finding
from .._activations import maker
from .._calls import input_of, is_function
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of
from ._arguments import argument_of, atom, functional, losses_at, renamed_loss

remedy = Remedy(
    name="loss-for-class-numbers",
    mends=("NW305",),
    bends_loss=True,
    assumes="the network has an output for each class and the largest is what the program answers; the error, torch's or written as the mean of squares or absolute values, stands on one line with what makes one number of the outputs",
)
_REDUCE = frozenset("mean sum max amax min amin median logsumexp".split())
_FORM = frozenset("squeeze flatten view reshape ravel float double".split())
_CASTS = frozenset(("float", "double", "to", "type", "half"))
_POWERS = frozenset(("pow", "square", "abs"))
_LOSSES = frozenset(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"))
_CLASSES = frozenset(("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"))


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is compared: the outputs before they are made one number, and the target with the cast that makes a real number of it."""

    outputs: cst.BaseExpression
    target: cst.BaseExpression


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The error becomes ``cross_entropy(outputs, indices)``."""
    if not isinstance(finding.measured.get("outputs"), int):
        raise Refused(
            "the network is not seen to have an output for each class of which the program takes the largest"
        )
    lines = [p.line for p in (finding.where, *finding.also) if p.line is not None]
    for line in lines:
        for call in losses_at(source, line):
            changes = _of_torch(source, call)
            if changes:
                return changes
        for difference in source.at(cst.BinaryOperation, line):
            pair = _pair(source, difference.left, difference.right)
            if isinstance(difference.operator, cst.Subtract) and pair is not None:
                whole = _mean_of(source, difference)
                text = f"{functional(source)}.cross_entropy({_given(source, pair)})"
                return [source.replace(whole, text)]
    raise Refused("what makes one number of the outputs is not seen in the error on the line")


def _of_torch(source: Source, call: cst.Call) -> list[Change]:
    """A squared error of torch's, called by its name or as a module made before."""
    made = maker(source, call)
    loss = made if made is not None and last_name(made.func) in _CLASSES else call
    name = last_name(loss.func)
    prediction, target = argument_of(source, call, "input", 0), argument_of(source, call, "target", 1)
    if name not in _LOSSES | _CLASSES or prediction is None or target is None:
        return []
    pair = _pair(source, prediction, target)
    if pair is None:
        return []
    if len(call.args) > 2 or (made is not None and made.args):
        raise Refused("the squared error has options")
    changes = [
        source.replace(prediction, source.code(pair.outputs)),
        source.replace(target, _labels(source, pair)),
    ]
    return [renamed_loss(source, loss, "cross_entropy" if name in _LOSSES else "CrossEntropyLoss"), *changes]


def _pair(source: Source, one: cst.BaseExpression, other: cst.BaseExpression) -> _Pair | None:
    """Which of the two is made of the outputs; the target is a name, or a part of one, with a cast or without."""
    for prediction, target in ((one, other), (other, one)):
        outputs = _outputs(source, prediction)
        if outputs is not None and _outputs(source, target) is None:
            return _Pair(outputs, target)
    return None


def _outputs(source: Source, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """What is made one number for each sample: ``net(x)`` of ``net(x).mean(dim=1)``, ``torch.max(net(x), 1)[0]`` or ``net(x)[:, 0]``."""
    reduced = False
    while True:
        match node:
            case cst.Call(func=cst.Attribute()) if last_name(node.func) in _REDUCE | _FORM:
                reduced = reduced or last_name(node.func) in _REDUCE
                node = input_of(source, node)
            case cst.Subscript(value=value, slice=[_, _]):  # one column
                reduced, node = True, value
            case cst.Subscript(value=cst.Call() as value):  # the values of max(1)
                node = value
            case cst.Attribute(value=value, attr=cst.Name(value="values")):
                node = value
            case _:
                return node if reduced and isinstance(node, cst.Name | cst.Call) else None


def _mean_of(source: Source, difference: cst.BinaryOperation) -> cst.BaseExpression:
    """The whole error around a difference: the mean of its squares or absolute values.

    Raises:
        Refused: it is none, or something else is done with it in between.
    """
    node: cst.BaseExpression = difference
    powers = 0
    while True:
        around = source.parent(node)
        match around:
            case cst.BinaryOperation(operator=cst.Power(), left=left) if left is node:
                powers, node = powers + 1, around
            case cst.Attribute(attr=cst.Name(value=name)) if name in _POWERS | {"mean"}:
                call = source.parent(around)
                if not isinstance(call, cst.Call) or (name == "mean" and call.args):
                    break
                powers, node = powers + (name != "mean"), call
                if name == "mean":
                    return _judged(node, powers)
            case cst.Arg() if around.keyword is None:
                call = source.parent(around)
                name = last_name(call.func) if isinstance(call, cst.Call) else ""
                if (
                    not isinstance(call, cst.Call)
                    or call.args[0] is not around
                    or not is_function(call)
                    or name not in _POWERS | {"mean"}
                    or (name == "mean" and len(call.args) > 1)
                ):
                    break
                powers, node = powers + (name != "mean"), call
                if name == "mean":
                    return _judged(node, powers)
            case _:
                break
    raise Refused("the error is not the mean of squares or absolute values")


def _judged(node: cst.BaseExpression, powers: int) -> cst.BaseExpression:
    if powers != 1:
        raise Refused("the error is not the mean of squares or absolute values")
    return node


def _given(source: Source, pair: _Pair) -> str:
    return f"{source.code(pair.outputs)}, {_labels(source, pair)}"


def _labels(source: Source, pair: _Pair) -> str:
    """The target as indices, without the cast to a real number where one is written."""
    node = pair.target
    while (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in _CASTS
        and not name_of(node.func).startswith("torch.")
    ):
        node = node.func.value
    return f"{atom(source, node)}.long()"
