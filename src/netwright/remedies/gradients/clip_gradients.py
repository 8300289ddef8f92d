"""Clip the norm of the gradients at 1 before each step of the optimizer."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._training import OPTIMIZERS, calls_of, is_schedule, receiver, scope
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="clip-gradients",
    mends=("NW407", "NW414", "NW603"),
    assumes="the optimizer is stepped by a statement of its own, without a closure or a scaler, and nothing clips yet",
)
_LIMIT = "1.0"  # Pascanu et al. (2013): the norm that gradients usually have; recipes of language models use 0.25 to 5


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``clip_grad_norm_`` before ``step``."""
    _grows(finding)
    return clipped(source)


def _grows(finding: Finding) -> None:
    if finding.code == "NW414" and finding.measured.get("phase") != "update":
        raise Refused("the values do not grow out of range from step to step")


def clipped(source: Source) -> list[Change]:
    """The changes that clip before every step of an optimizer in the file.

    Raises:
        Refused: there is none, or something of it is not understood.
    """
    if any(last_name(c.func).startswith("clip_grad") for c in source.every(cst.Call)):
        raise Refused("gradients are clipped already")
    if "GradScaler" in source.text:
        raise Refused("gradients are scaled, and clipping them needs unscale_ first")
    if "import torch" not in source.text:
        raise Refused("torch is not imported by its name")
    found: list[Change] = []
    for call in calls_of(source, "step"):
        name = receiver(call)
        if not name or is_schedule(source, name) or not _is_optimizer(source, name):
            continue
        if call.args or not isinstance(source.parent(call), cst.Expr):
            raise Refused("the optimizer is stepped with a closure, or within another statement")
        found.append(
            source.before(
                source.statement_of(call),
                f"torch.nn.utils.clip_grad_norm_({_parameters(source, call, name)}, {_LIMIT})",
            )
        )
    if not found:
        raise Refused("no step of an optimizer is seen in this file")
    return found


def _is_optimizer(source: Source, name: str) -> bool:
    return "opt" in name.lower() or any(
        isinstance(a.value, cst.Call)
        and last_name(a.value.func) in OPTIMIZERS
        and any(name_of(t.target) == name for t in a.targets)
        for a in source.every(cst.Assign)
    )


def _parameters(source: Source, step: cst.Call, name: str) -> str:
    """``model.parameters()`` where that is what the optimizer has and the network has this name here, else what its groups hold."""
    made = [
        a.value
        for a in source.every(cst.Assign)
        if any(name_of(t.target) == name for t in a.targets) and isinstance(a.value, cst.Call)
    ]
    if len(made) == 1 and made[0].args:
        argument = made[0].args[0].value
        if isinstance(argument, cst.Call) and last_name(argument.func) == "parameters" and not argument.args:
            owner = receiver(argument)
            if owner and any(
                receiver(c) == owner or name_of(c.func) == owner
                for c in source.every(cst.Call, scope(source, step))
            ):
                return source.code(argument)
    return f'[p for group in {name}.param_groups for p in group["params"]]'


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """Before every step, whatever the optimizer is called."""
    _grows(finding)
    del finding
    return Intervention(name="clip-gradients", settings={"norm": float(_LIMIT)})
