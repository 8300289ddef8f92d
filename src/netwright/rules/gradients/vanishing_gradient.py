"""The gradient vanishes on its way to the early layers, and their weights hardly move.

## What it measures
Over all captured batches, at the first weights and again after the captured steps (the experiment `signal-propagation`): the size of each layer's gradient per weight, as a share of
that of the last layers behind it, and how far one step of the program's own kind of optimizer moves its weights. Both are geometric means over the batches, and their 95 % intervals must lie
beyond the limits. In a run that is watched: the same of the weights themselves, as the steps that were sampled moved them; the 95 % interval of the median over the last 16 samples must lie beyond the limits.

## Why it matters
Layers whose weights move by less than a millionth of their size at a step stay as they were drawn: the network is only as deep as the layers that move.

## How to fix
Use ReLU instead of sigmoid or tanh in hidden layers, an initialization that keeps the size of the signal (`nn.init.kaiming_normal_`), normalization layers, or skip connections.

## Known false alarms
Adam divides by the size of the gradient, so that a small one moves the weights as much as a large one: nothing is said until it falls below Adam's `eps`. Layers that get no gradient at all at
the first weights (behind a last layer or a branch that starts at zero) and those whose share grows tenfold in the captured steps are about to start and not reported, nor are layers beside a
way on which the gradient stays whole (branches scaled by a small factor). Fewer than three batches tell too little. A watched run whose loss has come down to a tenth is left alone, and so are several losses that are
trained in turns; what weight decay moves is not counted as a step.

## Source
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010); Karpathy, CS231n notes, "Ratio of weights:updates" (about 1e-3 is healthy); Emam,
"Troubleshooting convolutional neural networks" (vanishing gradients).
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from ...evidence import (
    Events,
    Flow,
    Graphs,
    History,
    LayerFlow,
    Optimizers,
    ParameterFlow,
    Parameters,
    SignalPropagation,
    Task,
)
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .. import _watched_gradients as watched
from .._gradients import listed
from .._history import current_loss, last, rates, usual
from .._signal import Interval, interval, late, main_parameters, medians
from .._trends import median_interval

rule = Rule(
    code="NW406",
    name="vanishing-gradient",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("S4", "E10", "E11"),
    explains=("NW404", "NW502", "NW601", "NW605", "NW610", "NW611", "NW701"),
    remedies=("exchange-activation",),
    thresholds={
        "ratio": Threshold(
            value=1e-3,
            unit="gradient of the layer over that of the last ones",
            source="five sigmoids in a row, each a quarter at best; ten layers of ReLU with torch's initialization are at 6e-3",
        ),
        "updates": Threshold(
            value=1e-6,
            unit="step over size of the weights",
            source="CS231n: about 1e-3 is healthy; at a thousandth of that an epoch of 1000 steps moves a weight by a thousandth",
        ),
        "recovery": Threshold(
            value=10.0, unit="times over the captured steps", source="the gradient is on its way back"
        ),
        "samples": Threshold(
            value=16, unit="last samples of a watched run", source="as for predictions that collapse (NW611)"
        ),
        "left": Threshold(
            value=0.1,
            unit="of the first loss",
            source="where the loss has come down that far, the layers that move were enough",
        ),
    },
)

_STEEP = 0.03  # times: what a layer keeps of the gradient that loses most of it alone
_LEAST = 1e-12  # of the weights: a step that is rounded to nothing is this small at most


@dataclass(frozen=True, slots=True)
class _Layer:
    """What decides about one layer: the share of its gradient, the size of its updates, whether both are beyond the limits."""

    ratio: Interval
    update: Interval
    gone: bool


@rule.check
def check(
    propagation: SignalPropagation | None,
    history: History | None = None,
    parameters: Parameters | None = None,
    graphs: Graphs | None = None,
    optimizers: Optimizers | None = None,
    task: Task | None = None,
    events: Events | None = None,
) -> Finding | None:
    """Find the layers nearest to the loss that the gradient does not reach, at both states of the weights; or the weights that it does not reach in a watched run."""
    found = None if propagation is None else _at_the_start(propagation)
    if found is not None:
        return found
    if history is None or parameters is None or graphs is None:
        if propagation is None:
            raise NotApplicable("neither was the experiment signal-propagation done nor the run watched")
        return None
    return _in_the_run(history, parameters, graphs, optimizers, task, events)


def _at_the_start(propagation: SignalPropagation) -> Finding | None:
    start, now = propagation.start, propagation.now
    if now is None:
        raise NotApplicable("the weights of the first step were not kept")
    if not any(p.updates for p in start.parameters):
        raise NotApplicable("it is not known how far the optimizer moves the weights")
    if len(start.losses) < 3 or len(now.losses) < 3:
        raise NotApplicable("fewer than three batches were run")
    before, after = _judged(start), _judged(now)
    gone = [i for i in _closed(start, before) if i in _closed(now, after)]
    stuck = [i for i in gone if after[i].ratio.middle < rule["recovery"] * before[i].ratio.middle]
    if not stuck or set(stuck) != set(gone):
        return None
    return _finding(propagation, max(stuck), stuck, before)


def _in_the_run(
    history: History,
    parameters: Parameters,
    graphs: Graphs,
    optimizers: Optimizers | None,
    task: Task | None,
    events: Events | None,
) -> Finding | None:
    samples = int(rule["samples"])
    _, loss = current_loss(history, task)
    weights = watched.weights(history, parameters, samples)
    if not weights:
        raise NotApplicable("gradients were not looked at often enough")
    first = max((events.losses if events is not None else ()) or loss.values[:1])
    if not usual(last(loss, samples)) > rule["left"] * first > 0:
        return None  # it is learned, or nobody knows what is left to learn
    least = rule["updates"] + _decay(history, optimizers)
    still = [n for n, w in weights.items() if median_interval(list(w.updates.values()))[1] < least]
    moving = {n for n, w in weights.items() if _usual(w.updates.values()) > least}
    if not still or not moving:
        return None
    after = watched.behind(graphs, parameters)
    gone: dict[str, list[float]] = {}
    for each in still:
        behind = watched.late(after[each], weights)
        shares = watched.ratios(weights[each].gradients, [weights[n].gradients for n in behind])
        quarter = samples // 4
        back = _usual(shares[-quarter:]) > rule["recovery"] * _usual(shares[:quarter]) > 0 if shares else True
        if not back and moving.intersection(behind) and median_interval(shares)[1] < rule["ratio"]:
            gone[each] = shares
    # On no other way either: every trained weight before it is in the same state, or gets nothing at all.
    closed = [
        n
        for n in gone
        if all(n not in after[o] or o in gone or not any(w.gradients.values()) for o, w in weights.items())
    ]
    if not closed:
        return None
    # The place is that of the first of them, which stays the same while more of them come and go.
    closed.sort(key=list(after).index)
    info, shares, moved = weights[closed[0]].info, gone[closed[0]], list(weights[closed[0]].updates.values())
    nearest = weights[closed[-1]].info.where
    return rule.found(
        f"the gradient has vanished before it reaches {closed[-1]}: in the last {samples} samples it is, per weight, {_usual(gone[closed[-1]]):.1e} of that of the last layers there and {_usual(shares):.1e} at {closed[0]}, whose "
        f"weights a step moves by {_usual(moved):.1e} of their size, while the loss stands at {usual(last(loss, samples)):.3g} of {first:.3g}; {len(closed)} weights do not train: {listed(closed)}",
        where=info.where.on(module=info.module),
        also=(nearest,) if nearest.known and nearest != info.where else (),
        expected="gradients of early layers above a thousandth of the late ones, and steps of about a thousandth of the weights",
        fix="use ReLU in hidden layers, nn.init.kaiming_normal_(weight) (xavier_normal_ before tanh), normalization layers or skip connections; a lower learning rate, where they trained at first",
        ratio=_usual(shares),
        ratio_high=median_interval(shares)[1],
        update=_usual(moved),
        samples=samples,
        step=history.steps,
        layers=closed,
    )


def _usual(values: Iterable[float]) -> float:
    """The median of numbers that are finite; 0 where there are none."""
    known = [v for v in values if math.isfinite(v)]
    return statistics.median(known) if known else 0.0


def _decay(history: History, optimizers: Optimizers | None) -> float:
    """How far weight decay alone moves the weights at the largest rate now, as a share of their size."""
    decays = [
        d
        for o in (optimizers.optimizers if optimizers else ())
        for g in o.groups
        if isinstance(d := g.get("weight_decay"), int | float)
    ]
    now = [s.values[-1] for s in rates(history).values()]
    return 1.1 * max(decays, default=0.0) * max(now, default=0.0)


def _judged(flow: Flow) -> dict[int, _Layer]:
    """The layers that can be judged, by position."""
    main = main_parameters(flow)
    found: dict[int, _Layer] = {}
    for position, parameter in main.items():
        last = late(flow, position, list(main))
        updates = _updates(flow, position)
        if not last or updates is None:
            continue
        reference = medians([_sizes(main[i]) for i in last])
        if not all(reference):
            continue
        ratio = interval([a / b for a, b in zip(_sizes(parameter), reference, strict=True)])
        moved = [u for i in last if (u := _updates(flow, i)) is not None]
        # Where the last layers hardly move either, the rate is small and not the gradient.
        moving = bool(moved) and max(u.middle for u in moved) > rule["updates"]
        if ratio is not None:
            gone = moving and ratio.high < rule["ratio"] and updates.high < rule["updates"]
            found[position] = _Layer(ratio, updates, gone)
    return found


def _sizes(parameter: ParameterFlow) -> list[float]:
    """The gradient per number that got any: rows of a table that no sample used say nothing."""
    return [g / (parameter.touched or 1.0) ** 0.5 for g in parameter.gradients]


def _updates(flow: Flow, layer: int) -> Interval | None:
    """The largest update among a layer's parameters, over its weights."""
    rows = [p.updates for p in flow.parameters if p.layer == layer and p.updates]
    largest = [max(_LEAST, *column) for column in zip(*rows, strict=True)]
    return interval(largest) if rows else None


