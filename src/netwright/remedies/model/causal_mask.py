"""Let no step attend to later ones: a causal mask before the softmax, or for the attention layer."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._activations import activations_at, maker, makes_module
from .._calls import input_of
from .._loops import needs_torch
from ..loss._arguments import atom
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="causal-mask",
    mends=("NW218",),
    assumes="the later steps come in through a softmax of scores that have a name, or through a MultiheadAttention without a mask that is made in this file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Minus infinity above the diagonal of the scores; ``attn_mask`` for a layer."""
    assert finding.where.line is not None
    op, lines = finding.measured.get("op"), [w.line for w in (finding.where, *finding.also) if w.line]
    if op not in ("softmax", "multi_head_attention_forward"):
        raise Refused("the later steps do not come in through attention that is written out")
    needs_torch(source)
    for line in lines:
        changes = _scores(source, line) if op == "softmax" else _layer(source, line)
        if changes:
            return changes
    raise Refused("the softmax, or the attention layer, is not called on the line")


def _scores(source: Source, line: int) -> list[Change]:
    for call in activations_at(source, line, "softmax"):
        if makes_module(call):
            continue
        scores = input_of(source, call)
        name = name_of(scores)
        if not name:
            raise Refused("the scores have no name")
        future = f"torch.ones({name}.shape[-2:], dtype=torch.bool, device={name}.device).triu(1)"
        return [source.replace(scores, f'{atom(source, scores)}.masked_fill({future}, float("-inf"))')]
    return []


def _layer(source: Source, line: int) -> list[Change]:
    for call in source.at(cst.Call, line):
        made = maker(source, call)
        if made is None or last_name(made.func) != "MultiheadAttention" or not call.args:
            continue
        first = name_of(call.args[0].value)
        written = source.argument(made, "batch_first")
        if not first or source.argument(call, "attn_mask", 5) is not None:
            raise Refused("the queries have no name, or there is a mask already")
        axis = 1 if written is not None and source.code(written.value) == "True" else 0
        steps = f"{first}.shape[{axis}]"
        mask = f"torch.ones({steps}, {steps}, dtype=torch.bool, device={first}.device).triu(1)"
        return [source.set_argument(call, "attn_mask", mask, 5)]
    return []
