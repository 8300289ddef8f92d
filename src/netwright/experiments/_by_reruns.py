"""For a step that cannot be run again by itself: the whole program is run again, in a process of its own, for a few steps at a time."""

import math
import statistics
import time
from collections.abc import Sequence

from ..evidence import Outcome
from ..rerun import Command, Intervention, Plan, Trace
from ..rerun.pool import rerun
from ..rerun.trace import CRASHED
from ..rule import NotApplicable
from ._fitting import TooSlow
from .curves import outcome
from .experiment import Material

STEPS = 24
_JUDGED = 8  # the last of them
_SLOWER = 1.2
_FALLEN = 0.01  # of the first loss
_LEARNING = 400  # steps on one batch
_FEWEST = 40


def only_by_reruns(material: Material) -> str | None:
    """Why a step cannot be run again by itself, where the program as a whole can."""
    capture = material.step.capture
    whole = capture.why_not_replayed is None or capture.too_large
    return None if whole or capture.loss is None or material.command is None else capture.why_not_replayed


class Reruns:
    """Short runs of a program with changes, one after the other, as long as there is time.

    Args:
        command: the program.
        seconds: for all of them.
        why: for what reason its step cannot be run by itself.
    """

    def __init__(self, command: Command, seconds: float, why: str) -> None:
        self.command, self.why, self.seconds = command, why, seconds
        self._ends = time.monotonic() + seconds
        self._longest = 0.0

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._ends - time.monotonic()

    def fits(self, runs: int = 1) -> bool:
        """Whether there is time for so many more."""
        return self.left > runs * _SLOWER * self._longest

    def require(self, runs: int) -> None:
        """Say it where there is no time for so many more.

        Raises:
            TooSlow: there is not.
        """
        if not self.fits(runs):
            need = self.seconds - self.left + runs * _SLOWER * self._longest
            raise TooSlow(
                f"the step could not be run again by itself ({self.why}), and {runs} more runs of the whole program of {self._longest:.0f} s each do not fit into the {self.seconds:.0f} s given (--budget {math.ceil(need)} with --only gives enough)",
                need,
            )

    def at(self, factor: float) -> Trace:
        """The first steps with all learning rates multiplied by a factor."""
        change = Intervention(name="scale-learning-rate", settings={"factor": factor})
        return self._run(Plan(seed=0, steps=STEPS, evaluate=False, interventions=(change,)))

    def on_one_batch(self) -> Trace:
        """As many steps as there is time for on the first batch of each loader, without dropout modules and weight decay."""
        changes = (Intervention(name="repeat-first-batch"), Intervention(name="without-regularization"))
        most = max(1.0, self.left - 2.0)
        return self._run(Plan(seed=0, steps=_LEARNING, evaluate=False, seconds=most, interventions=changes))

    def _run(self, plan: Plan) -> Trace:
        began = time.monotonic()
        (trace,) = rerun(self.command, [plan], at_once=1, seconds=max(1.0, self.left))
        self._longest = max(self._longest, time.monotonic() - began)
        return trace


def share(trace: Trace, control: Trace) -> float:
    """The loss of the last steps as a share of what the same batches cost with weights that never moved; infinite where it is not finite, or the program ended with an error.

    Raises:
        NotApplicable: there was no time for these steps.
    """
    known = len(control.losses)
    losses = trace.losses[:known]
    if not all(map(math.isfinite, losses)) or trace.ended == CRASHED:
        return math.inf
    if len(losses) < known:
        raise NotApplicable(f"run again, {trace.why()}")
    last, before = (statistics.fmean(x[-_JUDGED:]) for x in (losses, control.losses))
    return last / before if before > 0 else 1.0 + (last - before) / abs(before)


def unmoved(runs: Reruns) -> Trace:
    """A run whose weights do not move: what the batches cost at the first ones.

    Raises:
        NotApplicable: the program did not come that far, or its losses tell nothing.
    """
    control = runs.at(0.0)
    if not control.whole or len(control.losses) < _JUDGED:
        raise NotApplicable(
            f"the step could not be run again by itself ({runs.why}); run again as a whole, {control.why()}"
        )
    if not all(map(math.isfinite, control.losses)) or statistics.fmean(control.losses[-_JUDGED:]) == 0:
        raise NotApplicable("the loss is 0 or not finite before the first step")
    return control


def learned(losses: Sequence[float]) -> Outcome:
    """How a curve on one batch ends: learned where a hundredth of the first loss is left."""
    if 0 <= losses[-1] <= _FALLEN * losses[0]:
        return Outcome.REACHED
    return outcome(losses)


def one_batch(runs: Reruns) -> Trace:
    """The run on one batch.

    Raises:
        NotApplicable: no DataLoader makes the batches, or there was hardly a step.
    """
    trace = runs.on_one_batch()
    if trace.ended == CRASHED or not any(u.trained for u in trace.loaders):
        told = trace.why() if trace.ended == CRASHED else "no DataLoader makes its batches"
        raise NotApplicable(
            f"the step could not be run again by itself ({runs.why}); of the whole program {told}"
        )
    if len(trace.losses) < _FEWEST:
        raise TooSlow(
            f"the step could not be run again by itself ({runs.why}), and in {runs.seconds:.0f} s the whole program makes {len(trace.losses)} steps, of which {_FEWEST} are needed (--budget SECONDS with --only gives more)",
            2 * runs.seconds,
        )
    return trace
