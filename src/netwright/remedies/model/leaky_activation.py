"""Leaky ReLU in place of a ReLU whose units die."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import activations_at, maker, makes_module
from .._calls import input_of, renamed
from .._hooks import at
from .._loops import needs_torch
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="leaky-activation",
    mends=("NW216", "NW606"),
    assumes="the ReLU stands on the line, as a module or as a function",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``nn.LeakyReLU()`` keeps a gradient of a hundredth where a ReLU has none (Maas et al., 2013)."""
    assert finding.where.line is not None
    changes: list[Change] = []
    for call in activations_at(source, finding.where.line, "relu"):
        made = call if makes_module(call) else maker(source, call)
        if made is not None:
            changes += _module(source, made)
        else:
            needs_torch(source)
            inner = source.code(input_of(source, call))
            changes.append(source.replace(call, f"torch.nn.functional.leaky_relu({inner})"))
    if not changes:
        raise Refused("no ReLU is written on the line")
    return changes


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What is made or applied on the line."""
    return at(finding, "instead", call="relu nn.ReLU", function="leaky_relu", module="LeakyReLU")


def _module(source: Source, made: cst.Call) -> list[Change]:
    """The first argument of ``ReLU`` is ``inplace``, that of ``LeakyReLU`` the slope."""
    if isinstance(made.func, cst.Name):
        raise Refused("LeakyReLU is not at hand by the name of its library")
    inplace = source.argument(made, "inplace", 0)
    dropped = [source.drop_argument(made, inplace)] if inplace is not None and inplace.keyword is None else []
    return [renamed(source, made, "LeakyReLU"), *dropped]
