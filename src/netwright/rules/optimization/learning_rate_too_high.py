"""The learning rate is beyond the largest one that trains.

## What it measures
The loss after a few steps from the first weights, at a range of learning rates on copies of the program's parameters (the range test): what it comes to at the rate in use, and
the largest rate at which it does not grow. In a run that is watched: how many times their size, before the first step or usual for their shape, the weights have come to within the first hundreds of steps. Where there are several parameter groups or optimizers, each is tried alone as well, the others held at theirs, and the finding names the one. Of a schedule
that rises the peak is judged: the loss after the rate has been raised to it step by step.

## Why it matters
Beyond that rate steps are longer than the valley is wide. The loss grows or jumps about, and clipping, schedules or luck decide whether anything is learned.

## How to fix
Take a third of the largest rate that trains, or the one that lowered the loss most.

## Known false alarms
A rate at which the loss grows a little at first and falls later is not reported: the loss must grow by half. Large rates are fine where gradients are clipped: such programs are not judged. A peak must lie ten times above
what trains from the start, and the loss must grow by half when it is reached in 32 steps. Rates that are set by hand are judged by those of the first steps.
Weights that begin far too small (embeddings, a last layer at 0) grow to a usual size first: they are compared with that. Half of all weight tensors must have grown, of three at least: those of a linear model come to the size
of its targets.

## Source
Bengio, "Practical recommendations for gradient-based training of deep architectures" (2012), section 3.1.1: begin with a large rate and, when training diverges, divide it by 3 until it does not;
Gilmer et al., "A loss curvature perspective on training instabilities" (2021), for what a warm-up changes; Smith, "Cyclical learning rates for training neural networks" (2017), for the range test.
"""

import math
import statistics

from ...evidence import NOWHERE, Events, GroupRates, History, Parameters, RangeTest
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import grown, optimizer_place

rule = Rule(
    code="NW501",
    name="learning-rate-too-high",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H6", "T7", "E7"),
    remedies=("learning-rate-of-range-test", "lower-learning-rate"),
    explains=("NW406", "NW414", "NW602", "NW603", "NW604", "NW606", "NW607", "NW608", "NW208"),
    thresholds={
        "grown": Threshold(
            value=1.5,
            unit="times the loss before",
            source="noise of batches moves a mean over all of them far less",
        ),
        "beyond": Threshold(
            value=10.0,
            unit="times the largest rate that trains from the start",
            source="a long warm-up flattens the loss so that rates several times larger train (Gilmer et al., 2021)",
        ),
        "fallen": Threshold(
            value=0.9, unit="of the loss before", source="a rate that trains must exist to be compared with"
        ),
        "weights": Threshold(
            value=6.0,
            unit="times their size, the median of all weight tensors",
            source="in the healthy recipes of FaultBench the median comes to 3.2 at most",
        ),
        "tensors": Threshold(
            value=3,
            unit="weight tensors",
            source="of one or two the median is that of a last layer, which has to come to the size of the targets",
        ),
        "early": Threshold(
            value=500, unit="steps", source="over a long training small rates move weights as far"
        ),
    },
)
_BY_RANGE_TEST = ("learning-rate-of-range-test",)


@rule.check
def check(
    test: RangeTest | None,
    events: Events | None,
    parameters: Parameters | None = None,
    history: History | None = None,
) -> list[Finding]:
    """Compare the rate in use, and the peak of its schedule, with those that train; ask how far the weights of a watched run have come."""
    run_away: list[Finding] = []
    if history is not None and parameters is not None:
        run_away = _weights_run_away(history, parameters)
        if run_away and (test is None or events is None or events.of("clip")):
            return run_away
        if test is None:
            return []
    if test is None or events is None:
        raise NotApplicable("neither was the range test done nor the run watched")
    # The range test knows a better rate; where it finds nothing the weights stand by themselves.
    return _by_test(test, events) or run_away


def _by_test(test: RangeTest, events: Events) -> list[Finding]:
    if events.of("clip"):
        raise NotApplicable("the program clips its gradients, and the test does not")
    if test.best is None or test.largest is None:
        raise NotApplicable("the loss grew at every rate that was tried")
    at = dict(zip(test.rates, test.losses, strict=True))
    best = at[test.best]
    guilty = [g for g in test.groups if _beyond(g)]
    if best is None or best > rule["fallen"]:
        found = None
    else:
        found = _in_use(test, at.get(test.in_use, 1.0), best, guilty) or _peak(test, best)
    # Of other optimizers, which the test of the first one does not see.
    apart = [] if found is not None else [_group(g, test) for g in guilty if g.where != test.where]
    return [found] if found is not None else apart


