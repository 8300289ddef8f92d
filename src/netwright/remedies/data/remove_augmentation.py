"""Take out the augmentation that destroys the label."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._networks import networks_at
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="remove-augmentation",
    late=True,
    mends=("NW111", "NW120"),
    assumes="the augmentation is done in the training loop, by a statement of its own on the line (x = f(x), noisy = x + noise), or by a call in that of the network",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The statement is deleted; ``model(f(x))`` becomes ``model(x)``."""
    assert finding.where.line is not None
    if "left" not in finding.measured:
        raise Refused("it is done in the dataset of the evaluation, which shares it with the training")
    statement = source.statement(finding.where.line)
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]
        ) if any(n.value == name for n in source.every(cst.Name, value)):
            return [source.delete(statement)]
        case cst.SimpleStatementLine(body=[cst.AugAssign()]):
            return [source.delete(statement)]
        case _:
            pass
    for network in networks_at(source, finding.where.line):
        inner = network.call.args[0].value if len(network.call.args) == 1 else None
        if isinstance(inner, cst.Call) and len(inner.args) == 1 and name_of(inner.args[0].value):
            return [source.replace(inner, source.code(inner.args[0].value))]
    raise Refused("the augmentation is no statement of its own on the line")
