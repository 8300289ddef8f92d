"""Raise the limit at which gradients are clipped to their usual norm."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from ..remedy import Remedy
from ..source import Change, Refused, Source, called

remedy = Remedy(
    name="raise-clip-limit",
    mends=("NW413",),
    assumes="the limit is an argument of the call that clips",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The limit becomes the norm that was seen, to one digit."""
    limit = _limit(finding)
    assert finding.where.line is not None
    for call in called(source, finding.where.line, "clip_grad_norm_"):
        return [source.set_argument(call, "max_norm", limit, position=1)]
    raise Refused("no clip_grad_norm_ is called on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The limit, as the call on the line gets it."""
    return argument(
        finding,
        "nn.utils.clip_grad_norm_ nn.utils.clip_grad.clip_grad_norm_",
        "max_norm",
        value=float(_limit(finding)),
    )


def _limit(finding: Finding) -> str:
    limit, share = finding.measured.get("limit"), finding.measured.get("share")
    if not isinstance(limit, float | int) or not isinstance(share, float | int) or not share:
        raise Refused("the usual norm of the gradients is not known")
    return f"{limit / share:.1g}"
