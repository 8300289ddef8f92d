"""Graphs whose parameters bear the names they have in the network."""

from collections.abc import Mapping
from dataclasses import replace

from ..capture.graphs import GraphCapture
from ..evidence import Graph, Graphs
from .model import parameter_names
from .observed import Observed


def named(capture: GraphCapture, names: Mapping[int, tuple[int, str]]) -> Graph:
    """The graph with the parameters' names at their leaves."""
    nodes = list(capture.graph.nodes)
    for index, tensor in capture.parameters.items():
        if (home := names.get(id(tensor))) is not None:
            nodes[index] = replace(nodes[index], root=home[0], name=home[1])
    return replace(capture.graph, nodes=tuple(nodes))


def with_evaluation(graphs: Graphs, observed: Observed) -> Graphs:
    """The graphs with that of the first evaluation pass, which may come after the training steps were measured."""
    evaluations = observed.recording.evaluations
    if graphs.evaluation is not None or not evaluations:
        return graphs
    return replace(graphs, evaluation=named(evaluations[0].capture, parameter_names(observed)))
