"""The step's graphs, and the task they ask for."""

from dataclasses import replace

from ..evidence import Graph, Graphs, Task
from ..inference import read_objective, read_task
from ..rule import NotApplicable
from ._named import named, with_evaluation
from ._terms import weighed
from .model import parameter_names
from .observed import Observed


def graphs(observed: Observed) -> Graphs:
    """One graph per line that calls backward; leaves that serve as targets are marked."""
    recording = observed.recording
    if not recording.captures:
        raise NotApplicable("no training step was seen: the program never called backward")
    names = parameter_names(observed)
    train = tuple(_mark_targets(named(c, names), c.optimizer) for c in recording.captures)
    later = tuple(named(c, names) for c in recording.later)
    return with_evaluation(Graphs(train=train, later=later), observed)


def _mark_targets(graph: Graph, optimizer: int | None) -> Graph:
    objective = read_objective(graph, 0)
    targets = {t.target for t in objective.terms if t.target is not None}
    nodes = tuple(
        replace(n, kind="target", op="target") if n.index in targets and n.kind == "constant" else n
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes, optimizer=optimizer)


def task(graphs: Graphs, observed: Observed) -> Task:
    """What the program is asked to learn, with what each part of the loss weighs."""
    read = read_task(graphs)
    captures = observed.recording.captures
    return replace(read, objectives=tuple(weighed(o, captures[o.graph]) for o in read.objectives))
