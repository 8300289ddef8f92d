"""The penalty on the weights outweighs the data.

## What it measures
The share of the loss, and of its gradient with respect to the parameters, that comes from terms computed from parameters alone
(a hand-written L1 or L2 penalty). Both shares must exceed one half; where gradients could not be measured, the penalty must be nine times the data term.

## Why it matters
The optimizer then makes the weights small rather than the answers right: the loss falls, the predictions stay the same for every input.

## How to fix
Lower the factor in front of the penalty until it is a small part of the loss; switch it off to see that the network learns, then raise it.

## Known false alarms
A KL term, a gradient penalty or an activity penalty depends on the data and is not counted. A weak penalty on very many weights can be a large number with a small gradient: it is not reported.

## Source
Emam, "Troubleshooting convolutional neural networks" ("regularization must not overwhelm the loss; switch it off and compare").
"""

import math

from ...evidence import Graph, Graphs, LossTerm, Task, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW309",
    name="regularization-overwhelms-loss",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("E5", "S3"),
    explains=("NW506", "NW601", "NW605"),
    remedies=("scale-regularization",),
    thresholds={
        "share": Threshold(
            value=0.5,
            unit="share of value and gradient",
            source="Emam: regularization must not overwhelm the data term",
        ),
        "value_alone": Threshold(
            value=0.9,
            unit="share of value",
            source="L2 of 5e-5 on a new ResNet-50 is 0.3 of the loss; far above that",
        ),
    },
)


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Compare penalty and data in value and gradient."""
    found: list[Finding] = []
    looked = False
    for objective in task.objectives:
        penalties = [t for t in objective.terms if t.op == "regularization" and t.value is not None]
        data = [t for t in objective.terms if t.op != "regularization" and t.value is not None]
        if not penalties or not data or graphs.train[objective.graph].step > 0:
            continue
        looked = True
        finding = _judge(graphs.train[objective.graph], penalties, data)
        if finding is not None:
            found.append(finding)
    if not looked:
        raise NotApplicable("no loss here has a penalty on the weights")
    return found


def _norm(terms: list[LossTerm]) -> float | None:
    """Joint gradient norm (penalties of different parameters stand at right angles); ``None`` when one is unknown."""
    norms = [t.gradient_norm for t in terms]
    return math.sqrt(sum(n**2 for n in norms if n is not None)) if None not in norms else None


def _judge(graph: Graph, penalties: list[LossTerm], data: list[LossTerm]) -> Finding | None:
    penalty = sum(abs(t.value or 0.0) for t in penalties)
    rest = sum(abs(t.value or 0.0) for t in data)
    total = penalty + rest
    if not math.isfinite(total) or total == 0:
        return None
    value_share = penalty / total
    pull, push = _norm(penalties), _norm(data)
    gradient_share = None if pull is None or push is None or pull + push == 0 else pull / (pull + push)
    if gradient_share is None and value_share <= rule["value_alone"]:
        return None
    if gradient_share is not None and min(value_share, gradient_share) <= rule["share"]:
        return None
    largest = max(penalties, key=lambda t: abs(t.value or 0.0))
    of_gradient = "" if gradient_share is None else f" and {gradient_share:.0%} of its gradient"
    factor = f" (factor {largest.weight:g} now)" if largest.weight is not None and largest.weight != 1 else ""
    return rule.found(
        f"the penalty on the weights at {largest.where.at} is {value_share:.0%} of the loss ({penalty:.3g} against {rest:.3g})"
        f"{of_gradient}: training shrinks the weights rather than fitting the data",
        where=_factor_line(graph, largest),
        also=(largest.where, *(t.where for t in data[:1])),
        expected="a penalty that is a small part of loss and gradient",
        fix=f"lower the factor of the penalty{factor} by about {10 ** math.ceil(math.log10(max(penalty / max(rest, 1e-12), 1) * 10)):.0f} times",
        value_share=value_share,
        gradient_share=gradient_share,
        penalty=penalty,
        data_loss=rest,
    )


def _factor_line(graph: Graph, term: LossTerm) -> Where:
    """The line with the factor in front of the penalty: that of the first multiplication by a number after it."""
    index = graph.consumer_index()
    node = graph[term.node]
    for _ in range(len(graph.nodes)):
        following = index[node.index]
        if len(following) != 1:
            break
        node = following[0]
        if node.op in ("mul", "div") and len(node.refs) == 1 and node.where.known:
            return node.where
    return term.where
