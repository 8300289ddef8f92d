"""Use the stable form: one call for the logarithm of a softmax or a sigmoid, a small number under a root or in a divisor."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._activations import kind_of
from .._calls import input_of, renamed
from ..remedy import Remedy
from ..source import Change, Refused, Source, called, last_name

remedy = Remedy(
    name="stable-form",
    mends=("NW311",),
    assumes="the logarithm and what it is taken of, or the root, stand on the line",
)
_OF_LOG = {"softmax": "log_softmax", "sigmoid": "logsigmoid"}
_TINY = "1e-8"


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``log(softmax(x))`` becomes ``log_softmax(x)``; ``sqrt(x)`` gets ``x + 1e-8``; ``log(x)`` of zeros ``x.clamp(min=1e-8)``."""
    assert finding.where.line is not None
    for log in called(source, finding.where.line, "log"):
        inner = input_of(source, log)
        if (
            isinstance(inner, cst.Call)
            and (stable := _OF_LOG.get(kind_of(source, inner)))
            and last_name(inner.func) in _OF_LOG
        ):
            change = renamed(source, inner, stable)
            start, end = source.span(inner)
            text = source.text[start : change.start] + change.text + source.text[change.end : end]
            if stable == "logsigmoid":
                text = f"torch.nn.functional.logsigmoid({source.code(input_of(source, inner))})"
            return [source.replace(log, text)]
        if "nonfinite_share" in finding.measured:
            return [source.replace(inner, f"({source.code(inner)}).clamp(min={_TINY})")]
    for root in called(source, finding.where.line, "sqrt"):
        inner = input_of(source, root)
        return [source.replace(inner, f"({source.code(inner)} + {_TINY})")]
    raise Refused("the form on the line is not one that is known")
