"""Leave the weights as torch initializes them: take the call out that sets them."""

from collections.abc import Sequence
from pathlib import Path

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="default-initialization",
    mends=("NW201", "NW202", "NW203", "NW207", "NW407"),
    assumes="the weights are set by an initializer of torch's, or by fill_ and the like, in a statement of its own, and have values without it",
)
_BLANK = frozenset(
    ("empty", "empty_like", "new_empty", "Tensor", "FloatTensor")
)  # memory with whatever is in it
_METHODS = frozenset(["fill_", "zero_", "normal_", "uniform_", "copy_", "mul_", "add_", "div_"])
_SCALES = frozenset(("mul_", "add_", "div_"))  # values that are there


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Delete the statement that sets the weights, with a loop that does nothing else; the module's own initialization stays."""
    for place in (finding.where, *finding.also):
        for call in source.at(cst.Call, place.line) if place.line is not None else []:
            if _initializes(source, call):
                _needs_values(source, call)
                return removed(source, source.statement_of(call))
    layer = (finding.where.module or "").rpartition(".")[2]
    named = [
        call
        for call in source.every(cst.Call)
        if layer
        and _initializes(source, call)
        and call.args
        and f".{layer}.weight" in source.code(call.args[0].value)
    ]
    for call in named:
        _needs_values(source, call)
    if named:
        return removed(source, *(source.statement_of(call) for call in named))
    raise Refused("no initializer of these weights stands in a statement of its own")


def _initializes(source: Source, call: cst.Call) -> bool:
    """Whether a call sets weights, in a statement that does nothing else."""
    name = last_name(call.func)
    known = "init" in name_of(call.func).split(".")[:-1] or name in _METHODS
    return name.endswith("_") and known and isinstance(source.parent(call), cst.Expr)


def _needs_values(source: Source, call: cst.Call) -> None:
    """Whether weights have values without a call that sets them.

    Raises:
        Refused: the program makes them itself without any, or may.
    """
    blank = [c for c in source.every(cst.Call) if last_name(c.func) == "Parameter" and _is_blank(source, c)]
    names = {
        last_name(t.target)
        for assign in source.every(cst.Assign)
        if any(c is inner for c in blank for inner in source.every(cst.Call, assign.value))
        for t in assign.targets
    }
    if last_name(call.func) in _SCALES or not blank:
        return
    given = (
        call.func.value if last_name(call.func) in _METHODS and isinstance(call.func, cst.Attribute) else None
    )
    if call.args and (given is None or "init" in name_of(given).split(".")):
        given = call.args[0].value
    while isinstance(given, cst.Attribute) and given.attr.value == "data":
        given = given.value
    # What a loop gives a name may be any of them.
    if not isinstance(given, cst.Attribute) or given.attr.value in names:
        raise Refused(
            "the program makes the weights without values, so that there are none without this call"
        )


def _is_blank(source: Source, parameter: cst.Call) -> bool:
    return any(last_name(c.func) in _BLANK for a in parameter.args for c in source.every(cst.Call, a.value))


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What sets weights on the line does nothing."""
    if finding.code in ("NW207", "NW407"):
        raise Refused("the line is that of the layer, and not of what sets its weights")
    written = finding.measured.get("initializer")
    if written == "":
        raise Refused("no call sets these weights: they are as they were made on the line")
    if isinstance(written, str) and written.startswith("__"):
        raise Refused("the weights are assigned to, which a re-run cannot leave out")
    if finding.where.file is not None and finding.where.line is not None:
        _look(Path(finding.where.file), finding.where.line)
    return at(finding, "instead", call="nn.init.* " + " ".join(f"Tensor.{m}" for m in sorted(_METHODS)))


def _look(path: Path, line: int) -> None:
    """Whether the weights that are set on a line have values without that, as far as the file can be read."""
    try:
        source = Source(path)
    except Refused:
        return
    for call in source.at(cst.Call, line):
        if _initializes(source, call):
            _needs_values(source, call)
