"""Turn the class weights upside down: rare classes weigh more."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._activations import maker
from ..remedy import Remedy
from ..source import Change, Refused, Source
from ._arguments import atom

remedy = Remedy(
    name="inverse-class-weights",
    mends=("NW313",),
    bends_loss=True,
    for_rare=True,
    assumes="the weights are an argument of the loss on the line, and positive",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``weight=w`` becomes ``weight=1 / w``; so does ``pos_weight``."""
    if "lowest" in finding.measured:
        raise Refused("some weights are negative")
    keyword = "pos_weight" if "given" in finding.measured else "weight"
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        for candidate in (call, maker(source, call)):
            argument = source.argument(candidate, keyword) if candidate is not None else None
            if argument is not None:
                return [source.replace(argument.value, f"1 / {atom(source, argument.value)}")]
    raise Refused("the weights are no argument on the line")
