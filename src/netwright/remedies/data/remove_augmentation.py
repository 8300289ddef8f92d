"""Take out the augmentation that destroys the label, or the noise that makes training samples unlike real ones."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._networks import networks_at
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="remove-augmentation",
    bends_training=True,
    late=True,
    mends=("NW111", "NW120"),
    assumes="the augmentation is done in the training loop, by a statement of its own on the line (x = f(x), noisy = x + noise), or by a call in that of the network",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The statement is deleted; of a sum with random numbers the other side stays; ``model(f(x))`` becomes ``model(x)``."""
    assert finding.where.line is not None
    if finding.code == "NW120" and "left" not in finding.measured:
        raise Refused("it is done in the dataset of the evaluation, which shares it with the training")
    statement = source.statement(finding.where.line)
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]
        ) if any(n.value == name for n in source.every(cst.Name, value)):
            return removed(source, statement)
        case cst.SimpleStatementLine(body=[cst.AugAssign()]):
            return removed(source, statement)
        case cst.SimpleStatementLine(
            body=[
                cst.Assign(
                    targets=[cst.AssignTarget(target=cst.Name())], value=cst.BinaryOperation() as noisy
                )
            ]
        ) if isinstance(noisy.operator, cst.Add):
            plain = [
                s
                for s, other in ((noisy.left, noisy.right), (noisy.right, noisy.left))
                if _draws(source, other) and not _draws(source, s)
            ]
            if plain:
                return [source.replace(noisy, source.code(plain[0]))]
        case _:
            pass
    for network in networks_at(source, finding.where.line):
        inner = network.call.args[0].value if len(network.call.args) == 1 else None
        if isinstance(inner, cst.Call) and len(inner.args) == 1 and name_of(inner.args[0].value):
            return [source.replace(inner, source.code(inner.args[0].value))]
    raise Refused("the augmentation is no statement of its own on the line")


def _draws(source: Source, node: cst.BaseExpression) -> bool:
    """Whether an expression draws random numbers of a continuous kind."""
    calls = [*source.every(cst.Call, node)]
    return any(last_name(c.func).startswith(("rand", "normal", "uniform")) for c in calls)
