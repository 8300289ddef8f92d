"""Normalize over the dimension that holds the classes."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._activations import activations_at, maker, makes_module
from .._calls import is_function
from .._hooks import SOFTMAXES, argument
from .._settings import sizes
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="softmax-dimension",
    mends=("NW214",),
    assumes="the softmax stands on the line",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Write the dimension that the finding names."""
    wanted = _dimension(finding)
    assert finding.where.line is not None
    for call in activations_at(source, finding.where.line, "softmax", "log_softmax", "softmin"):
        made = call if makes_module(call) else maker(source, call)
        if made is not None:
            return [source.set_argument(made, "dim", str(wanted), position=0)]
        return [source.set_argument(call, "dim", str(wanted), position=1 if is_function(call) else 0)]
    raise Refused("no softmax is written on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The dimension, as the softmax made or applied on the line gets it."""
    return argument(finding, SOFTMAXES, "dim", value=_dimension(finding), position=1)


def _dimension(finding: Finding) -> int:
    wanted, summed = finding.measured.get("class_dim"), finding.measured.get("summed_dim")
    shape = sizes(finding.measured.get("shape"))
    if not isinstance(wanted, int) and isinstance(summed, int) and shape is not None:
        wanted = summed - len(shape)
    if not isinstance(wanted, int):
        raise Refused("the right dimension is not known")
    return wanted
