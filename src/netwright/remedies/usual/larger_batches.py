"""Batches of four times their size in training.

The gradient's noise is halved; of use where batches are far below the gradient noise scale (McCandlish et al., 2018) or batch normalization has too few samples (Wu and He, 2018).
"""

from collections.abc import Sequence

import libcst as cst

from ..source import Change, Source
from ._batches import resized
from ._usual import Usual

remedy = Usual(
    name="fourfold-batches",
    assumes="the training loop goes through a DataLoader of the file, or the pieces of split, whose size is given",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``batch_size=8`` becomes 32."""
    del call
    return resized(source, 4)
