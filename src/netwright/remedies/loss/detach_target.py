"""Take the target as given: no gradient goes through it."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of
from ._arguments import argument_of, atom, losses_at

remedy = Remedy(
    name="detach-target",
    mends=("NW312",),
    bends_loss=True,
    assumes="the line gives the target a name, or calls a loss of torch's with it",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``.detach()`` at the target in the call of the loss, else where it gets its name."""
    lines = [finding.where.line, *(w.line for w in finding.also)]
    for line in lines:
        calls = losses_at(source, line) if line is not None else []
        if len(calls) == 1:
            target = argument_of(source, calls[0], "target", 1)
            if target is not None and (
                line == finding.where.line or name_of(target) in _named(source, finding)
            ):
                return [source.replace(target, f"{atom(source, target)}.detach()")]
    assert finding.where.line is not None
    statement = source.statement(finding.where.line)
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name())], value=value)]
        ):
            return [source.replace(value, f"{atom(source, value)}.detach()")]
        case _:
            raise Refused("the target gets no name on the line")


def _named(source: Source, finding: Finding) -> set[str]:
    """Names that the line of the finding assigns: the target is one of them, or the call on the other line has arguments in another order."""
    return {name_of(t.target) for a in source.at(cst.Assign, finding.where.line or 0) for t in a.targets} - {
        ""
    }


@remedy.on_steps
def on_steps(finding: Finding) -> Intervention:
    """What the loss takes for its target."""
    place = next((w for w in finding.also if w.known), finding.where)
    return Intervention(name="detach-target", settings={"file": place.file, "line": place.line})
