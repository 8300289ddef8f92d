"""Give the loss its labels in the code that it is defined for."""

from collections.abc import Sequence

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source
from ._arguments import argument_of, atom, losses_at

remedy = Remedy(
    name="recode-labels",
    mends=("NW106",),
    bends_loss=True,
    assumes="the loss is a call of torch's on the line, and the labels are -1 and 1, 1 and 2, or 0 to 100 or 255 where 0 and 1 are wanted, or the other way round",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The target becomes ``(y + 1) / 2``, ``y - 1``, ``y / 255`` or ``2 * y - 1`` in the call."""
    low, high = finding.measured.get("min"), finding.measured.get("max")
    assert finding.where.line is not None
    calls = losses_at(source, finding.where.line)
    if len(calls) != 1:
        raise Refused("no single loss of torch's is called on the line")
    target = argument_of(source, calls[0], "target", 1)
    if target is None:
        raise Refused("the target is not seen in the call")
    text = atom(source, target)
    two = finding.measured.get("distinct") == 2
    if "-1 and 1" in finding.expected and (low, high) == (0, 1):
        return [source.replace(target, f"2 * {text} - 1")]
    if "between 0 and 1" not in finding.expected:
        raise Refused("which code is wanted is not known")
    if two and (low, high) == (-1, 1):
        return [source.replace(target, f"({text} + 1) / 2")]
    if two and (low, high) == (1, 2):
        return [source.replace(target, f"{text} - 1")]
    if low == 0 and high in (100, 255):
        return [source.replace(target, f"{text} / {high:.0f}")]
    raise Refused("the labels are in no code that is known")
