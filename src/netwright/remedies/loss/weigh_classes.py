"""Weigh rare classes more in the loss, by the inverse of their counts."""

from collections.abc import Mapping, Sequence
from typing import cast

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name
from ._arguments import loss_named

remedy = Remedy(
    name="weigh-classes",
    mends=("NW107",),
    bends_loss=True,
    for_rare=True,
    assumes="cross-entropy of torch's is called on a line of the finding, without weights, on the CPU; every class from 0 was seen",
)

_LOSSES = ("CrossEntropyLoss", "cross_entropy")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``weight=torch.tensor([...])``: the mean count divided by each class's."""
    counts = _counts(finding.measured.get("counts"))
    if "cuda" in source.text or "device" in source.text or "import torch" not in source.text:
        raise Refused("on which device the weights have to lie is not known")
    mean = sum(counts) / len(counts)
    weights = f"torch.tensor([{', '.join(f'{mean / c:.3g}' for c in counts)}])"
    for place in (*finding.also, finding.where):
        loss = loss_named(source, place.line, _LOSSES) if place.line is not None else None
        if loss is not None:
            if source.argument(loss, "weight", 2 if last_name(loss.func) == "cross_entropy" else 0):
                raise Refused("the loss has weights already")
            return [source.set_argument(loss, "weight", weights)]
    raise Refused("cross-entropy is not seen on the lines of the finding")


def _counts(value: object) -> list[int]:
    """How often each class from 0 was seen."""
    if isinstance(value, Mapping):
        found = {
            float(str(k)): v for k, v in cast("Mapping[object, object]", value).items() if isinstance(v, int)
        }
        if sorted(found) == list(range(len(found))) and len(found) > 1 and min(found.values()) > 0:
            return [found[float(c)] for c in range(len(found))]
    raise Refused("the counts of the classes are not known")
