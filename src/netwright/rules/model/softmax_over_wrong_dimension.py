"""Softmax over the wrong dimension.

## What it measures
The dimension along which the prediction's softmax (or log-softmax) normalizes, against the dimension that holds the classes
for the loss.

## Why it matters
Normalized over the batch, the outputs of one sample depend on the other samples of its batch and do not sum to one; training
seems to work, and every prediction made alone is wrong.

## How to fix
`softmax(x, dim=1)`, or `dim=-1` where the classes come last; always write `dim`.

## Known false alarms
Softmaxes inside the network (attention) are not looked at, nor a prediction whose form changes between softmax and loss.

## Source
PyTorch documentation of `nn.functional.softmax` (`dim`: the dimension along which the result sums to 1; leaving it out is
deprecated and picks dimension 0 for 1-D and 3-D tensors).
"""

from ...evidence import Graph, Graphs, Node, Objective, Ref, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity

rule = Rule(
    code="NW214",
    name="softmax-over-wrong-dimension",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    explains=("NW217", "NW301", "NW302", "NW304", "NW305", "NW311", "NW406", "NW601"),
    remedies=("softmax-dimension",),
)

_SOFTMAX = frozenset({"softmax", "log_softmax", "softmin"})
_SAME_FORM = frozenset(
    "log clamp clamp_min add contiguous clone float double to identity dropout nan_to_num alias".split()
)


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Compare the softmax's dimension with the loss's."""
    found: list[Finding] = []
    looked = False
    for objective in task.objectives:
        graph = graphs.train[objective.graph]
        softmax = _softmax(graph, objective)
        if softmax is None:
            continue
        looked = True
        finding = _judge(softmax, objective)
        if finding is not None:
            found.append(finding)
    if not looked:
        raise NotApplicable("the prediction is not the output of a softmax")
    return found


def _softmax(graph: Graph, objective: Objective) -> Node | None:
    """The softmax the prediction comes from, with nothing between that changes the form."""
    term = objective.term
    if term is None or term.prediction is None:
        return None
    node = graph[Ref(term.prediction, term.prediction_output)]
    for _ in range(6):
        if node.op in _SOFTMAX:
            return node
        if node.op not in _SAME_FORM or not node.refs:
            return None
        node = graph[node.refs[0]]
    return None


def _class_dim(objective: Objective, dims: int) -> int | None:
    if objective.class_dim is not None:
        return objective.class_dim % dims if dims else None
    term = objective.term
    values = term is not None and term.op in (
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "kl_div",
        "binary_cross_entropy",
    )
    return 1 if values and dims == 2 else None


def _judge(softmax: Node, objective: Objective) -> Finding | None:
    shape = softmax.output.shape if softmax.output is not None else ()
    wanted = _class_dim(objective, len(shape))
    given = softmax.arg(1, "dim")
    dim = given if isinstance(given, int) else (0 if len(shape) in (0, 1, 3) else 1)
    if wanted is None or not shape or shape[wanted] < 2:
        return None
    dim %= len(shape)
    if dim == wanted:
        return None
    term = objective.term
    along = "the samples of the batch" if dim == 0 else f"dimension {dim}"
    said = "" if isinstance(given, int) else " (dim was not given)"
    return rule.found(
        f"{softmax.op} at {softmax.edit.at} normalizes over {along}, {shape[dim]} values{said}; the {shape[wanted]} classes are in "
        f"dimension {wanted} of {shape}",
        where=softmax.edit.on(module=softmax.module),
        also=(term.where,) if term is not None else (),
        expected=f"softmax over the classes, dimension {wanted}",
        fix=f"write dim={wanted} in the {softmax.op} at {softmax.edit.at}",
        dim=dim,
        class_dim=wanted,
        shape=shape,
    )
