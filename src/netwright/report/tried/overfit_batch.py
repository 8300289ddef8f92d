"""What came of learning a few batches by heart."""

from collections.abc import Iterator

from ...evidence import Outcome, Overfit, OverfitRun
from ..model import Chart
from ..svg import Series

_POINTS = 120


def sentence(overfit: Overfit) -> str:
    """Every run in a few words."""
    return "learning by heart: " + "; ".join(_run(r) for r in overfit.runs)


def _run(run: OverfitRun) -> str:
    how = ""
    if run.accuracy is not None:
        how = f", {run.accuracy:.1%} right"
    elif run.error is not None:
        how = f", error {run.error:.2f} standard deviations of the target"
    ends = {
        Outcome.REACHED: "learned",
        Outcome.FALLING: "the loss still fell when time was up",
    }.get(run.outcome, f"the loss {run.outcome.value}")
    samples = f" of {run.samples} samples" if run.samples else ""
    passes = f"{len(run.losses)} steps" if run.data == "one batch" else f"{len(run.losses)} passes"
    return f"{run.data}{samples} with {run.optimizer}: {ends} in {passes}{how} ({run.seconds:.1f} s)"


def charts(overfit: Overfit) -> Iterator[Chart]:
    """The curve of every run."""
    for run in overfit.runs:
        every = max(1, len(run.losses) // _POINTS)
        unit = "step" if run.data == "one batch" else "pass"
        yield Chart(
            title=f"Learning {run.data} by heart with {run.optimizer}: loss by {unit}",
            names=tuple(str(i) for i in range(0, len(run.losses), every)),
            series=(Series(name="loss", kind="forward", values=tuple(run.losses[::every])),),
        )
