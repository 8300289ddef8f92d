"""The largest batch that fits: by what the captured step takes on parts of its batch, then by running the program with the batch so found."""

import re
import time
from collections.abc import Iterator

import torch

from ..capture import memory
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..capture.step_memory import growth
from ..evidence import BatchRun, LargestBatch, StepMemory
from ..rerun import Command, Intervention, Plan, Trace
from ..rerun.pool import rerun
from ..rerun.trace import CRASHED
from ..rule import NotApplicable
from ._fewer import Fewer
from ._parts import Cut
from .experiment import Experiment, Material
from .progress import Progress
from .trainee import ERRORS

_STEPS = 2  # the second finds the optimizer's state and what the first has left in pieces
_MOST = 8  # runs
_NEAR = 1.1  # the smallest batch that does not fit over the largest that does
_GIVEN = 0.9  # of the free memory, so that the machine does not end other programs
_MEMORY = re.compile(
    r"out of memory|MemoryError|(can't allocate|not enough|cannot allocate) memory|Unable to allocate"
)


def largest_batch(material: Material, *, seconds: float, progress: Progress) -> LargestBatch:
    """Measure what a step takes, and run the program with larger batches between the largest that ran and the smallest that did not.

    The runs are in processes of their own, whose memory is limited to nine tenths of what is free beside this one: so it is a little less than what the program would have alone.

    Args:
        material: the captured step, and how the program was started.
        seconds: for all runs.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be measured and the program cannot be run again.
    """
    began = time.monotonic()
    batch = _in_use(material)
    step, why = _measured(material, batch)
    batch = batch or (step.batch if step is not None else None)
    if batch is None:
        raise NotApplicable(f"no DataLoader tells the batch size, and {why}")
    runs: list[BatchRun] = []
    why_not = "" if material.command is not None else "the program was not started by netwright"
    whole: int | None = None
    if material.command is not None:
        estimate = step.fits if step is not None else 2 * batch
        search = _Search(material.command, batch, began + seconds)
        for done, run in enumerate(search.runs(max(estimate, batch + 1))):
            runs.append(run)
            progress(min(1.0, (done + 1) / _MOST))
        why_not, whole = search.why, search.whole
    if step is None and not runs:
        raise NotApplicable(f"{why}; {why_not}")
    ran, failed = [r.batch for r in runs if r.ran], [r.batch for r in runs if not r.ran]
    return LargestBatch(
        batch=batch,
        step=step,
        runs=tuple(runs),
        fits=max(ran, default=None),
        fails=min(failed, default=None),
        all_samples=whole is not None,
        why_not_measured=why,
        why_not_run=why_not,
        seconds=time.monotonic() - began,
    )


def after_crash(command: Command, step: StepMemory, *, seconds: float, progress: Progress) -> LargestBatch:
    """The same for a program that has died for want of memory: between the largest batch that was seen to run and the one that it died of, beginning with what the measured step says.

    Args:
        command: the program.
        step: what a step takes, measured after the crash.
        seconds: for all runs.
        progress: called with the share that is done.
    """
    began = time.monotonic()
    search = _Search(command, step.batch, began + seconds)
    runs: list[BatchRun] = []
    seen = min(step.ran, step.batch - 1)
    first = min(max(step.line, seen + 1), step.batch - 1)
    for run in search.runs(first, ran=seen, failed=step.batch):
        runs.append(run)
        progress(min(1.0, len(runs) / _MOST))
    return LargestBatch(
        batch=step.batch,
        step=step,
        runs=tuple(runs),
        fits=max((r.batch for r in runs if r.ran), default=None),
        fails=min([step.batch, *(r.batch for r in runs if not r.ran)]),
        why_not_run=search.why,
        seconds=time.monotonic() - began,
    )


def _in_use(material: Material) -> int | None:
    """The batch size of the DataLoader that was trained on."""
    for record in material.session.recording.loaders:
        size = getattr(record.loader(), "batch_size", None)
        if record.trained and isinstance(size, int):
            return size
    return None


