"""Take a softmax or a statistic within each sample and not over the batch."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._calls import is_function
from ..remedy import Remedy
from ..source import Change, Refused, Source, called

remedy = Remedy(
    name="within-samples",
    mends=("NW217",),
    assumes="samples meet in one softmax, mean, standard deviation or the like on the line, which is written with dimension 0",
)
_KEEPING = ("softmax", "log_softmax", "softmin", "normalize", "cumsum")
_REDUCING = ("mean", "std", "var", "sum", "amax", "amin", "nanmean")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``softmax(s, dim=-1)``; ``x.mean(dim=1, keepdim=True)``, which still has a place for each sample."""
    op = finding.measured.get("op")
    if not isinstance(op, str) or op not in _KEEPING + _REDUCING:
        raise Refused("samples do not meet in a softmax or a statistic")
    for place in (finding.where, *finding.also):
        calls = called(source, place.line, op) if place.line is not None else []
        if len(calls) > 1:
            raise Refused(f"{op} is called more than once on the line")
        for call in calls:
            return _within(source, call, op)
    raise Refused(f"{op} is not called on the line")


def _within(source: Source, call: cst.Call, op: str) -> Sequence[Change]:
    position = (1 if is_function(call) else 0) + (op == "normalize")
    dim = source.argument(call, "dim", position) or source.argument(call, "axis")
    if dim is None or source.code(dim.value) != "0":
        raise Refused("dimension 0 is not written in the call")
    if op in _KEEPING:
        return [source.replace(dim.value, "-1")]
    changes = [source.replace(dim.value, "1")]
    if source.argument(call, "keepdim") is None:
        if any(a.keyword is None for a in call.args[position + 1 :]):
            raise Refused("the arguments of the call are not all understood")
        changes.append(source.set_argument(call, "keepdim", "True"))
    return changes
