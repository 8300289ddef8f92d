"""What came of learning a few batches by heart."""

from collections.abc import Iterator

from ...evidence import Outcome, Overfit, OverfitRun
from ..model import Chart
from ..svg import Series

_POINTS = 120


def sentence(overfit: Overfit) -> str:
    """Every run in a few words."""
    runs = [r for r in (overfit.sample, *overfit.runs, overfit.few) if r is not None]
    told = "; ".join(_run(r) for r in runs)
    if overfit.ceiling < 1:
        told += f"; the same context has different answers: {overfit.ceiling:.1%} of them can be right"
        told += f" and the loss cannot fall below {overfit.floor:.3g}" if overfit.floor is not None else ""
    return (
        f"the whole program was run again on its first batch, without dropout modules and weight decay: {told}"
        if overfit.reruns
        else told
    )


def _run(run: OverfitRun) -> str:
    how = ""
    if run.accuracy is not None:
        how = f", {run.accuracy:.1%} right"
    elif run.error is not None:
        how = f", error {run.error:.2f} standard deviations of the target"
    count = f"{len(run.losses)} {'passes' if run.data.endswith('batches') else 'steps'}"
    # What ended a run, its seconds or its number of steps, is not told: "was still falling" holds for both.
    ends = {
        Outcome.REACHED: f"learned in {count}",
        Outcome.FALLING: f"the loss was still falling after {count}",
    }.get(run.outcome, f"the loss {run.outcome.value} in {count}")
    samples = ""
    if run.samples and run.data == "one batch":
        samples = f" of {_counted(run.samples, 'sample')}"
    elif run.samples and run.data.endswith("batches"):
        samples = f" ({run.samples} samples)"
    return f"{run.data}{samples} with {run.optimizer}: {ends}{how} ({run.seconds:.1f} s)"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def charts(overfit: Overfit) -> Iterator[Chart]:
    """The curve of every run."""
    for run in overfit.runs:
        every = max(1, len(run.losses) // _POINTS)
        unit = "pass" if run.data.endswith("batches") else "step"
        yield Chart(
            title=f"Learning {run.data} by heart with {run.optimizer}: loss by {unit}",
            names=tuple(str(i) for i in range(0, len(run.losses), every)),
            series=(Series(name="loss", kind="forward", values=tuple(run.losses[::every])),),
        )