def _measured(material: Material, batch: int | None) -> tuple[StepMemory | None, str]:
    """What the captured step takes on parts of its batch; else why that is not known."""
    try:
        with untouched():
            return _line(material.step, batch), ""
    except NotApplicable as why:
        return None, str(why)
    except ERRORS as error:
        return None, f"the step could not be run on parts of its batch: {type(error).__name__}: {error}"


def _line(step: Step, batch: int | None) -> StepMemory:
    capture = step.capture
    if capture.loss is None or (capture.why_not_replayed and not capture.too_large):
        raise NotApplicable(
            f"the step could not be run again: {capture.why_not_replayed or 'its loss was not recorded'}"
        )
    fewer = Fewer([capture], 64)
    cut = Cut(fewer.trainee, 0, fewer.reading, frozenset())  # with dropout: what it holds counts
    weights = fewer.trainee.trained
    device = next((w.device for w in weights), torch.device("cpu"))
    free = memory.available_memory(device)

    def run(samples: int) -> None:
        torch.autograd.grad(cut.loss(torch.arange(samples)), weights, allow_unused=True)

    found = growth(run, most=cut.count, free=free, system=False)
    return StepMemory(
        batch=batch or cut.count,
        per_sample=found.per_sample,
        fixed=max(found.fixed, memory.bytes_of_tensors(weights)),
        free=free,
        sizes=found.sizes,
    )


class _Search:
    """Runs of the program with one batch size after another. ``why`` says why it ended where it found no neighbours, ``whole`` is the size of the training set where all of it fits."""

    def __init__(self, command: Command, batch: int, until: float) -> None:
        self.command, self.batch, self.until = command, batch, until
        self.why = ""
        self.whole: int | None = None
        self._longest = 0.0

    def runs(self, first: int, *, ran: int | None = None, failed: int = 0) -> Iterator[BatchRun]:
        """Begin with ``first``, then go between the largest that ``ran`` (at the start: the one in use) and the smallest that ``failed`` (0: none has)."""
        ran, size = self.batch if ran is None else ran, first
        for _ in range(_MOST):
            trace = self._run(size)
            if trace is None:
                return
            if trace.ended == CRASHED:
                failed = size
                yield BatchRun(batch=size, ran=False, why=trace.error or trace.why())
            else:
                got = trace.points[0].samples
                ran = max(ran, got)
                yield BatchRun(batch=got, ran=True)
                if got < size:
                    self.whole = got
                    return
            if failed and failed <= _NEAR * ran + 1:
                return
            size = (ran + failed) // 2 if failed else 2 * ran
        self.why = f"{_MOST} runs were made"

    def _run(self, size: int) -> Trace | None:
        left = self.until - time.monotonic()
        if left < 1.2 * self._longest + 1:
            self.why = "the time was over"
            return None
        began = time.monotonic()
        changes = (
            Intervention(name="batch-size", settings={"was": self.batch, "becomes": size}),
            Intervention(name="limit-memory", settings={"bytes": int(_GIVEN * memory.shared_memory())}),
        )
        plan = Plan(seed=0, steps=_STEPS, evaluate=False, interventions=changes)
        (trace,) = rerun(self.command, [plan], at_once=1, seconds=left, cache=False)
        self._longest = max(self._longest, time.monotonic() - began)
        if trace.ended == CRASHED:
            if not _MEMORY.search(f"{trace.error or ''} {' '.join(trace.tail)}"):
                self.why = f"with batches of {size}, {trace.why()}"
                return None
        elif not trace.whole or not trace.points:
            self.why = f"with batches of {size}, {trace.why()}"
            return None
        elif size != self.batch >= trace.points[0].samples != size:
            self.why = "its batch size is set by no DataLoader that could be changed, or the training set has no more samples"
            return None
        return trace


def _of(material: Material, seconds: float, progress: Progress) -> LargestBatch:
    return largest_batch(material, seconds=seconds, progress=progress)


EXPERIMENT = Experiment(LargestBatch, 0.3, 600.0, _of, reruns=True)
