"""How noisy the gradients are, against the batch in use."""

from collections.abc import Iterator

from ...evidence import NoiseEstimate, NoiseScale, OutlyingSample
from ..model import Chart
from ..svg import Series

_WHEN = {"first": "at the first weights", "now": "at those of now"}


def sentence(noise: NoiseScale) -> str:
    """The noise scale at each set of weights, the batch in use, and the samples that stand out."""
    told = ", ".join(_estimate(e) for e in noise.estimates)
    parts = noise.estimates[-1]
    how = (
        f"from {parts.parts} parts of {parts.size}"
        if parts.size > 1
        else f"from {parts.parts} single samples"
    )
    norm = ", whole batches or parts of 8 for batch normalization" if noise.normalized else ""
    times = f" times {noise.accumulated:.0f}" if noise.accumulated > 1 else ""
    return (
        f"the noise scale is {told}, {how}{norm}; one update uses {noise.batch}{times}"
        f"{_outliers(noise)} ({noise.seconds:.1f} s)"
    )


def _estimate(found: NoiseEstimate) -> str:
    when = _WHEN.get(found.when, found.when)
    if found.scale is None or found.low is None or found.high is None:
        return f"unknown {when} (the mean gradient cannot be told from 0)"
    return f"{found.scale:.3g} samples {when} (95 %: {found.low:.3g} to {found.high:.3g})"


def _outliers(noise: NoiseScale) -> str:
    if not noise.outliers:
        return (
            f"; none of {noise.judged} samples has a gradient far longer than the others'"
            if noise.judged
            else ""
        )
    told = "; ".join(_sample(s) for s in noise.outliers)
    return f"; of {noise.judged} samples these have gradients far longer than the median: {told}"


def _sample(sample: OutlyingSample) -> str:
    target = f", target {sample.target:.4g}" if sample.target is not None else ""
    values = (
        f", inputs from {sample.lowest:.3g} to {sample.highest:.3g}"
        if sample.lowest is not None and sample.highest is not None
        else ""
    )
    return f"sample {sample.index} of batch {sample.batch} ({sample.norm:.3g} times, loss {sample.loss:.3g}{target}{values})"


def charts(noise: NoiseScale) -> Iterator[Chart]:
    """The noise scale with its interval, beside the batch in use."""
    known = [e for e in noise.estimates if e.scale is not None]
    if known:
        names = tuple(_WHEN.get(e.when, e.when) for e in known)
        yield Chart(
            title="Gradient noise scale in samples (simple noise scale, 95 % interval), beside the samples of one update",
            names=names,
            series=(
                Series(name="noise scale", kind="forward", values=tuple(e.scale for e in known)),
                Series(name="one update", kind="backward", values=tuple(noise.update for _ in known)),
            ),
        )
