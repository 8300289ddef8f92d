"""Tell the layer which axis holds the samples: batch_first."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="batch-first",
    mends=("NW217", "NW219", "NW221"),
    assumes="the layer is made on the line, and is not the last to read time for samples",
)
_LAYERS = (
    "RNN",
    "LSTM",
    "GRU",
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "Transformer",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``batch_first=True`` where samples come first; out with it where time does."""
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        if last_name(call.func) not in _LAYERS:
            continue
        argument = source.argument(call, "batch_first")
        now = finding.measured.get("batch_first", False)
        if argument is None:
            if now is True:
                raise Refused("batch_first is not written where the layer is made")
            return [source.set_argument(call, "batch_first", "True")]
        written = source.code(argument.value)
        if written not in ("True", "False"):
            raise Refused("batch_first is not written as True or False")
        if written == "False":
            return [source.replace(argument.value, "True")]
        if finding.code != "NW219":
            raise Refused("batch_first is set already")
        return [source.drop_argument(call, argument)]
    raise Refused("no layer that has batch_first is made on the line")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The other of the two, as the layer made on the line gets it."""
    now = finding.measured.get("batch_first", False)
    if now is True and finding.code != "NW219":
        raise Refused("batch_first is set already")
    return argument(finding, " ".join(f"nn.{layer}" for layer in _LAYERS), "batch_first", value=not now)
