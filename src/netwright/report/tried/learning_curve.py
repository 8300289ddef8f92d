"""What came of training on parts of the training set."""

import statistics
from collections.abc import Iterator

from ...evidence import LearningCurve
from ..model import Chart
from ..svg import Series


def sentence(curve: LearningCurve) -> str:
    """The metric at every size, and what twice the data would give."""
    sizes = ", ".join(f"{statistics.fmean(p.values):.4g} with {p.samples}" for p in curve.points)
    length = f", runs stopped after {curve.steps} steps" if curve.steps is not None else ""
    return (
        f"{curve.metric}{length}: {sizes} samples; twice the data would take away {curve.gain:.0%} of it "
        f"({curve.gain_low:.0%} to {curve.gain_high:.0%}) ({curve.seconds:.0f} s)"
    )


def charts(curve: LearningCurve) -> Iterator[Chart]:
    """The metric by size, as measured and by the power law."""
    law = [curve.floor + curve.scale * p.samples**-curve.exponent for p in curve.points]
    yield Chart(
        title=f"Learning curve: {curve.metric} by training samples",
        names=tuple(str(p.samples) for p in curve.points),
        series=(
            Series(
                name="mean", kind="forward", values=tuple(statistics.fmean(p.values) for p in curve.points)
            ),
            Series(name="best", kind="gradient", values=tuple(min(p.values) for p in curve.points)),
            Series(name="worst", kind="gradient", values=tuple(max(p.values) for p in curve.points)),
            Series(name="power law", kind="forward", values=tuple(law)),
        ),
        log=False,
    )
