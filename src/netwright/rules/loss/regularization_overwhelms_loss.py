"""The penalty on the weights outweighs the data.

## What it measures
The share of the loss, and of its gradient with respect to the parameters, that comes from terms computed from parameters alone
(a hand-written L1 or L2 penalty). Both shares must exceed one half; where gradients could not be measured, the penalty must be nine times the data term.
Where the experiment `initial-loss` was done the penalties were switched off and made up to ten times stronger on copies of the step: a norm or a sum of squares that is subtracted from the loss, or that passes no gradient on, is reported too,
and the finding tells what the loss without the penalty comes to with and without it.

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

from ...evidence import Graph, Graphs, InitialLoss, LossTerm, Task, TermShare, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW309",
    name="regularization-overwhelms-loss",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("E5", "S3"),
    remedies=("weaker-penalty",),
    explains=("NW506", "NW601", "NW605"),
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
def check(graphs: Graphs, task: Task, tried: InitialLoss | None = None) -> list[Finding]:
    """Compare penalty and data in value and gradient; where its strength was tried, see that the loss grows with it."""
    found: list[Finding] = []
    looked = False
    for objective in task.objectives:
        penalties = [t for t in objective.terms if t.op == "regularization" and t.value is not None]
        data = [t for t in objective.terms if t.op != "regularization" and t.value is not None]
        if not penalties or not data or graphs.train[objective.graph].step > 0:
            continue
        looked = True
        mine = tried if objective.graph == 0 else None
        finding = _judge(graphs.train[objective.graph], penalties, data, mine)
        found.extend([finding] if finding is not None else _without_effect(mine))
    if not looked:
        raise NotApplicable("no loss here has a penalty on the weights")
    return found


def _norm(terms: list[LossTerm]) -> float | None:
    """Joint gradient norm (penalties of different parameters stand at right angles); ``None`` when one is unknown."""
    norms = [t.gradient_norm for t in terms]
    return math.sqrt(sum(n**2 for n in norms if n is not None)) if None not in norms else None


def _judge(
    graph: Graph, penalties: list[LossTerm], data: list[LossTerm], tried: InitialLoss | None
) -> Finding | None:
    penalty = sum(abs(t.value or 0.0) for t in penalties)
    rest = sum(abs(t.value or 0.0) for t in data)
    total = penalty + rest
    if not math.isfinite(total) or total == 0:
        return None
    value_share = penalty / total
    pull, push = _norm(penalties), _norm(data)
    gradient_share = None if pull is None or push is None or pull + push == 0 else pull / (pull + push)
    if gradient_share is None and tried is not None:
        gradient_share = _smallest_share(tried)
    if gradient_share is None and value_share <= rule["value_alone"]:
        return None
    if gradient_share is not None and min(value_share, gradient_share) <= rule["share"]:
        return None
    largest = max(penalties, key=lambda t: abs(t.value or 0.0))
    # So that it comes to a hundredth of the data's loss: a decay that is worth its name, and no more.
    times = float(f"{max(100 * penalty / rest, 10):.0e}") if rest > 0 else 1000.0
    of_gradient = "" if gradient_share is None else f" and {gradient_share:.0%} of its gradient"
    factor = f" (factor {largest.weight:g} now)" if largest.weight is not None and largest.weight != 1 else ""
    return rule.found(
        f"the penalty on the weights at {largest.where.at} is {value_share:.0%} of the loss ({penalty:.3g} against {rest:.3g})"
        f"{of_gradient}: training shrinks the weights rather than fitting the data{_compared(tried)}",
        where=_factor_line(graph, largest),
        also=(largest.where, *(t.where for t in data[:1])),
        expected="a penalty that is a small part of loss and gradient",
        fix=f"lower the factor of the penalty{factor} by about {times:,.0f} times",
        times=times,
        value_share=value_share,
        gradient_share=gradient_share,
        penalty=penalty,
        data_loss=rest,
    )


def _smallest_share(tried: InitialLoss) -> float | None:
    """The share of the penalties in the gradient, in the batch where it is smallest."""
    shares = [t.gradient_share for t in tried.terms if t.penalty]
    known = [s[0] for s in shares if s is not None]
    return sum(known) if known and len(known) == len(shares) else None


def _compared(tried: InitialLoss | None) -> str:
    """What the loss without the penalties comes to when they are off, and when they are on."""
    at = {s.factor: s for s in tried.strengths} if tried is not None else {}
    if 0.0 not in at or 1.0 not in at:
        return ""
    off, on = at[0.0], at[1.0]
    return f" (after {on.steps} steps the rest of the loss is {on.data:.3g}, and {off.data:.3g} with the penalty switched off)"


def _without_effect(tried: InitialLoss | None) -> list[Finding]:
    """Penalties that the loss does not grow with, or that no parameter feels."""
    losses = {s.factor: s.loss for s in tried.strengths} if tried is not None else {}
    if tried is None or len(losses) < 2:
        return []
    weak, strong = min(losses), max(losses)
    found: list[Finding] = []
    for term in (t for t in tried.terms if t.magnitude and any(t.values)):
        if term.slope < 0 and losses[strong] < losses[weak]:
            found.append(_subtracted(term, losses, weak, strong))
        elif not term.reaches:
            found.append(_not_felt(term))
    return found


def _subtracted(term: TermShare, losses: dict[float, float], weak: float, strong: float) -> Finding:
    return rule.found(
        f"the penalty on the weights at {term.where.at} is subtracted: with {strong:g} times its strength the loss falls from {losses[weak]:.3g} to {losses[strong]:.3g}, so "
        "training makes the weights larger",
        where=term.where,
        expected="a loss that grows with the strength of the penalty",
        fix="add the penalty to the loss",
        loss_weak=losses[weak],
        loss_strong=losses[strong],
        factor_weak=weak,
        factor_strong=strong,
    )


def _not_felt(term: TermShare) -> Finding:
    value = sum(term.values) / len(term.values)
    return rule.found(
        f"the penalty on the weights at {term.where.at} adds {value:.3g} to the loss and has no gradient: it changes what is printed, and nothing else",
        where=term.where,
        expected="a penalty whose gradient reaches the weights",
        fix="compute it from the parameters themselves, without .data, .detach() or no_grad",
        penalty=value,
        gradient_share=0.0,
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
