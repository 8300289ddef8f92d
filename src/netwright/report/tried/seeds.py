"""What came of several seeds."""

from collections.abc import Iterator

from ...evidence import Seeds
from ..model import Chart
from ..svg import Series


def sentence(found: Seeds) -> str:
    """Mean and spread of every number."""
    runs = sum(1 for r in found.runs if r.failed is None)
    length = f"stopped after {found.steps} steps" if found.steps is not None else "to their end"
    spreads = "; ".join(
        f"{s.name} {s.mean:.4g} ± {s.deviation:.2g} (mean within {s.low:.4g}..{s.high:.4g})"
        for s in found.spreads
    )
    failed = f", {len(found.runs) - runs} more did not come that far" if len(found.runs) > runs else ""
    return f"{runs} seeds, runs {length}{failed}: {spreads or 'no number to compare'} ({found.seconds:.0f} s)"


def charts(found: Seeds) -> Iterator[Chart]:
    """Every number by seed."""
    for spread in found.spreads:
        yield Chart(
            title=f"Where runs end, by seed: {spread.name}",
            names=tuple(str(i) for i in range(len(spread.values))),
            series=(Series(name=spread.name, kind="forward", values=spread.values),),
            log=False,
        )
