"""What the range test of learning rates found."""

from collections.abc import Iterator

from ...evidence import RangeTest
from ..model import Chart
from ..svg import Series, short


def sentence(test: RangeTest) -> str:
    """The best rate, the largest one that trains, and the one in use."""
    if test.best is None:
        told = f"the loss grows at every rate from {test.rates[0]:.1e} to {test.rates[-1]:.1e}"
    else:
        told = f"of {len(test.rates)} rates {test.best:.1e} lowers the loss most in {test.steps} steps, and it grows beyond {test.largest:.1e}"
    return f"learning rates: {told}; in use is {test.in_use:.1e} ({test.optimizer}, {test.seconds:.1f} s)"


def charts(test: RangeTest) -> Iterator[Chart]:
    """The loss by rate."""
    yield Chart(
        title=f"Loss after {test.steps} steps, as a share of the one before, by learning rate",
        names=tuple(short(r) + (" in use" if r == test.in_use else "") for r in test.rates),
        series=(Series(name="loss", kind="forward", values=test.losses),),
    )
