"""Where a schedule of the learning rate can be put in."""

import libcst as cst

from .._loops import Loop, ends_plainly, training_loop
from .._training import scope
from ..source import Refused, Source


def scheduled(source: Source, made: cst.Call) -> tuple[Loop, cst.For]:
    """The training loop, and the outermost loop around it, before which a schedule is made; ``made`` makes the optimizer.

    Raises:
        Refused: there is a schedule, the rate is set by hand, or a loop is not understood.
    """
    if "lr_scheduler" in source.text or "param_groups" in source.text or "get_scheduler" in source.text:
        raise Refused("the rate follows a schedule, or is set by hand")
    loop = training_loop(source)
    outer = loop.epochs or loop.batches
    above = source.above(outer, cst.For)
    if above is not None and scope(source, above) is scope(source, outer):
        raise Refused("the training stands in a third loop")
    if loop.epochs is None and scope(source, made) is not scope(source, outer):
        raise Refused("the loop over epochs is not seen")
    if not ends_plainly(outer) or not ends_plainly(loop.batches):
        raise Refused("the loop has an else, or stands on one line")
    return loop, outer
