"""Turn the sign of the loss."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._removal import removed
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source, called
from ._arguments import atom

remedy = Remedy(
    name="turn-sign",
    mends=("NW307",),
    bends_loss=True,
    assumes="the line returns the loss, gives it a name, or calls backward on it; or the optimizer is made there with maximize=True",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """A minus goes, or comes, or the line that does nothing else; ``maximize=True`` goes."""
    assert finding.where.line is not None
    line = finding.where.line
    if "least" in finding.measured:
        raise Refused("the loss has no lower bound: its targets are wrong, and not its sign")
    if "maximize" in finding.fix:
        call = optimizer_call(source, line)
        argument = source.argument(call, "maximize")
        if argument is None:
            raise Refused("maximize is not written in the call of the optimizer")
        return [source.drop_argument(call, argument)]
    match statement := source.statement(line):
        case cst.SimpleStatementLine(body=[cst.Return(value=cst.BaseExpression() as value)]):
            pass
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name())], value=value)]
        ):
            pass
        case _:
            value = next(
                (c.func.value for c in called(source, line, "backward") if isinstance(c.func, cst.Attribute)),
                None,
            )
            if value is None:
                raise Refused("the line neither returns the loss nor gives it a name")
            return [_before_backward(source, value)]
    if isinstance(value, cst.Tuple | cst.Dict):
        raise Refused("the line returns more than the loss")
    if isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Minus):
        if _only_turns(statement, value.expression):
            return removed(source, statement)
        return [source.replace(value, source.code(value.expression))]
    return [source.replace(value, f"-{atom(source, value)}")]


def _only_turns(statement: cst.CSTNode, value: cst.BaseExpression) -> bool:
    """Whether a statement is ``loss = -loss``: without the minus nothing is left of it."""
    match statement, value:
        case (
            cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))])]
            ),
            cst.Name(value=turned),
        ):
            return name == turned
        case _:
            return False


def _before_backward(source: Source, value: cst.BaseExpression) -> Change:
    """``loss.backward()`` becomes ``(-loss).backward()``, and the other way round."""
    start, end = source.span(value)
    if not (isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Minus)):
        return source.replace(value, f"(-{atom(source, value)})")
    # The parentheses around an expression are not part of its span.
    if source.text[start - 1] == "(" and source.text[end] == ")" and len(value.lpar) == 1:
        start, end = start - 1, end + 1
    return Change(start, end, atom(source, value.expression))


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The sign is turned before the loss is differentiated; ``maximize`` goes."""
    if "least" in finding.measured:
        raise Refused("the loss has no lower bound: its targets are wrong, and not its sign")
    if "maximize" in finding.fix:
        return argument(finding, "optimizer", "maximize")
    return Intervention(name="divide-loss", settings={"by": -1})