def _closed(flow: Flow, judged: dict[int, _Layer]) -> list[int]:
    """Layers that the gradient does not reach on any way: all trained layers before them are in the same state, or get nothing at all."""
    main = main_parameters(flow)
    gone = [i for i, layer in judged.items() if layer.gone]
    silent = {i for i, p in main.items() if not any(p.gradients)}
    return [i for i in gone if all(j in gone or j in silent for j in flow.layers[i].before if j in main)]


def _finding(found: SignalPropagation, first: int, stuck: list[int], judged: dict[int, _Layer]) -> Finding:
    flow, numbers = found.start, judged[first]
    layer, worst = flow.layers[first], min(stuck, key=lambda i: judged[i].ratio.middle)
    steep = _steepest(flow, first)
    after = sum(1 for x in flow.layers if x.weighted and first in x.before)
    most = f"about {numbers.ratio.middle ** (1 / after):.2g} times per layer"
    if steep is not None:
        most = f"most of it is lost in {steep.name} ({steep.op}, {steep.backward_gain:.2g} times)"
    names = [flow.layers[i].name for i in stuck]
    return rule.found(
        f"the gradient vanishes before it reaches {layer.name}: per weight it is {numbers.ratio.middle:.1e} of that of the last layers over {len(flow.losses)} batches (at most "
        f"{numbers.ratio.high:.1e}), and a step of {found.optimizer} moves the weights by {numbers.update.middle:.1e} of their size ({most}); {len(stuck)} layers do not train: "
        f"{listed(names)}",
        where=layer.edit.on(module=layer.name),
        also=(steep.edit,) if steep is not None and steep.edit.known else (),
        expected="gradients of early layers above a thousandth of the late ones, and steps of about a thousandth of the weights",
        fix="use ReLU in hidden layers, nn.init.kaiming_normal_(weight) (xavier_normal_ before tanh), normalization layers or skip connections",
        ratio=numbers.ratio.middle,
        ratio_high=numbers.ratio.high,
        update=numbers.update.middle,
        update_high=numbers.update.high,
        smallest_ratio=judged[worst].ratio.middle,
        batches=len(flow.losses),
        layers=names,
    )


def _steepest(flow: Flow, first: int) -> LayerFlow | None:
    """The one call behind a layer at which the gradient is lost, if there is one."""
    after = [x for x in flow.layers if first in x.before and x.backward_gain]
    steepest = min(after, key=lambda x: x.backward_gain or 1.0, default=None)
    return steepest if steepest is not None and (steepest.backward_gain or 1.0) < _STEEP else None
