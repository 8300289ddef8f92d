"""Put a ReLU between two layers that have none."""

import itertools
from collections.abc import Sequence
from typing import cast

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._training import calls_of, receiver, scope
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="add-activation",
    mends=("NW205",),
    assumes="the layers are neighbours in a Sequential or a list of layers, are appended to one, or are attributes that forward calls by name",
)
_LAYERS = ("Linear", "Conv1d", "Conv2d", "Conv3d", "LazyLinear", "ConvTranspose1d", "ConvTranspose2d")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``nn.ReLU()`` after every layer that another follows at once."""
    assert finding.where.line is not None
    changes = (
        _in_sequential(source, finding.where.line)
        or _appended(source, finding.where.line)
        or _in_forward(source, finding)
    )
    if not changes:
        raise Refused("the two layers are not seen side by side")
    return changes


def _in_sequential(source: Source, line: int) -> list[Change]:
    changes: list[Change] = []
    for owner in [*source.every(cst.Call), *source.every(cst.List)]:
        if not source.line_of(owner) <= line <= source.last_line_of(owner):
            continue
        if isinstance(owner, cst.Call):
            items = [(a, a.value) for a in owner.args] if last_name(owner.func) == "Sequential" else []
        else:
            items = [(e, e.value) for e in owner.elements]
        for (here, one), (after, other) in itertools.pairwise(items):
            if _is_layer(one) and _is_layer(other):
                assert isinstance(one, cst.Call)
                library = name_of(one.func).rpartition(".")[0]
                end, start = source.span(here)[1], source.span(after)[0]
                gap = (
                    source.text[end:start].replace(source.text[end:start].strip(), ",", 1)
                    if source.text[end:start].strip() != ","
                    else source.text[end:start]
                )
                changes.append(
                    Change(start, start, f"{library + '.' if library else ''}ReLU()" + _plain(gap))
                )
    return changes


def _plain(gap: str) -> str:
    """The space between two items without comments."""
    kept = [line.partition("#")[0] for line in gap.split("\n")]
    return "\n".join([kept[0].rstrip(), *kept[1:]]) if len(kept) > 1 else gap


def _is_layer(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and last_name(node.func) in _LAYERS


def _appended(source: Source, line: int) -> list[Change]:
    """``layers.append(nn.Linear(a, b))``: a ReLU is appended next, where another layer follows."""
    for call in source.at(cst.Call, line):
        name = receiver(call)
        if (
            last_name(call.func) != "append"
            or not name
            or len(call.args) != 1
            or not _is_layer(call.args[0].value)
        ):
            continue
        statement = source.statement_of(call)
        loop = source.above(statement, cst.For)
        end = source.span(loop or statement)[1]
        later = [c for c in calls_of(source, "append", inside=scope(source, call)) if receiver(c) == name]
        if not any(source.span(c)[0] > end and c.args and _is_layer(c.args[0].value) for c in later):
            raise Refused("no layer is appended behind it, and the last one gets no activation")
        if not isinstance(source.parent(call), cst.Expr):
            break
        layer = call.args[0].value
        assert isinstance(layer, cst.Call)
        library = name_of(layer.func).rpartition(".")[0]
        return [source.after(statement, f"{name}.append({library + '.' if library else ''}ReLU())")]
    return []


def _in_forward(source: Source, finding: Finding) -> list[Change]:
    """``x = self.a(x)`` becomes ``x = torch.relu(self.a(x))``, for each first layer of a pair."""
    first = {f"self.{n.rpartition('.')[2]}" for n in _first(finding)}
    assert finding.where.line is not None
    changes: list[Change] = []
    for call in source.at(cst.Call, finding.where.line):
        inside = source.above(call, cst.FunctionDef)
        if inside is None or name_of(call.func) not in first:
            continue
        relu = _relu(source)
        for other in source.every(cst.Call, inside):
            if name_of(other.func) in first and isinstance(inside.body, cst.IndentedBlock):
                start, end = source.span(other)
                changes += [Change(start, start, f"{relu}("), Change(end, end, ")")]
        return changes
    return []


def _relu(source: Source) -> str:
    names = {n.value for n in source.every(cst.Name)}
    if "torch" in names and any(
        name_of(a.name) == "torch" and a.asname is None for a in source.every(cst.ImportAlias)
    ):
        return "torch.relu"
    if "F" in names:
        return "F.relu"
    raise Refused("torch is not imported by its name")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """Behind the first layer of each pair."""
    names = _first(finding)
    if not names:
        raise Refused("the layers have no names")
    return Intervention(name="activate-layers", settings={"layers": " ".join(names)})


def _first(finding: Finding) -> list[str]:
    """The first layer of each pair, by its path."""
    pairs = finding.measured.get("pairs")
    named = [finding.where.module or ""]
    if isinstance(pairs, list | tuple):
        named += [str(pair[0]) for pair in cast("list[list[object]]", pairs) if pair]
    return [n for n in dict.fromkeys(named) if n]
