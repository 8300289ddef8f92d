"""Leave padding out: a recurrent layer ends at the last symbol of each row, a mean is one over the symbols."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._loops import needs_torch
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of
from .ignore_padding import padding

remedy = Remedy(
    name="skip-padding",
    mends=("NW121",),
    assumes="padding fills rows up at their end, the embedding is an attribute made on the line, and what it gives for a name goes straight into a recurrent layer with batch_first=True of which the state alone is used, or into mean(1)",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``_, h = self.rnn(self.embed(x))`` gets a packed sequence; ``self.embed(x).mean(1)`` becomes a mean over what is no padding."""
    token = padding(finding)
    needs_torch(source)
    assert finding.where.line is not None
    names = {
        name_of(a.targets[0].target)
        for a in source.every(cst.Assign)
        if isinstance(a.value, cst.Call)
        and last_name(a.value.func) == "Embedding"
        and source.line_of(a) <= finding.where.line <= source.last_line_of(a)
    } - {""}
    changes: list[Change] = []
    for call in source.every(cst.Call):
        if name_of(call.func) in names:
            if len(call.args) != 1 or not isinstance(call.args[0].value, cst.Name):
                raise Refused("the embedding is called with something that has no name")
            changes.append(_packed(source, call, token) or _mean(source, call, token))
    return changes


def _packed(source: Source, call: cst.Call, token: int) -> Change | None:
    """The call as the sequence of a recurrent layer whose state alone is used."""
    argument = source.parent(call)
    layer = source.parent(argument) if isinstance(argument, cst.Arg) else None
    if not isinstance(layer, cst.Call) or not _batch_first(source, name_of(layer.func)):
        return None
    assign = source.parent(layer)
    target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
    if len(layer.args) != 1 or not isinstance(target, cst.Tuple) or len(target.elements) != 2:
        raise Refused("the recurrent layer is called with a state, or its results have no names")
    every_step = name_of(target.elements[0].value)
    function = source.above(call, cst.FunctionDef) or source.module
    if not every_step or sum(n.value == every_step for n in source.every(cst.Name, function)) > 1:
        raise Refused("what the recurrent layer says of every step is used")
    assert isinstance(call.args[0].value, cst.Name)
    x = call.args[0].value.value
    lengths = f"({x} != {token}).sum(1).clamp(min=1).cpu()"
    return source.replace(
        call,
        f"torch.nn.utils.rnn.pack_padded_sequence({source.code(call)}, {lengths}, batch_first=True, enforce_sorted=False)",
    )


def _batch_first(source: Source, name: str) -> bool:
    return bool(name) and any(
        name_of(a.targets[0].target) == name
        and isinstance(a.value, cst.Call)
        and last_name(a.value.func) in ("RNN", "GRU", "LSTM")
        and (first := source.argument(a.value, "batch_first")) is not None
        and source.code(first.value) == "True"
        for a in source.every(cst.Assign)
    )


def _mean(source: Source, call: cst.Call, token: int) -> Change:
    """The call as what a mean over the symbols is taken of."""
    attribute = source.parent(call)
    mean = source.parent(attribute) if isinstance(attribute, cst.Attribute) else None
    if not isinstance(mean, cst.Call) or last_name(mean.func) != "mean" or len(mean.args) != 1:
        raise Refused("what the embedding gives goes neither into a recurrent layer nor into a mean")
    dim = source.argument(mean, "dim", 0)
    if dim is None or source.code(dim.value) not in ("1", "-2"):
        raise Refused("the mean is not one over the symbols of a row")
    assert isinstance(call.args[0].value, cst.Name)
    there = f"({call.args[0].value.value} != {token})"
    return source.replace(
        mean,
        f"(({source.code(call)} * {there}.unsqueeze(-1)).sum(1) / {there}.sum(1, keepdim=True).clamp(min=1))",
    )
