"""Go through the data: draw from one iterator, and seed once, instead of beginning anew at every step."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, called, name_of

remedy = Remedy(
    name="go-through-the-data",
    bends_training=True,
    mends=("NW113",),
    assumes="next(iter(loader)), or the seed, stands in a loop of its own function",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``next(iter(loader))`` draws from an endless iterator made before the loop; a seed moves before the loop."""
    assert finding.where.line is not None
    if "seeded" in finding.measured:
        return _seed(source, finding.where.line)
    for call in called(source, finding.where.line, "next"):
        inner = call.args[0].value if call.args else None
        if not (isinstance(inner, cst.Call) and name_of(inner.func) == "iter" and len(inner.args) == 1):
            continue
        loader = source.code(inner.args[0].value)
        if not name_of(inner.args[0].value):
            raise Refused("the loader has no name")
        loop = _loop(source, call)
        targets = [f.target for f in source.every(cst.For, loop)] + [
            t.target for t in source.every(cst.AssignTarget, loop)
        ]
        if any(name_of(t) == loader for t in targets):
            raise Refused("the loader is another one in each round of the loop")
        name = (
            "batches" if not any(n.value == "batches" for n in source.every(cst.Name)) else "endless_batches"
        )
        return [
            source.before(
                _loop(source, call), f"{name} = (batch for _ in iter(int, 1) for batch in {loader})"
            ),
            source.replace(inner, name),
        ]
    raise Refused("next(iter(loader)) does not stand on the line")


def _seed(source: Source, line: int) -> Sequence[Change]:
    for call in called(source, line, "manual_seed", "seed", "seed_everything", "manual_seed_all"):
        if not isinstance(source.parent(call), cst.Expr):
            break
        names = {n.value for a in call.args for n in source.every(cst.Name, a.value)}
        loop = _loop(source, call)
        targets = {n.value for f in source.every(cst.For, loop) for n in source.every(cst.Name, f.target)}
        if names & targets:
            raise Refused("the seed depends on the loop")
        statement = source.statement_of(call)
        return [source.before(loop, source.line_code(statement)), source.delete(statement)]
    raise Refused(f"no call that seeds stands in a statement of its own on line {line}")


def _loop(source: Source, node: cst.CSTNode) -> cst.CSTNode:
    """The outermost loop around a node in its function."""
    function = source.above(node, cst.FunctionDef)
    found: cst.CSTNode | None = None
    here = source.above(node, cst.BaseCompoundStatement)
    while here is not None and here is not function:
        if isinstance(here, cst.For | cst.While):
            found = here
        here = source.above(here, cst.BaseCompoundStatement)
    if found is None:
        raise Refused("the line does not stand in a loop of its function")
    return found
