"""The loss rewards wrong answers, or falls without end.

## What it measures
On copies of the step, right, blind and wrong answers are put in place of the network's. A loss that is higher for right answers than for blind ones and lower for wrong ones has the wrong sign for its
optimizer; it is reported when a few small training steps also lower the loss and make the answers worse, with a 99.9 % interval that excludes no change. A class loss or binary
cross-entropy that comes out negative for right answers has no lower bound: its targets are no probabilities. In a run that is watched: a loss that has fallen a hundred times further below 0 than it was from 0 at the start; or a loss function that is
smallest for right answers, is multiplied by -1 and lowered, so that its own value has not come down.

## Why it matters
Training runs away from the answers. The loss falls and looks like progress; accuracy falls below chance, and the outputs grow without end.

## How to fix
Minimize the negative log-likelihood: put the missing minus in front (or take one away), use `maximize=True` only with a quantity that is to grow. Give binary cross-entropy targets between 0 and 1.

## Known false alarms
Losses that may be negative for good reasons (log-densities, cosine similarities, policy gradients, critics, lower bounds) have no known right answer here and are not judged; neither are programs with several losses,
loaded weights (unlearning), trained inputs (adversarial examples) and likelihoods multiplied by a negative number that may be a reward. A hand-written loss that is lowered with a minus is judged by experiment alone.

## Source
Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 5.5 on the negative log-likelihood; Karpathy, "A recipe for training neural networks" (2019), "verify decreasing training loss".
"""

import itertools

from ...evidence import (
    Direction,
    Graph,
    Graphs,
    History,
    InitialLoss,
    Optimizers,
    Parameters,
    Series,
    Task,
    Where,
)
from ...inference import LOSSES
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, current_loss, last, levels, place, usual
from .._trends import median_interval

rule = Rule(
    code="NW307",
    name="loss-has-wrong-sign",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S3", "E9"),
    explains=("NW501", "NW601", "NW602", "NW603", "NW611", "NW612", "NW701"),
    remedies=("turn-sign",),
    thresholds={
        "margin": Threshold(
            value=0.05,
            unit="of the loss of blind answers",
            source="right answers of odds 50 to 1 differ from blind ones by a multiple of this for any number of classes below e^50",
        ),
        "grown": Threshold(
            value=1.05,
            unit="times the cost of the answers before",
            source="steps of Adam at 1e-3 that raise the cost by a twentieth on the very batches they are made on go the wrong way",
        ),
        "below": Threshold(
            value=0.01, unit="nats below 0", source="rounding in float16 is smaller for losses of order 1"
        ),
        "endless": Threshold(
            value=100.0,
            unit="times the size of the loss at the start, or 1",
            source="about seven doublings; log-densities and rewards that are right to fall below 0 come to a few times that",
        ),
        "early": Threshold(
            value=16, unit="losses", source="the interval of a median needs 6 of them, and is narrow with 16"
        ),
        "kept": Threshold(
            value=0.9,
            unit="of the first losses",
            source="a loss that is lowered with its minus cannot come down: it may scatter",
        ),
    },
)

# A divergence may be made large on purpose, by its own network.
_SMALLEST_WHERE_RIGHT = LOSSES - {"kl_div"}
_WAY = 60  # calls


@rule.check
def check(
    tried: InitialLoss | None,
    graphs: Graphs | None,
    parameters: Parameters | None,
    task: Task | None = None,
    history: History | None = None,
    optimizers: Optimizers | None = None,
) -> Finding | None:
    """Judge what answers put in place of the network's give, and what training does to its own; in a watched run, whether the loss falls without end."""
    found = None
    if history is not None and graphs is not None and parameters is not None and task is not None:
        found = _lowered(history, graphs, parameters, task, optimizers)
    if history is not None and found is None:
        found = _endless(history, task)
    if found is not None:
        return found
    if tried is not None and graphs is not None and parameters is not None:
        return _tried(tried, graphs, parameters)
    if history is None:
        raise NotApplicable("neither were answers tried out nor the run watched")
    return None


def _endless(history: History, task: Task | None) -> Finding | None:
    name, series = current_loss(history, task)
    first, now = beginning(series), usual(last(series, 16))
    if not now < -rule["endless"] * max(abs(first), 1.0):
        return None
    # Of six levels in a row each is lower than the one before: by chance once in 720 times.
    late = levels(series)[-6:]
    if not late or any(b >= a for a, b in itertools.pairwise(late)):
        return None
    return rule.found(
        f"the loss began at {first:.3g}, is at {now:.3g} and goes on falling: it has no lower bound",
        where=place(history, name),
        expected="a loss that is lowest for right answers, and no lower than that",
        fix="turn the sign of the loss: minimize the negative log-likelihood, or the error itself; see that targets of a binary cross-entropy lie between 0 and 1",
        remedies=(),
        first=first,
        now=now,
    )


