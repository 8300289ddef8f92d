"""Let the learning rate rise to its value over the first hundred steps.

The first steps of Adam have estimates of few gradients, and fresh networks large curvature (Goyal et al., 2017; Liu et al., 2020; Gilmer et al., 2022).
"""

from collections.abc import Sequence

import libcst as cst

from .._loops import needs_free, needs_torch
from ..source import Change, Source
from ._schedule import scheduled
from ._usual import Usual

remedy = Usual(
    name="warm-up",
    late=True,
    assumes="the optimizer is stepped at one place, in a for loop that stands in lines of its own, and no schedule is in use",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``LinearLR`` before the loop, stepped after each step of the optimizer."""
    needs_torch(source)
    needs_free(source, "warm_up")
    loop, first = scheduled(source, call)
    return [
        source.before(
            first,
            f"warm_up = torch.optim.lr_scheduler.LinearLR({loop.optimizer}, start_factor=0.01, total_iters=100)",
        ),
        source.after(source.statement_of(loop.step), "warm_up.step()"),
    ]
