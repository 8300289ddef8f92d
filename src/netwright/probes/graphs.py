"""The step's graphs, and the task they ask for."""

from dataclasses import replace

from ..evidence import Graph, Graphs, Task
from ..inference import read_objective, read_task
from ..rule import NotApplicable
from .observed import Observed


def graphs(observed: Observed) -> Graphs:
    """One graph per line that calls backward; leaves that serve as targets are marked."""
    recording = observed.recording
    if not recording.captures:
        raise NotApplicable("no training step was seen: the program never called backward")
    train = tuple(_mark_targets(c.graph, c.optimizer) for c in recording.captures)
    later = tuple(c.graph for c in recording.later)
    evaluation = recording.evaluations[0].capture.graph if recording.evaluations else None
    return Graphs(train=train, later=later, evaluation=evaluation)


def _mark_targets(graph: Graph, optimizer: int | None) -> Graph:
    objective = read_objective(graph, 0)
    targets = {t.target for t in objective.terms if t.target is not None}
    nodes = tuple(
        replace(n, kind="target", op="target") if n.index in targets and n.kind == "constant" else n
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes, optimizer=optimizer)


def task(graphs: Graphs) -> Task:
    """What the program is asked to learn."""
    return read_task(graphs)