def _lowered(
    history: History,
    graphs: Graphs,
    parameters: Parameters,
    task: Task,
    optimizers: Optimizers | None,
) -> Finding | None:
    """The mirror of ``maximize=True``: one of torch's loss functions with a minus in front, that is lowered, and whose own value does not come down."""
    terms = [o.term for o in task.objectives]
    if len(graphs.train) != 1 or len(terms) != 1 or not parameters.fresh or _trains_inputs(graphs.train[0]):
        return None
    term = terms[0]
    others = [t for o in task.objectives for t in o.terms if t is not term and t.op != "regularization"]
    if term is None or term.op not in _SMALLEST_WHERE_RIGHT or term.handmade or others:
        return None
    if not (term.weight or 0.0) < 0 or _upwards(optimizers):
        return None
    turned = _turned_by_one(graphs.train[0], term.node)
    name, series = current_loss(history, task)
    half = int(rule["early"]) // 2
    if turned is None or len(series) < rule["early"] or usual(series) > 0:
        return None
    # The error itself is the loss without its minus.
    before, now = (
        usual(Series(steps=series.steps[:half], values=series.values[:half])),
        median_interval(last(series, 2 * half).values),
    )
    if not now[1] <= rule["kept"] * before:
        return None
    first, last_one = -beginning(series, half), -usual(last(series, half))
    return rule.found(
        f"{term.op} at {term.where.at}, which is smallest for right answers, has a minus in front and is lowered: in {series.steps[-1] - series.steps[0]} steps it has gone from {first:.3g} to {last_one:.3g}",
        where=turned if turned.known else place(history, name),
        also=(term.where,),
        expected="a loss that is lowest for right answers",
        fix="turn the sign of the loss: minimize the negative log-likelihood, or the error itself",
        first=first,
        now=last_one,
    )


def _upwards(optimizers: Optimizers | None) -> bool:
    """Whether an optimizer raises its loss, or none is known."""
    return optimizers is None or any(g.get("maximize") for o in optimizers.optimizers for g in o.groups)


def _turned_by_one(graph: Graph, node: int) -> Where | None:
    """The line that turns the sign of a term on its way to the loss; None where a factor does that may be a reward."""
    consumers, at, turned = graph.consumer_index(), node, None
    leads = {n.index for n in graph.on_path()}
    for _ in range(_WAY):
        following = [n for n in consumers.get(at, ()) if n.index in leads]
        if len(following) != 1:
            break
        call, before = following[0], at
        at = call.index
        factors = [a for a in call.args if isinstance(a, int | float) and a < 0]
        if call.op in ("mul", "div") and factors:
            if any(a != -1 for a in factors):
                return None
            turned = call.where
        elif call.op in ("neg", "rsub") or (
            call.op == "sub" and len(call.refs) > 1 and call.refs[1].node == before
        ):
            turned = call.where
    return turned


def _tried(tried: InitialLoss, graphs: Graphs, parameters: Parameters) -> Finding | None:
    found = tried.direction
    if found is None:
        raise NotApplicable("the loss has no target with known right answers")
    if found.nonnegative and found.least < -rule["below"]:
        return _unbounded(found)
    if len(graphs.train) != 1:
        raise NotApplicable("the program has several losses, of which some may work against others")
    if not parameters.fresh:
        raise NotApplicable("the weights were loaded, and may be meant to be unlearned")
    if _trains_inputs(graphs.train[0]):
        raise NotApplicable("tensors outside of the network are trained too")
    return _turned(found, tried)


def _trains_inputs(graph: Graph) -> bool:
    """Whether something besides a network's parameters is trained, beside a network: an input that is to mislead it."""
    leaves = [n for n in graph.on_path() if n.kind == "parameter"]
    return any(n.root is not None for n in leaves) and any(
        n.root is None and n.output is not None and n.output.requires_grad for n in leaves
    )


def _turned(found: Direction, tried: InitialLoss) -> Finding | None:
    sign = -1.0 if found.maximize else 1.0
    right, blind, wrong = (sign * v for v in (found.right, found.blind, found.wrong))
    margin = rule["margin"] * abs(found.blind)
    rewards = right > blind + margin and wrong < blind - margin
    follows = sign * (found.loss_after - found.loss_before) < 0
    worse = found.cost_low > 0 and found.cost_after > rule["grown"] * found.cost_before
    if not (rewards and follows and worse):
        return None
    goes = "raises" if found.maximize else "lowers"
    moved = (
        f"from {found.accuracy_before:.0%} to {found.accuracy_after:.0%} right answers"
        if found.accuracy_before is not None and found.accuracy_after is not None
        else f"the squared error from {found.cost_before:.3g} to {found.cost_after:.3g}"
    )
    where = tried.optimizer_at if found.maximize and tried.optimizer_at.known else found.turned
    return rule.found(
        f"the loss is {found.right:.3g} for right answers, {found.blind:.3g} for blind ones and {found.wrong:.3g} for wrong ones, and the optimizer {goes} it: "
        f"{found.steps} small steps took {moved} on the {found.samples} samples they were made on",
        where=where if where.known else found.where,
        also=(found.where,),
        expected="a loss that is lowest for right answers",
        fix="take `maximize=True` out of the optimizer"
        if found.maximize
        else "turn the sign of the loss: minimize the negative log-likelihood, or the error itself",
        right=found.right,
        blind=found.blind,
        wrong=found.wrong,
        cost_before=found.cost_before,
        cost_after=found.cost_after,
        cost_growth_low=found.cost_low,
        cost_growth_high=found.cost_high,
        samples=found.samples,
        accuracy_before=found.accuracy_before,
        accuracy_after=found.accuracy_after,
    )


def _unbounded(found: Direction) -> Finding:
    return rule.found(
        f"{found.op} at {found.where.at} comes to {found.least:.3g} for sure answers and falls further the surer they get: it has no lower bound, because its targets (or weights) are no "
        "probabilities",
        where=found.where,
        expected="targets between 0 and 1, for which this loss is never negative",
        fix="bring the targets into the range from 0 to 1",
        least=found.least,
        right=found.right,
        blind=found.blind,
    )
