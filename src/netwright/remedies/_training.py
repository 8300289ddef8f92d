"""Finds the parts of a training loop in a source: the backward pass, the step, the optimizer's name."""

from collections.abc import Iterator

import libcst as cst

from .source import Refused, Source, last_name, name_of


def calls_of(source: Source, *methods: str, inside: cst.CSTNode | None = None) -> Iterator[cst.Call]:
    """Calls of methods by name (``backward``, ``step``), in order."""
    for call in source.every(cst.Call, inside):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in methods:
            yield call


def receiver(call: cst.Call) -> str:
    """What a method is called on, as it is written; empty where that is no name."""
    return name_of(call.func.value) if isinstance(call.func, cst.Attribute) else ""


def made_by(source: Source, *classes: str) -> set[str]:
    """Names that are assigned what a class (or a function) makes; a class matches by the end of its dotted name."""
    found: set[str] = set()
    for assign in source.every(cst.Assign):
        if isinstance(assign.value, cst.Call) and name_of(assign.value.func).endswith(classes):
            found |= {name_of(t.target) for t in assign.targets}
    return found - {""}


def is_schedule(source: Source, name: str) -> bool:
    """Whether a name belongs to a scheduler of the learning rate, by what makes it or by how it is called."""
    made = {
        name_of(t.target)
        for a in source.every(cst.Assign)
        if isinstance(a.value, cst.Call) and "lr_scheduler" in name_of(a.value.func)
        for t in a.targets
    }
    return name in made or "sched" in name.lower()


def scope(source: Source, node: cst.CSTNode) -> cst.CSTNode:
    """The function that a node stands in, or the whole file."""
    return source.above(node, cst.FunctionDef) or source.module


def backward_at(source: Source, line: int) -> cst.Call:
    """The call of ``backward`` on a line.

    Raises:
        Refused: there is none.
    """
    for call in source.at(cst.Call, line):
        if last_name(call.func) == "backward":
            return call
    raise Refused(f"no call of backward stands on line {line}")


def steps_near(source: Source, node: cst.CSTNode) -> list[tuple[cst.Call, str]]:
    """Steps of optimizers in the function around a node, each with the optimizer's name; those after the node first."""
    found: list[tuple[cst.Call, str]] = []
    for call in calls_of(source, "step", inside=scope(source, node)):
        name = receiver(call)
        if call.args and "scaler" in name.lower():
            name = name_of(call.args[0].value)
        if name and not is_schedule(source, name):
            found.append((call, name))
    start = source.span(node)[0]
    return sorted(
        found, key=lambda pair: (source.span(pair[0])[0] < start, abs(source.span(pair[0])[0] - start))
    )


def optimizer_near(source: Source, node: cst.CSTNode) -> str:
    """The name of the optimizer in the function around a node.

    Raises:
        Refused: none is called there by a name.
    """
    steps = steps_near(source, node)
    if steps:
        return steps[0][1]
    cleared = [receiver(c) for c in calls_of(source, "zero_grad", inside=scope(source, node))]
    made = made_by(source, *OPTIMIZERS)
    visible = {n for n in made if "." not in n} if scope(source, node) is source.module else set[str]()
    for name in [*cleared, *sorted(visible)]:
        if name and (name in made or "opt" in name.lower()):
            return name
    raise Refused("the optimizer has no name in the function that trains")


OPTIMIZERS = (
    "SGD",
    "Adam",
    "AdamW",
    "NAdam",
    "RAdam",
    "Adamax",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Rprop",
    "ASGD",
    "LBFGS",
    "SparseAdam",
    "Adafactor",
)


def optimizer_call(source: Source, line: int) -> cst.Call:
    """The call that makes an optimizer on a line.

    Raises:
        Refused: there is none, or its class is not one of torch's.
    """
    for call in source.at(cst.Call, line):
        if last_name(call.func) in OPTIMIZERS:
            return call
    raise Refused(f"no optimizer of torch's is made on line {line}")


def block_of(source: Source, node: cst.CSTNode, *, holding: str) -> tuple[cst.CSTNode, cst.CSTNode]:
    """The statement around a node and a sibling of it that calls a method, at the nearest level at which both stand in one block.

    Raises:
        Refused: there is no such sibling.
    """
    here: cst.CSTNode | None = source.statement_of(node)
    while here is not None:
        for sibling in source.siblings(here):
            if sibling is not here and any(True for _ in calls_of(source, holding, inside=sibling)):
                return here, sibling
        here = source.above(here, cst.BaseCompoundStatement)
    raise Refused(f"no call of {holding} stands beside it")
