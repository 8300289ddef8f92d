"""What the range test of learning rates found."""

from collections.abc import Iterator

from ...evidence import GroupRates, RangeTest
from ..model import Chart
from ..svg import Series, short


def sentence(test: RangeTest) -> str:
    """The best rate, the largest one that trains, and the one in use; of each group and of the schedule where there are such."""
    begins = "the whole program was run again for each rate; " if test.reruns else ""
    if test.best is None:
        told = f"the loss grows at every rate from {test.rates[0]:.1e} to {test.rates[-1]:.1e}"
    else:
        told = f"of {len(test.rates)} rates {test.best:.1e} lowers the loss most in {test.steps} steps; it does not grow up to {test.largest:.1e}"
        told += f" and grows at {test.grows:.1e}" if test.grows is not None else ", the largest tried"
        if test.recommended is not None:
            told += f" (begin with {test.recommended:.1e})"
    told += f"; in use is {test.in_use:.1e}"
    if test.schedule is not None and test.peak is not None:
        told += f", {test.schedule} takes it to {test.peak:.1e} at most"
        told += f" and ends at {test.final:.1e}" if test.final is not None else ""
        told += f", {test.idle:.0%} of the run at rates that move nothing" if test.idle else ""
    if test.groups:
        apart = len({g.where for g in test.groups}) > 1
        told += "; one by one: " + ", ".join(_group(g, apart) for g in test.groups)
    return f"{begins}{told} ({test.optimizer}, {test.seconds:.1f} s)"


def _group(group: GroupRates, apart: bool) -> str:
    edge = "?" if group.largest is None else f"{group.largest:.1e}"
    up_to = f"trains up to {edge}" if group.grows is not None else f"trains at {edge} and beyond"
    made = f" of {group.where.at}" if apart and group.where.known else ""
    return f"{group.optimizer}{made} group {group.group} ({group.names[0]}...) {up_to}, in use {group.in_use:.1e}"


def charts(test: RangeTest) -> Iterator[Chart]:
    """The loss by rate."""
    yield Chart(
        title=f"Loss after {test.steps} steps, as a share of the one before, by learning rate",
        names=tuple(short(r) + (" in use" if r == test.in_use else "") for r in test.rates),
        series=(Series(name="loss", kind="forward", values=test.losses),),
    )
