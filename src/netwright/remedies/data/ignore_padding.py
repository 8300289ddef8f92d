"""Give padding the zero vector, which no gradient changes: padding_idx."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="ignore-padding",
    mends=("NW121",),
    assumes="one embedding is made on the line, and the symbol stands at the ends of the rows",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``padding_idx`` becomes the symbol that fills the rows up."""
    token = padding(finding)
    assert finding.where.line is not None
    made = [c for c in source.at(cst.Call, finding.where.line) if last_name(c.func) == "Embedding"]
    if len(made) != 1:
        raise Refused("no one embedding is made on the line")
    return [source.set_argument(made[0], "padding_idx", str(token), position=2)]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The argument, as the embedding made on the line gets it."""
    return argument(finding, "nn.Embedding", "padding_idx", value=padding(finding))


def padding(finding: Finding) -> int:
    """The symbol that fills rows up.

    Raises:
        Refused: it stands all over the rows, as an unknown word does.
    """
    token, ends = finding.measured.get("token"), finding.measured.get("at_ends")
    if not isinstance(token, int) or not isinstance(ends, int | float) or ends < 0.95:
        raise Refused("the symbol stands all over the rows: it is no padding")
    return token
