"""How optimizers of torch treat weight decay."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from ..evidence import History, Optimizers, Parameters
from ._history import last
from ._watched_gradients import names

_ADAM = frozenset(("Adam", "AdamW", "NAdam", "RAdam", "Adamax"))
_APART = frozenset(("AdamW", "Muon", "Adafactor"))


def is_adam(kind: str) -> bool:
    """Whether an optimizer divides the gradient by its own size, plus an epsilon."""
    return kind in _ADAM


def decays_apart(kind: str, group: Mapping[str, object]) -> bool:
    """Whether the weights are shrunk by rate times decay in each step, apart from the gradient."""
    return kind in _APART or group.get("decoupled_weight_decay") is True


@dataclass(frozen=True, slots=True)
class Pull:
    """How strong the decay of one weight is beside what else moves it: within the gradient, as many times the gradient's norm; apart from it, as many times a hundredth of the weights in a step."""

    apart: bool
    decay: float
    times: float


FORGETS = 0.01  # of the weights in a step: what is learned is forgotten within a hundred steps (as in NW504)


def pulls(history: History, parameters: Parameters, optimizers: Optimizers, samples: int) -> list[Pull]:
    """The pull of the decay on each weight that has one, the median over the last samples. Biases, and what gets no gradient, are left out."""
    groups = {
        (o.index, position): (o, group)
        for o in optimizers.optimizers
        for position, group in enumerate(o.groups)
    }
    found: list[Pull] = []
    for name, info in names(parameters).items():
        held = [groups[g] for g in info.groups if g in groups]
        if len(info.shape) < 2 or len(held) != 1:
            continue
        optimizer, group = held[0]
        decay, rate = group.get("weight_decay"), group.get("lr")
        if not isinstance(decay, int | float) or not isinstance(rate, int | float) or decay <= 0:
            continue
        if decays_apart(optimizer.type, group):
            found.append(Pull(True, decay, rate * decay / FORGETS))
        elif (times := _beside_gradient(history, name, decay, samples)) is not None:
            found.append(Pull(False, decay, times))
    return found


def _beside_gradient(history: History, name: str, decay: float, samples: int) -> float | None:
    sizes = history.series.get(f"parameter/{name}/weight_norm")
    gradients = history.series.get(f"parameter/{name}/grad_norm")
    if sizes is None or gradients is None:
        return None
    recent, known = last(sizes, samples), last(gradients, 2 * samples)
    norms = dict(zip(known.steps, known.values, strict=True))
    shares = [
        decay * v / norms[s]
        for s, v in zip(recent.steps, recent.values, strict=True)
        if norms.get(s, 0.0) > 0
    ]
    return statistics.median(shares) if len(shares) == samples and all(map(math.isfinite, shares)) else None
