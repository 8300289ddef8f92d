"""What the experiments found, in a sentence each and as pictures."""

from collections.abc import Iterator, Mapping

from ..evidence import GradientCheck, Outcome, Overfit, OverfitRun, RangeTest
from .model import Pictures
from .svg import Series, log_lines, short

_POINTS = 120


def sentences(evidence: Mapping[type, object]) -> Iterator[str]:
    """One sentence for each experiment that was done."""
    for kind, say in ((GradientCheck, _gradients), (Overfit, _overfit), (RangeTest, _range)):
        found = evidence.get(kind)
        if isinstance(found, kind):
            yield say(found)  # pyright: ignore[reportArgumentType]


def _gradients(check: GradientCheck) -> str:
    told = [d for d in check.directions if not d.kink]
    worst = max((d.error for d in told), default=0.0)
    kinks = len(check.directions) - len(told)
    rest = f", {kinks} more met a kink" if kinks else ""
    return (
        f"gradient check: along {len(told)} directions analytic and numerical derivatives differ by {worst:.1e} at most{rest} "
        f"({check.seconds:.1f} s)"
    )


def _overfit(overfit: Overfit) -> str:
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


def _range(test: RangeTest) -> str:
    if test.best is None:
        told = f"the loss grows at every rate from {test.rates[0]:.1e} to {test.rates[-1]:.1e}"
    else:
        told = f"of {len(test.rates)} rates {test.best:.1e} lowers the loss most in {test.steps} steps, and it grows beyond {test.largest:.1e}"
    return f"learning rates: {told}; in use is {test.in_use:.1e} ({test.optimizer}, {test.seconds:.1f} s)"


def pictures(found: Pictures) -> Iterator[tuple[str, str]]:
    """Title and SVG of each."""
    for run in found.overfit.runs if found.overfit else ():
        every = max(1, len(run.losses) // _POINTS)
        names = [str(i) for i in range(0, len(run.losses), every)]
        series = Series(name="loss", kind="forward", values=tuple(run.losses[::every]))
        unit = "step" if run.data == "one batch" else "pass"
        yield (
            f"Learning {run.data} by heart with {run.optimizer}: loss by {unit}",
            log_lines(names, (series,), label=f"loss by {unit}"),
        )
    if found.range_test is not None:
        test = found.range_test
        names = [short(r) + (" in use" if r == test.in_use else "") for r in test.rates]
        series = Series(name="loss", kind="forward", values=test.losses)
        yield (
            f"Loss after {test.steps} steps, as a share of the one before, by learning rate",
            log_lines(names, (series,), label="loss by learning rate"),
        )
