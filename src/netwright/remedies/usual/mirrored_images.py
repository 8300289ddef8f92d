"""Mirror half of the images of a training batch, and move all by up to an eighth.

Krizhevsky et al. (2012), section 4.1. What is no longer the same when it is mirrored (letters, digits) gets worse by it, and the trial shows that.
"""

from collections.abc import Sequence

import libcst as cst

from .._loops import fed_at, needs_free, needs_torch, network_of, training_loop
from ..source import Change, Refused, Source, last_name
from ._usual import Usual

remedy = Usual(
    name="mirrored-images",
    late=True,
    assumes="the file has two-dimensional convolutions, no augmentation yet, and the training loop calls the network at one place with a name",
)
_AUGMENTS = ("transforms", "albumentations", "kornia", "flip", "roll(", "crop", "mixup", "cutmix", "augment")


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """Right before the network is called in the training loop."""
    needs_torch(source)
    needs_free(source, "rows", "columns", "top", "left")
    network = network_of(source, call)
    statement, x = fed_at(source, training_loop(source), network)
    if not any(last_name(c.func) == "Conv2d" for c in source.every(cst.Call)):
        raise Refused("the file has no two-dimensional convolution")
    if any(word in source.text.lower() for word in _AUGMENTS):
        raise Refused("the images are augmented already")
    return [
        source.before(
            statement,
            f"{x} = torch.where(torch.rand(len({x}), 1, 1, 1, device={x}.device) < 0.5, {x}.flip(-1), {x})",
            f"rows, columns = {x}.shape[-2] // 8, {x}.shape[-1] // 8",
            f"{x} = torch.nn.functional.pad({x}, (columns, columns, rows, rows))",
            "top, left = (int(torch.randint(2 * n + 1, ())) for n in (rows, columns))",
            f"{x} = {x}[:, :, top : top + {x}.shape[-2] - 2 * rows, left : left + {x}.shape[-1] - 2 * columns]",
        )
    ]
