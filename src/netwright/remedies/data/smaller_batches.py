"""Smaller batches, which take less memory."""

from collections.abc import Sequence

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source
from ..usual._batches import resized

remedy = Remedy(
    name="smaller-batches",
    mends=("NW904",),
    assumes="training runs out of memory, not for want of a terabyte at once, and the training loop goes through a DataLoader of this file whose batch size is a number",
)
_ABSURD = 1e12  # bytes asked for at once: NW904


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The largest power of two that fits, where that was measured; else a quarter of the batch: the activations take a quarter of their memory."""
    asked, phase = finding.measured.get("asked_bytes"), finding.measured.get("phase")
    if isinstance(asked, float | int) and asked >= _ABSURD:
        raise Refused("no batch size mends that: one tensor of more than a terabyte is asked for")
    if phase == "evaluation":
        raise Refused("the evaluation runs out of memory, not the training")
    batch, fits = finding.measured.get("batch"), finding.measured.get("largest_batch")
    if not isinstance(batch, int) or not isinstance(fits, int) or fits >= batch:
        return resized(source, 0.25)
    if fits < 1:
        raise Refused("not even one sample fits")
    return resized(source, 2 ** (fits.bit_length() - 1) / batch)
