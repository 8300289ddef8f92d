"""Shuffle the training data anew for every epoch."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from ..remedy import Remedy
from ..source import Change, Refused, Source, called

remedy = Remedy(
    name="shuffle",
    beyond_step="the order of the data is in no step",
    bends_training=True,
    mends=("NW112",),
    assumes="the batches come from a DataLoader that is made on the line, without a sampler of its own",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``shuffle=True``."""
    assert finding.where.line is not None
    for call in called(source, finding.where.line, "DataLoader"):
        if any(source.argument(call, k) for k in ("sampler", "batch_sampler")):
            raise Refused("the loader has a sampler of its own, which decides on the order")
        return [source.set_argument(call, "shuffle", "True", position=2)]
    raise Refused("no DataLoader is made on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The argument, as the loader made on the line gets it."""
    return argument(finding, "utils.data.DataLoader", "shuffle", value=True)
