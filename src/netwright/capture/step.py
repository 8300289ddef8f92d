"""The replayable step: a loss function out of a script that has none."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .graphs import GraphCapture
from .replay import Replay
from .sandbox import untouched


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one replay gave. ``loss`` is None when it was not asked for; ``outputs`` are those of the outermost network calls."""

    loss: torch.Tensor | None
    outputs: tuple[torch.Tensor, ...]
    gradients: tuple[torch.Tensor | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One captured training step. Weights, buffers, gradients and random state of the program are never touched by it."""

    capture: GraphCapture

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """What came in at the network's door, by argument name."""
        return {
            name: t
            for node, name in self.capture.doors.items()
            if (t := self.capture.data.get(node)) is not None
        }

    @property
    def parameters(self) -> tuple[torch.Tensor, ...]:
        """The program's parameters that the step uses."""
        return tuple(self.capture.parameters.values())

    def run(
        self,
        inputs: Mapping[str, torch.Tensor] | None = None,
        targets: torch.Tensor | None = None,
        *,
        target_node: int | None = None,
        loss: bool = True,
        gradients: bool = False,
        fresh_random: bool = False,
    ) -> StepResult:
        """Run the step again, with other inputs or targets where given.

        Args:
            inputs: tensors by door name, in place of the recorded ones.
            targets: in place of the target leaf ``target_node`` (see ``LossTerm.target``).
            loss: whether the loss is wanted (otherwise only the networks' outputs).
            gradients: whether gradients of the loss with respect to :attr:`parameters` are wanted.
            fresh_random: draw new random numbers instead of repeating the recorded ones.

        Raises:
            CannotReplay: a part of the step cannot be run again; the message says why.
        """
        capture = self.capture
        given: dict[int, torch.Tensor] = {}
        for node, name in capture.doors.items():
            if inputs is not None and name in inputs:
                given[capture.value_of_node[(node, 0)]] = inputs[name]
        if targets is not None and target_node is not None:
            given[capture.value_of_node[(target_node, 0)]] = targets
        outputs = [v for root in capture.tape.roots for v in root.outputs]
        goals = [*([capture.loss] if loss and capture.loss is not None else []), *outputs]
        with untouched():
            run = Replay(capture.tape, goals, given=given, fresh_random=fresh_random, grad=gradients)
            found = run.run()
            value = found[0] if loss and capture.loss is not None else None
            rest = tuple(found[1:] if value is not None else found)
            grads: tuple[torch.Tensor | None, ...] = ()
            if gradients and value is not None and value.requires_grad:
                wanted = [run.env.get(capture.value_of_node[(n, 0)]) for n in capture.parameters]
                live = [w for w in wanted if w is not None and w.requires_grad]
                made = iter(torch.autograd.grad(value.sum(), live, allow_unused=True))
                grads = tuple(next(made) if w is not None and w.requires_grad else None for w in wanted)
        return StepResult(value, rest, grads)
