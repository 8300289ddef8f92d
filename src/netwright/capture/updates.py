"""How the program updates its weights: in the steps of its optimizers, by hand, or where it cannot be seen."""

import sys
from typing import Any

import torch

from ..evidence import NOWHERE, Where
from .frames import user_where
from .loops import loops_around
from .parameters import ParameterWatch, held
from .recording import Recording
from .step_hooks import has_closure
from .tape import Call
from .use import ParameterUse
from .values import Values


class Updates:
    """Notes the updates of the steps that are measured.

    Args:
        values: those of the running iteration.
        recording: where updates are noted.
        parameters: what is known of each parameter.
        use: what the program does with them.
    """

    def __init__(
        self, values: Values, recording: Recording, parameters: ParameterWatch, use: ParameterUse
    ) -> None:
        self.values, self.recording, self.parameters, self.use = values, recording, parameters, use
        self._depth = 0  # steps under way: an optimizer's step may make another one's

    def step_begins(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """An optimizer is about to step."""
        index = self.recording.optimizer_index(optimizer)
        record = self.recording.optimizers[index]
        if record.around is None:
            record.around = loops_around(sys._getframe(2))
        self._depth += 1
        nested, parameters = self._depth > 1, held(optimizer)
        norms = self.parameters.norms(parameters) if nested else self.parameters.before_step(parameters)
        closure = has_closure(args, kwargs)
        self.recording.note(
            "optimizer_step",
            user_where(2),
            index,
            with_grad=sum(1 for n in norms if n) / max(len(norms), 1),
            backward_since=record.backward_since,
            skipped=False,
            closure=closure,
            nested=nested,
            uncleared=self.parameters.uncleared(parameters, norms, index),
            lr=float(optimizer.param_groups[0].get("lr", 0.0)) if optimizer.param_groups else None,
            lrs=tuple(float(g.get("lr", 0.0)) for g in optimizer.param_groups),
        )
        for capture in self.recording.captures:
            if capture.optimizer is None and record.backward_since:
                capture.optimizer = index

    def step_ends(self, optimizer: torch.optim.Optimizer) -> bool:
        """An optimizer has stepped. Whether that ends the iteration: it does not within another one's step."""
        index = self.recording.optimizer_index(optimizer)
        record = self.recording.optimizers[index]
        record.steps += 1
        self._depth = max(0, self._depth - 1)
        if self._depth:
            return False
        changed = self.parameters.after_step(held(optimizer), index)
        record.effective += changed > 0
        record.backward_since = False
        self.recording.amend_step(index, changed)
        return True

    def forget_unended(self) -> None:
        """The next backward pass begins: a step that has not ended by now has raised."""
        self._depth = 0

    def by_hand(self, where: Where, tensor: torch.Tensor, op: str, call: Call) -> None:
        """The program writes to a tensor outside of autograd."""
        if self._depth:
            return  # the step of an optimizer that is the program's own
        tape = self.values.tape
        if self.use.written(tensor, where, op, call, tape) and self.recording.backwards:
            self.recording.manual = self.recording.manual or where
            tape.updated_by_hand = tape.differentiated is not None
            self.recording.note("manual_update", where)

    def iteration_ends(self) -> None:
        """An iteration of updates by hand is over."""
        tracked = [t.tensor for t in self.parameters.tracked.values() if t.tensor.requires_grad]
        self.parameters.after_step(tracked)
        self.recording.made += 1
        self.recording.note("iteration", self.recording.manual or NOWHERE)

    def look_for_unseen(self) -> None:
        """What makes the steps may not be seen: a step that the program has compiled, an optimizer that is written in another language. Then the weights are not as they were before the last pass."""
        recording = self.recording
        if (
            recording.backwards
            and recording.manual is None
            and not any(r.steps for r in recording.optimizers)
        ) and self.parameters.written_unseen():
            recording.manual = NOWHERE
