"""Runs of the captured step on the copies of its parameters, with values in it replaced or scaled on the way."""

from collections.abc import Callable, Mapping, Sequence

import torch

from ..capture.replay import Replay
from ..capture.tape import Call
from .trainee import Trainee, differentiates

Change = Callable[[torch.Tensor], torch.Tensor]


def run(
    trainee: Trainee,
    index: int,
    goals: Sequence[int],
    *,
    given: Mapping[int, torch.Tensor] | None = None,
    change: Mapping[int, Change] | None = None,
    grad: bool = False,
) -> list[torch.Tensor]:
    """The values ``goals`` of a batch.

    ``given`` are values to use without computing them. ``change`` is applied to values once they are computed, and what follows sees the outcome; a goal that is changed is returned
    as it was before, so that ``autograd.grad`` can be asked for it also where a later call writes into it (``loss += term``).

    Raises:
        CannotReplay: a part of the step cannot be run again.
    """
    capture = trainee.captures[index]
    values = {capture.value_of_node[(n, 0)]: trainee.weights[id(t)] for n, t in capture.parameters.items()}
    replay = Replay(
        capture.tape,
        goals,
        given={**values, **(given or {})},
        grad=grad or differentiates(capture),
        omit=trainee.omit,
    )
    before: dict[int, torch.Tensor] = {}

    def watch(call: Call, outputs: list[torch.Tensor]) -> None:
        for value, tensor in zip(call.outputs, outputs, strict=False):
            if change is not None and value in change:
                before[value] = tensor
                with torch.set_grad_enabled(grad):
                    replay.env[value] = change[value](tensor)

    found = replay.run(watch)
    return [before.get(goal, tensor) for goal, tensor in zip(goals, found, strict=True)]
