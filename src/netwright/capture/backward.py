"""The step that a backward pass belongs to: captured, with what the pass did to the gradients."""

import math
import sys

import torch

from ..evidence import NOWHERE, Where
from . import memory
from .gathering import Gathering
from .graphs import GraphCapture, build, data_of, measure
from .looking_back import look_into
from .measure import number_of
from .parameters import ParameterWatch
from .recorder import Recorder
from .recording import Recording
from .spots import spots
from .use import ParameterUse

_DISTINCT = 8  # steps of another loss or backward line that are measured
_LATER = 40


class BackwardWatch:
    """Captures steps as the program calls backward.

    Args:
        recorder: has the running iteration.
        recording: where steps are kept.
        parameters: what is known of each parameter.
        use: what the program does with them.
    """

    def __init__(
        self, recorder: Recorder, recording: Recording, parameters: ParameterWatch, use: ParameterUse
    ) -> None:
        self.recorder, self.recording, self.parameters, self.use = recorder, recording, parameters, use
        # Since the last backward: whether a gradient scaler was given a loss, and its value.
        self.scaled = False
        self.unscaled: float | None = None
        self._kinds: set[tuple[Where, Where]] = set()

    def begin_anew(self) -> None:
        """Other steps are wanted in place of those that are there."""
        self.recording.captures.clear()
        self.recording.later.clear()
        self.recording.losses.clear()
        self._kinds.clear()

    def before(self) -> list[float | None]:
        """A backward pass begins: the norms of the gradients that are there."""
        self.use.read(self.recorder.values.tape)
        return self._norms()

    def gather(self, gathering: Gathering, where: Where, roots: list[torch.Tensor]) -> None:
        """A backward pass is over, and only the batch of its step is wanted."""
        self.recording.backwards += 1
        gathering.add(self._build(where, roots, number_of(roots[0]) if roots else None))
        self._differentiated()

    def after(
        self,
        where: Where,
        roots: list[torch.Tensor],
        before: list[float | None],
        *,
        keep_start: bool,
    ) -> None:
        """A backward pass is over.

        Args:
            where: the line that called it.
            roots: what was differentiated.
            before: the norms of the gradients before it.
            keep_start: whether the parameters of a step that is measured are wanted as they are now.
        """
        self.recording.backwards += 1
        self.use.differentiated(roots)
        value = number_of(roots[0]) if roots else None
        after = self._norms()
        capture = self._build(where, roots, value)
        line = capture.graph.nodes[capture.graph.loss].where if capture.graph.loss is not None else NOWHERE
        self._note(capture, before, after, line)
        scaled, self.scaled = self.scaled, False
        loss, self.unscaled = value if self.unscaled is None else self.unscaled, None
        for record in self.recording.optimizers:
            record.backward_since = True
        if (where, line) not in self._kinds and len(self._kinds) < _DISTINCT:
            self._kinds.add((where, line))
            if keep_start:
                _keep_start(capture)
            capture.spots = spots(data_of(capture.tape), sys._getframe(3))
            self.recording.captures.append(measure(capture))
        elif len(self.recording.later) < _LATER:
            self.recording.later.append(capture)
        if not all(v is None or math.isfinite(v) for v in [value, *after]):
            look_into(self.recording, self.recorder.modules.networks.values(), capture, scaled=scaled)
        self._differentiated()
        first = next(iter(self.recording.captures), None)
        if loss is not None and first is not None and first.graph.backward == where:
            self.recording.losses.append(loss)

    def _note(
        self, capture: GraphCapture, before: list[float | None], after: list[float | None], line: Where
    ) -> None:
        """Note the event, and what became of each gradient."""
        reached = self.use.reached(capture, after)
        marked = {id(t) for t in reached}
        pairs = [
            (t, b)
            for t, b in zip(list(self.parameters.tracked.values()), before, strict=False)
            if id(t) in marked
        ]
        stale = [t for t, b in pairs if b]
        self.recording.note(
            "backward",
            capture.graph.backward,
            grads_before=len(stale) / len(reached) if reached else 0.0,
            grads_after=sum(1 for g in after if g) / max(len(after), 1),
            grads_there=sum(1 for g in after if g is not None) / max(len(after), 1),
            stepped_since=any(t.stepped_since_fill for t in stale),
            loss=capture.graph.loss_value,
            gradient=math.sqrt(sum(g * g for g in after if g)),
            graph_line=line.at,
            scaled=self.scaled,
        )
        self.parameters.after_backward(reached, before, after)
        for tracked in reached:
            tracked.filled, tracked.stepped_since_fill = True, False

    def _norms(self) -> list[float | None]:
        return self.parameters.norms(t.tensor for t in self.parameters.tracked.values())

    def _build(self, where: Where, roots: list[torch.Tensor], value: float | None) -> GraphCapture:
        tape = self.recorder.values.tape
        goals = [v.index for t in roots if (v := tape.find(t)) is not None]
        return build(
            tape,
            self.recorder.modules,
            goals,
            loss_value=value,
            backward=where,
            step=self.recording.steps,
        )

    def _differentiated(self) -> None:
        tape = self.recorder.values.tape
        tape.differentiated = tape.next_index


def _keep_start(capture: GraphCapture) -> None:
    """Copies of the parameters before the first update, if there is room for them."""
    tensors = list(capture.parameters.values())
    device = tensors[0].device if tensors else None
    if 4 * memory.bytes_of_tensors(tensors) < memory.available_memory(device):
        capture.start = {id(t): t.detach().clone() for t in tensors}
