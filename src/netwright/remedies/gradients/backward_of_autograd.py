"""Leave the backward to autograd: call the forward of a hand-written function by itself."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="backward-of-autograd",
    mends=("NW411",),
    assumes="the line calls apply of an autograd.Function of this file whose forward(ctx, ...) computes by calls that autograd follows, and uses ctx only to keep things",
)
# Their derivative is 0 or unknown to autograd: who writes a backward for them means another one.
_STEPS = frozenset(
    "round floor ceil trunc sign heaviside sgn argmax argmin topk sort gt ge lt le eq numpy detach item tolist data bernoulli".split()
)
_KEEPS = frozenset(
    {"save_for_backward", "mark_non_differentiable", "set_materialize_grads", "needs_input_grad"}
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``Square.apply(x)`` becomes ``Square.forward(ctx, x)`` with a ``ctx`` that forgets what it is given."""
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        if last_name(call.func) != "apply" or not isinstance(call.func, cst.Attribute):
            continue
        name = name_of(call.func.value)
        classes = [c for c in source.every(cst.ClassDef) if c.name.value == name]
        if len(classes) == 1:
            return _without(source, call, name, classes[0])
    raise Refused("apply of a class of this file is not called on the line")


def _without(source: Source, call: cst.Call, name: str, owner: cst.ClassDef) -> Sequence[Change]:
    forwards = [f for f in source.every(cst.FunctionDef, owner) if f.name.value == "forward"]
    if len(forwards) != 1 or not forwards[0].params.params:
        raise Refused("its forward is not seen")
    (forward,) = forwards
    ctx = forward.params.params[0].name.value
    words = {n.attr.value for n in source.every(cst.Attribute, forward)}
    words |= {name_of(c.func) for c in source.every(cst.Call, forward)}
    compared = any(True for _ in source.every(cst.Comparison, forward))
    if compared or words & _STEPS:
        raise Refused("its forward has a step that autograd has no derivative for, so another one is meant")
    kept = {n.attr.value for n in source.every(cst.Attribute, forward) if name_of(n.value) == ctx}
    called = {
        c.func.attr.value
        for c in source.every(cst.Call, forward)
        if isinstance(c.func, cst.Attribute) and name_of(c.func.value) == ctx
    }
    if called - {"save_for_backward"} or kept & (_KEEPS - {"save_for_backward"}):
        raise Refused("its forward asks ctx for more than to keep things")
    forgets = 'type("Forgets", (), {"save_for_backward": lambda *_: None})()'
    arguments = ", ".join([forgets, *(source.code(a) for a in call.args)])
    return [source.replace(call, f"{name}.forward({arguments})")]
