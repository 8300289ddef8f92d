"""Take the last step of every sequence and not the last sample of the batch."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="last-step",
    mends=("NW221",),
    assumes="the line takes [-1] of the output of a recurrent layer that has batch_first=True",
)
_RECURRENT = ("RNN", "LSTM", "GRU")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``out[-1]`` becomes ``out[:, -1]``."""
    assert finding.where.line is not None
    layers = [c for c in source.every(cst.Call) if last_name(c.func) in _RECURRENT]
    first = [source.argument(c, "batch_first") for c in layers]
    if not layers or any(a is None or source.code(a.value) != "True" for a in first):
        raise Refused("the recurrent layers of this file do not all have batch_first=True")
    found: list[Change] = []
    for taken in source.at(cst.Subscript, finding.where.line):
        if len(taken.slice) == 1 and source.code(taken.slice[0]).strip() == "-1":
            if source.code(taken.value) in _states(source):
                raise Refused(
                    "[-1] is taken of the states of a recurrent layer, whose first axis is that of the layers"
                )
            found.append(source.replace(taken.slice[0], ":, -1"))
    if len(found) != 1:
        raise Refused("no single [-1] stands on the line")
    return found


def _states(source: Source) -> set[str]:
    """Names that the second output of a call is given: ``hidden`` of ``out, hidden = self.lstm(x)``."""
    found: set[str] = set()
    for assign in source.every(cst.Assign):
        for target in assign.targets:
            if isinstance(target.target, cst.Tuple) and len(target.target.elements) > 1:
                second = target.target.elements[1].value
                names = [second] if isinstance(second, cst.Name) else list(source.every(cst.Name, second))
                found |= {n.value for n in names}
    return found
