"""Where targets and inputs come from, as far as the recorded calls tell."""

from ..capture.graphs import GraphCapture
from ..evidence import NOWHERE, RESHAPES, Graph, LossTerm, Node, Ref, Where
from ..inference import origin

_PICKS = frozenset("__getitem__ index_select gather take roll flip sort take_along_dim".split())
_JOINS = frozenset("cat concat concatenate stack hstack vstack column_stack add __setitem__ where".split())


def chain(graph: Graph, ref: Ref) -> list[Node]:
    """Calls that made a tensor of data, from the last one back, along the first tensor that each was given."""
    found: list[Node] = []
    node = graph[ref]
    while len(found) < 200:
        if node.kind == "op":
            found.append(node)
        if not node.refs:
            break
        node = graph[node.refs[0]]
    return found


def targets_at(capture: GraphCapture, term: LossTerm, loader: Where) -> Where:
    """The line that puts targets in another order than inputs where there is one, else the one that picks them, else the loader's, else that of the loss."""
    graph = capture.graph
    if term.target is None:
        return term.where
    mine = [n for n in chain(graph, Ref(term.target, term.target_output)) if n.where.known]
    theirs = {i for door in capture.doors for n in chain(graph, Ref(door)) for i in _indices(graph, n)}
    picks = [n for n in mine if n.op in _PICKS and _reorders(n)]
    alone = [n for n in picks if not _indices(graph, n) & theirs]
    if theirs and alone and len(alone) < len(picks):
        return alone[0].where
    if not theirs and alone:
        return alone[0].where
    if loader.known:
        return alone[0].where if alone else loader
    made = [n for n in mine if n.op not in RESHAPES]
    nearest = alone or picks or made
    return nearest[0].where if nearest else term.where


def _reorders(node: Node) -> bool:
    return len(node.refs) > 1 or node.op in ("roll", "flip", "sort")


def _indices(graph: Graph, node: Node) -> frozenset[int]:
    """What a picking call was told to pick, by the node that holds it."""
    if node.op not in _PICKS:
        return frozenset()
    return frozenset(origin(graph, ref).index for ref in node.refs[1:])


def joined_at(capture: GraphCapture, term: LossTerm) -> Where:
    """The line at which targets join the inputs; nowhere where no recorded call does that."""
    graph = capture.graph
    if term.target is None:
        return NOWHERE
    sources = {n.index for n in chain(graph, Ref(term.target, term.target_output))}
    sources |= {origin(graph, Ref(term.target, term.target_output)).index, term.target}
    for door in capture.doors:
        before = [graph.nodes[i] for i in sorted(graph.ancestors(door), reverse=True)]
        for node in before:
            if node.kind == "op" and node.op in _JOINS and node.where.known:
                parts = [graph.ancestors(r.node) for r in node.refs]
                if any(p & sources for p in parts) and not all(p & sources for p in parts):
                    return node.where
    return NOWHERE
