"""Let the learning rate fall to 0 along a cosine over the epochs.

Loshchilov and Hutter (2017); nearly every schedule that falls at the end does better than a constant rate, as the noise of the steps falls with it.
"""

from collections.abc import Sequence

import libcst as cst

from .._loops import needs_free, needs_torch, rounds
from ..source import Change, Refused, Source
from ._schedule import scheduled
from ._usual import Usual

remedy = Usual(
    name="cosine-decay",
    late=True,
    assumes="the optimizer is stepped at one place, in a loop over range(n), or over batches inside of one over range(n) in the same function, and no schedule is in use",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``CosineAnnealingLR`` before the outer loop, stepped at the end of each round of it."""
    needs_torch(source)
    needs_free(source, "schedule")
    loop, outer = scheduled(source, call)
    count = source.code(rounds(outer))
    last = loop.batches if outer is not loop.batches else source.statement_of(loop.step)
    if outer is not loop.batches and source.parent(loop.batches) is not outer.body:
        raise Refused("the loop over batches is no statement of the loop over epochs")
    return [
        source.before(
            outer, f"schedule = torch.optim.lr_scheduler.CosineAnnealingLR({loop.optimizer}, T_max={count})"
        ),
        source.after(last, "schedule.step()"),
    ]