def _weights_run_away(history: History, parameters: Parameters) -> list[Finding]:
    sizes = grown(history, parameters, until=rule["early"])
    times = statistics.median(sizes) if len(sizes) >= rule["tensors"] else 0.0
    if times <= rule["weights"]:
        return []
    steps = min(history.steps, int(rule["early"]))
    where = optimizer_place(history)
    found = rule.found(
        f"within {steps} steps half of the weight tensors have grown to {times:.3g} times their size or more (that before the first step, or what is usual for their shape)",
        where=where if where is not None else NOWHERE,
        expected="weights that double or triple at most while the network learns",
        fix="lower the learning rate ten times; with momentum, see that it is below 0.99",
        remedies=("lower-learning-rate",),
        grown=times,
        steps=steps,
    )
    return [found]


def _in_use(test: RangeTest, loss: float | None, best: float, guilty: list[GroupRates]) -> Finding | None:
    assert test.best is not None and test.largest is not None
    if test.in_use <= test.largest or (loss is not None and loss < rule["grown"]):
        return None
    comes = "the loss is no number any more" if loss is None else f"the loss is {loss:.3g} times what it was"
    recommended = test.recommended or test.best
    fix = f"try lr={recommended:.1e}"
    message = (
        f"after {test.steps} steps at the rate in use, {test.in_use:.1e}, {comes}; at {test.best:.1e} it is {best:.2f} times, "
        f"and beyond {test.largest:.1e} it grows"
    )
    several = len(test.groups) > 1
    apart = guilty if several and len(guilty) < len(test.groups) else []
    if apart:
        message += "; it is " + " and ".join(_named(g) for g in guilty)
        fix = "; ".join(f"group {g}: try lr={rate:.1e}" for g, rate in _recommended(apart).items())
    return rule.found(
        message,
        where=guilty[0].where if several and guilty else test.where,
        expected=f"a rate below {test.largest:.1e} for {test.optimizer} here",
        fix=fix,
        remedies=_BY_RANGE_TEST,
        in_use=test.in_use,
        peak=test.peak,
        schedule=test.schedule,
        largest=test.largest,
        best=test.best,
        recommended=recommended,
        loss=loss,
        groups=[g.group for g in guilty] if several else [],
        rates=_recommended(apart),
    )


def _recommended(groups: list[GroupRates]) -> dict[str, float]:
    """A rate for each group by its number: a third of the largest one that trains."""
    return {str(g.group): g.largest / 3 for g in groups if g.largest is not None}


def _named(group: GroupRates) -> str:
    return (
        f"group {group.group} of {group.optimizer} ({', '.join(group.names)}), whose rate {group.in_use:.1e} alone makes it grow "
        f"and which trains up to {group.largest:.1e}"
    )


def _beyond(group: GroupRates) -> bool:
    """Whether the rate of a group makes the loss grow for certain, while a smaller one lowers it."""
    return (
        group.largest is not None
        and group.in_use > group.largest
        and group.least <= rule["fallen"]
        and (group.loss is None or group.loss >= rule["grown"])
    )


def _group(group: GroupRates, test: RangeTest) -> Finding:
    assert group.largest is not None
    several = sum(g.where == group.where for g in test.groups) > 1
    comes = "is no number any more" if group.loss is None else f"is {group.loss:.3g} times what it was"
    return rule.found(
        f"after {test.steps} steps the loss that this {group.optimizer} trains {comes}: its rate is {group.in_use:.1e} for {', '.join(group.names)}, and "
        f"the loss grows beyond {group.largest:.1e}",
        where=group.where,
        expected=f"a rate below {group.largest:.1e} for {group.optimizer} here",
        fix=f"try lr={group.largest / 3:.1e}",
        remedies=_BY_RANGE_TEST,
        in_use=group.in_use,
        largest=group.largest,
        loss=group.loss,
        groups=[group.group] if several else [],
        recommended=group.largest / 3,
        rates=_recommended([group]) if several else {},
    )


def _peak(test: RangeTest, best: float) -> Finding | None:
    """A schedule rises to a rate that does not train even when it is reached step by step."""
    assert test.best is not None and test.largest is not None
    peak, after = test.peak, test.at_peak
    if peak is None or after is None or peak <= rule["beyond"] * test.largest or after < rule["grown"]:
        return None
    comes = f"{after:.3g} times what it was" if math.isfinite(after) else "no number any more"
    return rule.found(
        f"{test.schedule} rises to a rate of {peak:.1e}: reached step by step, it leaves a loss that is {comes}; at {test.best:.1e} it is {best:.2f} times, and beyond {test.largest:.1e} "
        "it grows from the start",
        where=test.where,
        expected=f"a peak of a few times {test.largest:.1e} at most",
        fix=f"try a peak of {test.recommended or test.best:.1e}",
        remedies=_BY_RANGE_TEST,
        recommended=test.recommended or test.best,
        schedule=test.schedule,
        peak=peak,
        largest=test.largest,
        best=test.best,
        loss=after if math.isfinite(after) else None,
    )
