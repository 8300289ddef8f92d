"""Batches of a quarter of their size in training.

More and noisier steps for the same samples; small batches lead to flatter minima (Keskar et al., 2017; Masters and Luschi, 2018).
"""

from collections.abc import Sequence

import libcst as cst

from ..source import Change, Refused, Source
from ._batches import resized
from ._usual import Usual

remedy = Usual(
    name="quarter-batches",
    assumes="the training loop goes through a DataLoader of the file, or the pieces of split, whose size is given, and where it is a number one of at least 8",
    scales=True,
)


@remedy.edit
def edit(source: Source, call: cst.Call, times: int) -> Sequence[Change]:
    """``batch_size=64`` becomes 16."""
    del call
    changes = resized(source, 0.25**times)
    size = changes[0].text.rpartition("=")[2].strip()
    if size.isdigit() and int(size) < 2:
        raise Refused("the batches are small already")
    return changes
