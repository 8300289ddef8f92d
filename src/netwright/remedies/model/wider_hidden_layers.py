"""Four times as many hidden units: a network too small learns nothing by heart."""

import itertools
from collections.abc import Iterator, Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="wider-hidden-layers",
    mends=("NW701", "NW707"),
    assumes="linear layers stand one behind the other in a Sequential or in __init__ of one network, each taking as a number what the one before it gives",
)
_TIMES = 4
_MOST = 4096  # units: what is wider is not too small
_BETWEEN = {"BatchNorm1d": "num_features", "LayerNorm": "normalized_shape"}


@remedy.edit
def edit(source: Source, _: Finding) -> Sequence[Change]:
    """Every hidden width that two neighbours share is multiplied, in the normalization between them as well."""
    changes: dict[tuple[int, int], Change] = {}
    for layers in _rows(source):
        linear = [c for c in layers if last_name(c.func) == "Linear"]
        for first, second in itertools.pairwise(linear):
            out, into = source.argument(first, "out_features", 1), source.argument(second, "in_features", 0)
            if out is None or into is None or not isinstance(out.value, cst.Integer):
                continue
            if source.code(out.value) != source.code(into.value):
                continue
            between = [
                size
                for c in layers[layers.index(first) : layers.index(second)]
                if last_name(c.func) in _BETWEEN
                and (size := source.argument(c, _BETWEEN[last_name(c.func)], 0)) is not None
            ]
            if any(source.code(s.value) != source.code(out.value) for s in between):
                continue
            width = _TIMES * int(source.code(out.value))
            if width > _MOST:
                continue
            for node in (out.value, into.value, *(s.value for s in between)):
                change = source.replace(node, str(width))
                changes[(change.start, change.end)] = change
    if not changes:
        raise Refused("no two neighbouring linear layers share a width that is written as a number")
    return list(changes.values())


def _rows(source: Source) -> Iterator[list[cst.Call]]:
    """Layers one behind the other: the parts of a Sequential, or what ``__init__`` gives to attributes, without its Sequentials."""
    for call in source.every(cst.Call):
        if last_name(call.func) == "Sequential" and not any(a.star for a in call.args):
            yield [a.value for a in call.args if isinstance(a.value, cst.Call)]
    for function in source.every(cst.FunctionDef):
        if function.name.value == "__init__":
            yield [
                a.value
                for a in source.every(cst.Assign, function)
                if isinstance(a.value, cst.Call) and name_of(a.targets[0].target).startswith("self.")
            ]
