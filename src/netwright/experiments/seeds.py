"""The whole program with several seeds: how much of its result is chance?"""

import time

from ..evidence import SeedRun, Seeds
from ..rerun import Command, Plan, Trace
from ..rule import NotApplicable
from ._reruns import command_of, length, results, spread
from .experiment import Experiment, Material
from .progress import Progress, unseen

_FEWEST, _MOST = 3, 5


def seeds(command: Command, *, seconds: float = 120.0, progress: Progress = unseen) -> Seeds:
    """Run the unmodified program with three to five seeds, and compare where training and evaluation end.

    Every seed that the program sets is answered with that seed plus 0, 1, 2...; a program that sets none is seeded at its start. What it draws from private generators (``torch.Generator``,
    ``numpy.random.default_rng``) stays the same: mostly the cut into training and test data.

    Args:
        command: how the program was started.
        seconds: time for all runs. Where three whole runs do not fit, every run is stopped at the same step.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the program cannot be run again, or too little of it fits into the time.
    """
    began = time.monotonic()
    found = length(command, seconds, fewest=_FEWEST, most=_MOST)
    progress(0.2)
    left = seconds - (time.monotonic() - began)
    first = 0 if found.steps is not None else 1  # whole, the run that told the length is the one of seed 0
    plans = found.plans(Plan(seed=s) for s in range(first, found.runs))
    traces = results(command, plans, at_once=found.at_once, seconds=left, progress=progress)
    if found.steps is None:
        traces = [found.scout, *traces]
    runs = tuple(_run(seed, trace) for seed, trace in enumerate(traces))
    whole = [r for r in runs if r.failed is None]
    if len(whole) < _FEWEST:
        raise NotApplicable(
            f"only {len(whole)} of {len(runs)} runs came to their end in the time given; {runs[-1].failed or ''}"
        )
    last = [r.last for r in whole if r.last is not None]
    spreads = [spread("training loss", last)] if len(last) == len(whole) else []
    for name in sorted({n for r in whole for n in r.metrics}):
        values = [r.metrics[name] for r in whole if name in r.metrics]
        spreads.append(spread(f"evaluation {name}", values) if len(values) == len(whole) else None)
    return Seeds(
        runs=runs,
        spreads=tuple(s for s in spreads if s is not None),
        steps=found.steps,
        single=all(len(t.lines) == 1 for t in traces if t.whole),
        seconds=time.monotonic() - began,
    )


def _run(seed: int, trace: Trace) -> SeedRun:
    return SeedRun(
        seed=seed,
        first=trace.first_loss(),
        last=trace.last_loss(),
        metrics={name: metric.value for name, metric in trace.held_out().items()},
        failed=None if trace.whole else trace.why(),
    )


def _of(material: Material, seconds: float, progress: Progress) -> Seeds:
    return seeds(command_of(material), seconds=seconds, progress=progress)


EXPERIMENT = Experiment(Seeds, 0.4, 1800.0, _of, reruns=True)
