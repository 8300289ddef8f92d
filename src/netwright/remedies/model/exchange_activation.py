"""Exchange the hidden activation for one that keeps the gradient: ReLU for sigmoid and tanh, leaky ReLU for a ReLU whose units are dead."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import FUNCTIONS, activations_at, maker, makes_module
from .._calls import is_function, renamed
from .._hooks import at
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="exchange-activation",
    mends=("NW206", "NW406"),
    assumes="the activation stands on the line, or hidden ones stand in the Sequential or the forward of the layer that the finding names",
)

_FLAT = ("sigmoid", "tanh", "softsign")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Every sigmoid and tanh on the line, or between the layers around it, becomes a ReLU."""
    assert finding.where.line is not None
    if finding.code == "NW406":
        return _hidden(source, [p.line for p in (finding.where, *finding.also) if p.line is not None])
    changes = [
        _exchanged(source, c) for line in _lines(finding) for c in activations_at(source, line, *_FLAT)
    ]
    if not changes:
        raise Refused("no sigmoid or tanh is written on the line")
    return changes


def _lines(finding: Finding) -> list[int]:
    """That of the finding; all that it names where it speaks of each of them."""
    places = (finding.where, *finding.also) if finding.measured.get("each") else (finding.where,)
    return sorted({p.line for p in places if p.line is not None and p.file == finding.where.file})


def _exchanged(source: Source, call: cst.Call) -> Change:
    made = call if makes_module(call) else maker(source, call)
    return renamed(source, made, FUNCTIONS["relu"]) if made is not None else renamed(source, call, "relu")


def _hidden(source: Source, lines: list[int]) -> list[Change]:
    """Those between the layers of a ``Sequential`` on the lines, else those in ``forward`` whose result a layer takes up again."""
    for line in lines:
        for call in source.every(cst.Call):
            inside = source.line_of(call) <= line <= source.last_line_of(call)
            if inside and last_name(call.func) == "Sequential":
                # The last one belongs to the output.
                parts = [a.value for a in call.args[:-1] if isinstance(a.value, cst.Call)]
                changes = [
                    renamed(source, p, "ReLU") for p in parts if last_name(p.func) in ("Sigmoid", "Tanh")
                ]
                if changes:
                    return changes
    for line in lines:
        owner = source.above(source.statement(line), cst.ClassDef)
        if owner is None:
            continue
        for function in source.every(cst.FunctionDef, owner):
            changes = _in_forward(source, function) if function.name.value == "forward" else []
            if changes:
                return changes
    raise Refused("no hidden sigmoid or tanh is seen around the layers")


def _in_forward(source: Source, function: cst.FunctionDef) -> list[Change]:
    """``x = torch.tanh(self.a(x))``; what is multiplied is a gate, and what is returned the output."""
    changes: list[Change] = []
    for call in source.every(cst.Call, function):
        if last_name(call.func) not in ("sigmoid", "tanh") or not call.args:
            continue
        if (
            is_function(call)
            and isinstance(call.args[0].value, cst.Call)
            and _taken_up(source, call, function)
        ):
            changes.append(renamed(source, call, "relu"))
    return changes


def _taken_up(source: Source, call: cst.Call, function: cst.FunctionDef) -> bool:
    """Whether the next that happens to the result is that a layer takes it."""
    above = source.parent(call)
    if isinstance(above, cst.Assign) and len(above.targets) == 1:
        name, end = name_of(above.targets[0].target), source.span(call)[1]
        uses = [n for n in source.every(cst.Name, function) if n.value == name and source.span(n)[0] >= end]
        # A name on the left of "=" comes before what it is assigned in the text, not in time.
        uses = [n for n in uses if not isinstance(source.parent(n), cst.AssignTarget)]
        above = source.parent(uses[0]) if uses else None
    if not isinstance(above, cst.Arg):
        return False
    layer = source.parent(above)
    return isinstance(layer, cst.Call) and name_of(layer.func).startswith("self.")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What is made or applied on the line; which ones are hidden is not seen in a re-run."""
    if finding.code == "NW406":
        raise Refused("which activations are hidden is not seen in a re-run")
    if len(_lines(finding)) > 1:
        raise Refused("the activations stand on several lines")
    calls = " ".join([*_FLAT, *(f"nn.{FUNCTIONS[name]}" for name in _FLAT)])
    return at(finding, "instead", call=calls, function="relu", module="ReLU")
