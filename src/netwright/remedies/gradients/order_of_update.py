"""Put the parts of an update in order: clear, backward, unscale, clip, step, schedule."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._training import block_of, calls_of, receiver, steps_near
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="order-of-update",
    mends=("NW410",),
    assumes="what is to be moved is a statement of its own, in the same block as what it is moved around",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Move the statement that the finding points at."""
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        match last_name(call.func):
            case "zero_grad":
                return _cleared(source, call)
            case "clip_grad_norm_" | "clip_grad_value_":
                if "scaler" in finding.message:
                    return _unscale(source, call)
                return _before(source, call, "step")
            case "step":
                return _after(source, call)
            case _:
                pass
    raise Refused("what is out of order is not called on the line")


def _cleared(source: Source, call: cst.Call) -> Sequence[Change]:
    """It goes before the backward pass. Where it stands there already, the step comes too early, with what is left of the pass before."""
    statement, backward = block_of(source, call, holding="backward")
    if source.span(backward) < source.span(statement):
        return _before(source, call, "backward")
    between = source.span(statement), source.span(backward)
    for step, _ in steps_near(source, call):
        moved = source.statement_of(step)
        if between[0] < source.span(moved) < between[1] and moved in source.siblings(statement):
            return [source.delete(moved), source.after(backward, source.code(moved))]
    raise Refused("the gradients are cleared before the backward pass, and no step stands between the two")


def _before(source: Source, call: cst.Call, method: str) -> Sequence[Change]:
    statement, anchor = block_of(source, call, holding=method)
    return [source.delete(statement), source.before(anchor, source.code(statement))]


def _after(source: Source, call: cst.Call) -> Sequence[Change]:
    """A scheduler's step goes after the optimizer's."""
    steps = [c for c, _ in steps_near(source, call) if c is not call and receiver(c) != receiver(call)]
    if not steps:
        raise Refused("no step of an optimizer is called in the same function")
    statement = source.statement_of(call)
    return [source.delete(statement), source.after(source.statement_of(steps[0]), source.code(statement))]


def _unscale(source: Source, clip: cst.Call) -> Sequence[Change]:
    for call in calls_of(source, "step"):
        if "scaler" in receiver(call).lower() and call.args:
            line = f"{receiver(call)}.unscale_({source.code(call.args[0].value)})"
            return [source.before(source.statement_of(clip), line)]
    raise Refused("the gradient scaler's step is not found")
