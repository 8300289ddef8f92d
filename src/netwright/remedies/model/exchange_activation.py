"""Exchange the hidden activation for one that keeps the gradient: ReLU for sigmoid and tanh, leaky ReLU for a ReLU whose units are dead."""

from collections.abc import Sequence

from ...rule import Finding
from .._activations import FUNCTIONS, activations_at, maker, makes_module
from .._calls import renamed
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="exchange-activation",
    mends=("NW206",),
    assumes="the activation stands on the line",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Every sigmoid and tanh on the line becomes a ReLU."""
    assert finding.where.line is not None
    changes: list[Change] = []
    for call in activations_at(source, finding.where.line, "sigmoid", "tanh", "softsign"):
        made = call if makes_module(call) else maker(source, call)
        changes.append(
            renamed(source, made, FUNCTIONS["relu"]) if made is not None else renamed(source, call, "relu")
        )
    if not changes:
        raise Refused("no sigmoid or tanh is written on the line")
    return changes
