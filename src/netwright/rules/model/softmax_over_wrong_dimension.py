"""Softmax over the wrong dimension.

## What it measures
The dimension along which the softmax (or log-softmax) of a prediction normalizes, against the dimension that holds the classes
for the loss; and that of attention weights, against the dimension that their product with the values sums over.

## Why it matters
Normalized over the batch, the outputs of one sample depend on the other samples of its batch and do not sum to one; training
seems to work, and every prediction made alone is wrong. Attention weights that do not sum to one over what they weigh are no average of it; over the batch, they
also mix samples that have nothing to do with each other.

## How to fix
`softmax(x, dim=1)`, or `dim=-1` where the classes come last; always write `dim`.

## Known false alarms
Inside the network only a softmax whose result is multiplied (``matmul``, ``bmm``) with other values as it is, three dimensions and more, is looked at: weights that are normalized
once more in between (slot attention) are left alone. So is a prediction whose form changes between softmax and loss.

## Source
PyTorch documentation of `nn.functional.softmax` (`dim`: the dimension along which the result sums to 1; leaving it out is
deprecated and picks dimension 0 for 1-D and 3-D tensors). Vaswani et al., "Attention is all you need" (2017), section 3.2.1: the softmax gives the weights on the values.
"""

from collections.abc import Iterator

from ...evidence import Graph, Graphs, LossTerm, Node, Objective, Ref, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity

rule = Rule(
    code="NW214",
    name="softmax-over-wrong-dimension",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    explains=("NW217", "NW301", "NW302", "NW304", "NW305", "NW311", "NW406", "NW601", "NW701"),
    remedies=("softmax-dimension",),
)

_SOFTMAX = frozenset({"softmax", "log_softmax", "softmin"})
_SAME_FORM = frozenset(
    "log clamp clamp_min add masked_fill contiguous clone float double to identity dropout nan_to_num alias".split()
)


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Compare the softmax's dimension with the loss's."""
    found: list[Finding] = []
    looked = False
    for objective in task.objectives:
        graph = graphs.train[objective.graph]
        judged = [_judge(softmax, objective, term) for softmax, term in _predictions(graph, objective)]
        judged += [_judge_weights(softmax, product, side) for softmax, product, side in _weights(graph)]
        looked |= bool(judged)
        found.extend({f.where.line: f for f in judged if f is not None}.values())
    if not looked:
        raise NotApplicable("no prediction and no weights of an average are the output of a softmax")
    return found


def _predictions(graph: Graph, objective: Objective) -> Iterator[tuple[Node, LossTerm]]:
    """The softmax that the prediction of each term comes from."""
    for term in objective.terms:
        refs = [] if term.prediction is None else [Ref(term.prediction, term.prediction_output)]
        if term.op == "kl_div" and term.target is not None:
            refs.append(Ref(term.target, term.target_output))
        for ref in refs:
            softmax = _softmax(graph, ref)
            if softmax is not None:
                yield softmax, term


def _weights(graph: Graph) -> Iterator[tuple[Node, Node, int]]:
    """Softmaxes whose result is multiplied with other values as weights, and on which side of the product they stand."""
    for product in graph.ops("matmul", "bmm"):
        for side, ref in enumerate(product.refs[:2]):
            softmax = _softmax(graph, ref)
            shape = softmax.output.shape if softmax is not None and softmax.output is not None else ()
            info = graph.info(ref)
            if (
                softmax is not None
                and softmax.op == "softmax"
                and len(shape) > 2
                and info
                and info.shape == shape
            ):
                yield softmax, product, side


def _softmax(graph: Graph, ref: Ref) -> Node | None:
    """The softmax that a tensor comes from, with nothing between that changes the form."""
    node = graph[ref]
    for _ in range(6):
        if node.op in _SOFTMAX:
            return node
        if node.op not in _SAME_FORM or not node.refs:
            return None
        node = graph[node.refs[0]]
    return None


def _judge_weights(softmax: Node, product: Node, side: int) -> Finding | None:
    shape = softmax.output.shape if softmax.output is not None else ()
    wanted = len(shape) - 1 - side
    dim = _dim(softmax)
    if dim == wanted or (shape[dim] < 2 and shape[wanted] < 2):
        return None
    along = "the samples of the batch" if dim == 0 else f"dimension {dim}"
    return rule.found(
        f"{softmax.op} at {softmax.edit.at} normalizes weights of shape {shape} over {along}, but {product.op} at {product.where.at} sums "
        f"over dimension {wanted}: they are no weights of an average",
        where=softmax.edit.on(module=softmax.module),
        also=(product.where,),
        severity=None if dim == 0 else Severity.WARNING,
        expected=f"softmax over what the weights weigh, dimension {wanted - len(shape)}",
        fix=f"write dim={wanted - len(shape)} in the {softmax.op} at {softmax.edit.at}",
        dim=dim,
        summed_dim=wanted,
        shape=shape,
    )


def _dim(softmax: Node) -> int:
    shape = softmax.output.shape if softmax.output is not None else ()
    given = softmax.arg(1, "dim")
    return (given if isinstance(given, int) else (0 if len(shape) in (0, 1, 3) else 1)) % max(len(shape), 1)


def _class_dim(objective: Objective, term: LossTerm, dims: int) -> int | None:
    if objective.class_dim is not None and term == objective.term:
        return objective.class_dim % dims if dims else None
    values = term.op in (
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "kl_div",
        "binary_cross_entropy",
    )
    return 1 if values and dims == 2 else None


def _judge(softmax: Node, objective: Objective, term: LossTerm) -> Finding | None:
    shape = softmax.output.shape if softmax.output is not None else ()
    wanted = _class_dim(objective, term, len(shape))
    given, dim = softmax.arg(1, "dim"), _dim(softmax)
    if wanted is None or not shape or shape[wanted] < 2:
        return None
    if dim == wanted:
        return None
    along = "the samples of the batch" if dim == 0 else f"dimension {dim}"
    said = "" if isinstance(given, int) else " (dim was not given)"
    return rule.found(
        f"{softmax.op} at {softmax.edit.at} normalizes over {along}, {shape[dim]} values{said}; the {shape[wanted]} classes are in "
        f"dimension {wanted} of {shape}",
        where=softmax.edit.on(module=softmax.module),
        also=(term.where,),
        expected=f"softmax over the classes, dimension {wanted}",
        fix=f"write dim={wanted} in the {softmax.op} at {softmax.edit.at}",
        dim=dim,
        class_dim=wanted,
        shape=shape,
    )
