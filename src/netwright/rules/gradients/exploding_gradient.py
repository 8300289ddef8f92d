"""The gradient grows from layer to layer, or from time step to time step.

## What it measures
Over all captured batches, at the first weights and again after the captured steps (the experiment `signal-propagation`), before any clipping: the norm of the gradient that arrives at each
layer's input over the largest one among the last layers behind it, and in layers that run over time the largest norm at any step over that at the last step. Geometric means over the batches, of
which the 95 % interval must lie beyond the limit. A gradient that is not finite although the loss is.
In a run that is watched: the norm of the whole gradient (before clipping, where it is clipped) over the largest one of the first steps, and over what the loss has grown to; and what the loss changes by for a change of
early weights in proportion to their size, over the same of the last weights behind them, of which the 95 % interval of the median over the last 16 samples must lie beyond the limit.

## Why it matters
What grows a thousandfold over the depth grows with every change of the weights too: the loss jumps, and a rate that is small enough for the early layers is too small for the late ones.

## How to fix
Keep the default initialization or use one that keeps the size of the signal (orthogonal for recurrent weights), add normalization, use an LSTM or GRU instead of a plain recurrent layer, clip the
norm of the gradient.

## Known false alarms
Programs that clip get it as information. The gradient is compared at the inputs of layers, where it does not depend on how weights before a normalization are scaled. With mixed precision a
gradient that is not finite is part of finding the scale and not reported. Fewer than three batches tell too little. In a watched run a gradient that grows no faster than the loss is the matter of NW602, single large ones are
no finding, and several losses that are trained in turns are not judged.

## Source
Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013); Emam, "Troubleshooting convolutional neural networks" (exploding gradients).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ...evidence import Events, Flow, Graphs, History, LayerFlow, Parameters, Series, SignalPropagation, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .. import _watched_gradients as watched
from .._history import RECENT, current_loss, quantities
from .._signal import Interval, interval, late
from .._trends import median_interval

rule = Rule(
    code="NW407",
    name="exploding-gradient",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("S4", "H9", "E11"),
    explains=("NW301", "NW501", "NW502", "NW602", "NW603", "NW601", "NW701"),
    remedies=("clip-gradients", "default-initialization"),
    thresholds={
        "growth": Threshold(
            value=1e3,
            unit="times from the last layers (or the last time step)",
            source="the counterpart of NW406; of 23 healthy recipes measured the largest is 8, over time 1.5",
        ),
        "steps": Threshold(
            value=4, unit="time steps", source="a growth over fewer steps is that of single layers"
        ),
        "samples": Threshold(
            value=16, unit="last samples of a watched run", source="as for predictions that collapse (NW611)"
        ),
        "bursts": Threshold(
            value=3,
            unit="of the last 64 samples",
            source="one odd batch decides nothing; in 43 healthy recipes watched to their end the largest gradient is 8.2 times the largest of the recorded steps",
        ),
    },
)


_FIRST = 8  # samples
_KNOWN = 4  # recorded steps, before the watch began, that make samples needless


@dataclass(frozen=True, slots=True)
class _Growth:
    """How the gradient grows until it reaches a layer, or over the time steps of one."""

    layer: int
    times: Interval
    over_time: bool


@rule.check
def check(
    propagation: SignalPropagation | None,
    events: Events,
    history: History | None = None,
    parameters: Parameters | None = None,
    graphs: Graphs | None = None,
    task: Task | None = None,
) -> Finding | None:
    """The first layer on the way back from the loss at which the gradient is too large; in a watched run, gradients that have come to be so."""
    found = None if propagation is None else _at_the_start(propagation, events)
    if found is not None:
        return found
    if history is None or parameters is None or graphs is None:
        if propagation is None:
            raise NotApplicable("neither was the experiment signal-propagation done nor the run watched")
        return None
    _, loss = current_loss(history, task)
    return _bursts(history, parameters, events, loss) or _over_the_weights(
        history, parameters, graphs, events
    )


def _at_the_start(propagation: SignalPropagation, events: Events) -> Finding | None:
    start, now = propagation.start, propagation.now
    if (broken := _not_finite(start)) is not None and not propagation.scaled:
        return _lost(start, broken)
    if len(start.losses) < 3:
        raise NotApplicable("fewer than three batches were run")
    first = _first(start)
    if first is None:
        return None
    if now is not None and _finite(now) and not any(_same(g, first) for g in _grown(now)):
        return None  # it was over after a few steps
    return _finding(propagation, first, clipped=bool(events.of("clip")))


def _bursts(history: History, parameters: Parameters, events: Events, loss: Series) -> Finding | None:
    """The whole gradient is a thousand times the largest of the first steps, again and again, and the loss has not grown as much."""
    clip = next((s for n, s in history.under("clip") if n.endswith("/norm")), None)
    series = clip if clip is not None else watched.whole(history, parameters)
    first = watched.before_the_watch(parameters) if clip is None else []
    known = first if len(first) >= _KNOWN else [*first, *series.values[:_FIRST]]
    start = max([v for v in known if math.isfinite(v)], default=0.0)
    before = max([abs(v) for v in (*events.losses, *loss.values[:_FIRST]) if math.isfinite(v)], default=0.0)
    if len(series) <= _FIRST or not start or not before:
        return None
    losses = dict(zip(loss.steps, loss.values, strict=True))
    times = {
        step: value / start / max(1.0, abs(losses[step]) / before)
        for step, value in zip(series.steps[-RECENT:], series.values[-RECENT:], strict=True)
        if step in losses and math.isfinite(losses[step]) and math.isfinite(value)
    }
    large = {s: t for s, t in times.items() if t > rule["growth"]}
    if len(large) < rule["bursts"]:
        return None
    name = _origin(history, parameters, large)
    info = watched.names(parameters)[name]
    largest = max(large, key=lambda s: large[s])
    clipped = bool(events.of("clip"))
    return rule.found(
        f"in {len(large)} of the last {len(times)} samples the gradient is more than {rule['growth']:g} times the largest of the first steps ({start:.2g}), up to {large[largest] * start:.2g} at step {largest}, "
        f"and the loss has not grown with it; it grows on the way to {name}"
        + (", before it is clipped" if clipped else ""),
        where=info.where.on(module=info.module),
        severity=Severity.INFO if clipped else None,
        expected="a gradient that stays of the size that it had in the first steps, or falls",
        fix="clip the norm of the gradient, lower the learning rate; an LSTM or GRU instead of a plain recurrent layer, or normalization",
        growth=large[largest],
        samples=len(large),
        step=largest,
        first=start,
    )


def _origin(history: History, parameters: Parameters, steps: Iterable[int]) -> str:
    """The weight nearest to the loss whose gradient has grown with the whole one: within a tenth of what that of any weight has grown."""
    known = watched.names(parameters)
    grown: dict[str, float] = {}
    for name, info in known.items():
        series = history.series.get(f"parameter/{name}/grad_norm")
        if series is None or len(info.shape) < 2:
            continue
        at = dict(zip(series.steps, series.values, strict=True))
        first = max([v for v in info.grad_steps if v is not None], default=0.0) or max(series.values[:_FIRST])
        grown[name] = max((at[s] / first for s in steps if s in at), default=0.0) if first > 0 else 0.0
    most = max(grown.values(), default=0.0)
    return [n for n, g in grown.items() if g >= most / 10][-1] if grown else next(iter(known))


def _over_the_weights(
    history: History, parameters: Parameters, graphs: Graphs, events: Events
) -> Finding | None:
    """Early weights on which the loss depends a thousand times as much as on the last ones behind them."""
    weights = watched.weights(history, parameters, int(rule["samples"]))
    if not weights and not any(quantities(history, "parameter", "grad_norm")):
        raise NotApplicable("gradients were not looked at often enough")
    sizes = [v for w in weights.values() for v in w.pull.values() if v > 0]
    if not sizes or max(sizes) <= rule["growth"] * min(sizes):
        return None
    after = watched.behind(graphs, parameters)
    for name in reversed([n for n in after if n in weights]):
        behind = watched.late(after[name], weights)
        times = watched.ratios(weights[name].pull, [weights[n].pull for n in behind])
        low, high = median_interval(times)
        if low <= rule["growth"]:
            continue
        info, clipped = weights[name].info, bool(events.of("clip"))
        return rule.found(
            f"the loss depends {(low * high) ** 0.5:.1e} times as much on {name} as on the last weights, in proportion to their sizes, over the last {len(times)} samples (at least {low:.1e})",
            where=info.where.on(module=info.module),
            severity=Severity.INFO if clipped else None,
            expected="a gradient that keeps its size from layer to layer (0.5 to 2 times)",
            fix="nn.init.kaiming_normal_(weight) (xavier_normal_ before tanh), normalization layers, or clip the norm of the gradient",
            growth=(low * high) ** 0.5,
            growth_low=low,
            samples=len(times),
            step=history.steps,
        )
    return None


def _grown(flow: Flow) -> list[_Growth]:
    """Every growth beyond the limit, the one nearest to the loss last."""
    reached = [i for i, x in enumerate(flow.layers) if x.weighted and x.gradients]
    found: list[_Growth] = []
    for position, layer in enumerate(flow.layers):
        over_time = interval(layer.over_time) if layer.steps >= rule["steps"] else None
        if layer.weighted and over_time is not None and over_time.low > rule["growth"]:
            found.append(_Growth(position, over_time, True))
            continue
        times = _over_depth(flow, position, reached) if position in reached else None
        if times is not None and times.low > rule["growth"]:
            found.append(_Growth(position, times, False))
    return found


def _over_depth(flow: Flow, position: int, reached: list[int]) -> Interval | None:
    last = late(flow, position, reached)
    reference = [max(column) for column in zip(*(flow.layers[i].gradients for i in last), strict=True)]
    if not reference or not all(reference):
        return None
    return interval([a / b for a, b in zip(flow.layers[position].gradients, reference, strict=True)])


def _first(flow: Flow) -> _Growth | None:
    found = _grown(flow)
    return found[-1] if found else None


def _same(a: _Growth, b: _Growth) -> bool:
    return (a.layer, a.over_time) == (b.layer, b.over_time)


def _finite(flow: Flow) -> bool:
    losses = all(abs(v) < float("inf") for v in flow.losses)
    return losses and all(x.finite and x.gradient_finite for x in flow.layers)


def _not_finite(flow: Flow) -> int | None:
    """The layer nearest to the loss whose gradient is not finite, where every loss is."""
    if not all(abs(v) < float("inf") for v in flow.losses):
        return None
    return max((i for i, x in enumerate(flow.layers) if not x.gradient_finite), default=None)


def _lost(flow: Flow, position: int) -> Finding:
    layer = flow.layers[position]
    return rule.found(
        f"the loss is finite, and the gradient that arrives at {layer.name} ({layer.op}) at {layer.where.at} is not: every layer before it gets numbers that are not finite",
        where=layer.edit.on(module=layer.name),
        severity=Severity.ERROR,
        expected="finite gradients",
        fix=f"look at what follows {layer.name}: a root, a logarithm or a division whose derivative is infinite at 0, or weights that are far too large",
        layer=layer.name,
        batches=len(flow.losses),
    )


def _finding(found: SignalPropagation, growth: _Growth, *, clipped: bool) -> Finding:
    flow, times = found.start, growth.times
    layer = flow.layers[growth.layer]
    most = _steepest(flow, growth)
    if growth.over_time:
        told = (
            f"over the {layer.steps} time steps of {layer.name} the gradient grows {times.middle:.1e} times"
        )
        fix = "keep the default initialization of the recurrent weights or nn.init.orthogonal_, use an LSTM or GRU, or clip the norm of the gradient"
    else:
        told = f"the gradient is {times.middle:.1e} times as large at {layer.name} as at the last layers"
        told += f"; it grows most in {most.name} ({most.op}, {most.backward_gain:.2g} times)" if most else ""
        fix = "nn.init.kaiming_normal_(weight) (xavier_normal_ before tanh), normalization layers, or clip the norm of the gradient"
    return rule.found(
        f"{told}, over {len(flow.losses)} batches (at least {times.low:.1e})"
        + (", before it is clipped" if clipped else ""),
        where=layer.edit.on(module=layer.name),
        also=(most.edit,) if most is not None and most.edit.known else (),
        severity=Severity.INFO if clipped else None,
        expected="a gradient that keeps its size from layer to layer and from step to step (0.5 to 2 times)",
        fix=fix,
        growth=times.middle,
        growth_low=times.low,
        over_time=growth.over_time,
        steps=layer.steps,
        batches=len(flow.losses),
    )


def _steepest(flow: Flow, growth: _Growth) -> LayerFlow | None:
    """The layer behind at which the gradient grows most."""
    after = [x for x in flow.layers if growth.layer in x.before and x.backward_gain and x.weighted]
    return max(after, key=lambda x: x.backward_gain or 0.0, default=None) if not growth.over_time else None
