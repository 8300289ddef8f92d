"""Losses that need not fall as a network learns: over what it has drawn itself, or towards targets that a trained network makes. Pure functions over the plain graph."""

from collections.abc import Iterable

from .evidence import Graph, Graphs, Node, Ref

_DRAWS = frozenset("multinomial bernoulli binomial poisson normal".split())
_SHAPE_ONLY = frozenset(
    "randn_like rand_like randint_like zeros_like ones_like empty_like full_like new_zeros new_ones new_empty new_full new_tensor".split()
)
ACTS = "the network's own output is drawn from between the steps, as by an agent that acts: what it is trained on changes with it, and the loss need not fall"
_LOOKED_AT = 8  # draws: an episode has hundreds of the same


def why_it_moves(graph: Graph, target: Ref | None) -> str:
    """Why the loss of a graph is no measure of what is learned; empty where nothing says so.

    Reinforcement learning by policy gradients weighs the log-probabilities of actions that were drawn from the network's own output (Williams, "Simple statistical gradient-following algorithms", 1992): the loss has
    no meaning of its own, and grows with the returns. Targets that a trained network makes (Mnih et al., "Human-level control through deep reinforcement learning", 2015; pseudo-labels) move with it. A teacher that was frozen stands still.
    """
    path = graph.ancestors(graph.loss) if graph.loss is not None else frozenset[int]()
    if _draws_from_itself(graph, (graph.nodes[i] for i in sorted(path))):
        return "the loss is over what was drawn from the network's own output, as in reinforcement learning: it need not fall"
    if target is not None and _made_by_a_network(graph, target.node):
        return "the targets are made by a network that can be trained: they move, and the loss need not fall"
    return ""


def acts(graphs: Graphs) -> bool:
    """Whether something is drawn from a network's output in a pass that is not trained on, as by an agent that acts."""
    seen = graphs.evaluation
    return seen is not None and _draws_from_itself(seen, seen.nodes)


def _draws_from_itself(graph: Graph, nodes: Iterable[Node]) -> bool:
    draws = [n for n in nodes if n.kind == "op" and n.op.rstrip("_") in _DRAWS]
    return any(_made_by_a_network(graph, ref.node) for n in draws[:_LOOKED_AT] for ref in n.refs)


def _made_by_a_network(graph: Graph, start: int) -> bool:
    """Whether parameters that want a gradient are behind the values of a node, not its shape alone."""
    if _is_end(graph.nodes[start]):
        return False
    behind = graph.ancestors(start, stop=_is_end)
    found = [n for n in (graph.nodes[i] for i in behind) if n.kind == "parameter"]
    return any(n.output is None or n.output.requires_grad for n in found)


def _is_end(node: Node) -> bool:
    """Whether what lies behind a node does not count: only its shape is taken, or it is frozen here."""
    frozen = node.op == "requires_grad_" and node.output is not None and not node.output.requires_grad
    return frozen or node.op in _SHAPE_ONLY
