"""What simple models made of the samples."""

from collections.abc import Iterator

from ...evidence import SimpleModels
from ..model import Chart
from ..svg import Series


def sentence(found: SimpleModels) -> str:
    """The best model against permuted targets, and the network's race."""
    best = max(found.scores, key=lambda s: s.score, default=None)
    told = f"simple models on {found.samples} distinct samples ({found.inputs})"
    if best is not None:
        right = f", {best.accuracy:.1%} right" if best.accuracy is not None else ""
        told += f": {best.model} explains {best.score:.1%} of the targets' variance ({best.low:.1%} to {best.high:.1%}{right})"
    tested = [s for s in found.scores if s.p_value is not None]
    if tested:
        first = min(tested, key=lambda s: s.p_value or 0.0)
        told += (
            f"; {first.model} against {len(first.permuted)} times permuted targets: p = {first.p_value:.3f}"
        )
    race = found.race
    if race is not None:
        mean = sum(race.permuted_fit) / len(race.permuted_fit)
        told += f"; the network's mean loss over {race.steps} steps is {race.real_fit:.3g} on real and {mean:.3g} on permuted targets"
    return f"{told} ({found.seconds:.1f} s)"


def charts(found: SimpleModels) -> Iterator[Chart]:
    """Real and permuted scores of every model."""
    models = [s for s in found.scores if s.permuted]
    if models:
        yield Chart(
            title="Variance of the targets explained by simple models: real and permuted targets",
            names=tuple(s.model for s in models),
            series=(
                Series(name="real", kind="forward", values=tuple(s.score for s in models)),
                Series(name="best permuted", kind="backward", values=tuple(max(s.permuted) for s in models)),
            ),
        )
