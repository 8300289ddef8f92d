"""Switch the network to evaluation mode for the evaluation, and back to training mode after it."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._training import calls_of, receiver
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="evaluate-in-evaluation-mode",
    beyond_step="it changes evaluations, and no step of training",
    mends=("NW416",),
    assumes="the network has a name where it is evaluated, and evaluation and training are loops of their own",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``model.eval()`` before the evaluation and ``model.train()`` after it, or ``model.train()`` before the loop that trains."""
    assert finding.where.line is not None
    if "training_share" not in finding.measured and finding.code == "NW416" and "modules" in finding.measured:
        return _train(source, finding.where.line)
    for call in source.at(cst.Call, finding.where.line):
        name = name_of(call.func)
        if (
            name
            and "." not in name.removeprefix("self.")
            and name[:1].islower()
            and _is_network(source, name)
        ):
            whole = _outermost(source, call)
            return [source.before(whole, f"{name}.eval()"), source.after(whole, f"{name}.train()")]
    raise Refused("the network that is evaluated has no name there")


def _is_network(source: Source, name: str) -> bool:
    """Whether a name is used as a network somewhere: its parameters, modes or state are asked for."""
    known = {"parameters", "train", "eval", "to", "state_dict", "zero_grad", "cuda"}
    return any(receiver(c) == name for c in calls_of(source, *known))


def _outermost(source: Source, call: cst.Call) -> cst.CSTNode:
    """The outermost loop or ``with`` around a call that holds no training."""
    here: cst.CSTNode = source.statement_of(call)
    while True:
        above = source.above(here, cst.BaseCompoundStatement)
        if not isinstance(above, cst.For | cst.While | cst.With) or any(
            True for _ in calls_of(source, "backward", inside=above)
        ):
            return here
        here = above


def _train(source: Source, line: int) -> Sequence[Change]:
    for call in source.at(cst.Call, line):
        name = receiver(call)
        for backward in calls_of(source, "backward"):
            loop = source.above(backward, cst.For) or source.above(backward, cst.While)
            if name and loop is not None:
                return [source.before(loop, f"{name}.train()")]
    raise Refused("the loop that trains is not found")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """Evaluation mode at the line, training mode at the next pass from elsewhere."""
    if "training_share" not in finding.measured:
        raise Refused("which passes are to be in training mode is not known")
    return at(finding, "evaluation-mode")
