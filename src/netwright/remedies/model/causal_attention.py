"""Let no step attend to later ones: is_causal=True."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from ..remedy import Remedy
from ..source import Change, Refused, Source, called

remedy = Remedy(
    name="causal-attention",
    mends=("NW218",),
    bends_loss=True,
    assumes="the line calls scaled_dot_product_attention without a mask",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The argument ``is_causal``."""
    assert finding.where.line is not None
    for call in called(source, finding.where.line, "scaled_dot_product_attention"):
        if any(a.star for a in call.args):
            raise Refused("the arguments of the attention are not written out")
        if source.argument(call, "attn_mask", 3) is not None:
            raise Refused("the attention has a mask of its own")
        return [source.set_argument(call, "is_causal", "True", position=5)]
    raise Refused("scaled_dot_product_attention is not called on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The argument, as the call on the line gets it."""
    return argument(
        finding, "nn.functional.scaled_dot_product_attention", "is_causal", value=True, position=5
    )
