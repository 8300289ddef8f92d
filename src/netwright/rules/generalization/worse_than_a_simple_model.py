"""The trained network is worse than a trivial or a simple model.

## What it measures
The experiment `seeds` trains the whole program with several seeds and reads the accuracy that its own evaluation computes; the experiment `simple-models` fits nearest neighbours, logistic regression and boosted
trees to the samples that the network is given, cross-validated, and counts the majority class. Compared are the upper end of the network's 95 % interval over seeds and the lower end of the best simple
model's interval over samples. `netwright fix` makes the comparison for a program in which nothing else is found: with one run of the whole program, and the 95 % interval over the samples of its evaluation, of the accuracy or
(for a target that is one number) of the squared or the absolute error.

## Why it matters
A network that a model without tuning beats has not learned what its inputs say: it is trained too short or at the wrong rate, is too small, or a fault holds it back.

## How to fix
Train longer, and look at the other findings first; where none is left, the simple model is the better one.

## Known false alarms
A squared error is held against the variance of the targets where it is of the size of the last training losses (a quarter to four times), else the two may be of different units and nothing is said; an absolute error against that of the simple model, where the training loss is the mean of squared errors, absolute errors or Huber's that bends at 1, and says the largest absolute error that the training can have (half to twice that of the evaluation). The simple models are judged on the training set (by cross-validation), the network on its evaluation's data: where these are drawn from another distribution, the comparison of the experiments is not fair; `fix` says nothing there unless the last training losses say, too, that the training data are not known as well (above what Fano's inequality allows at the simple model's share of errors; classes by cross-entropy alone). Runs that were
stopped before their end are not judged. Outside of `fix` it needs both experiments (`--only seeds --only simple-models`), and an accuracy that the evaluation computes with torch.

## Source
Tobin, "Troubleshooting deep neural networks" (compare with simple baselines); Karpathy, "A recipe for training neural networks" (baselines first).
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from ...evidence import Floor, Seeds, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW707",
    name="worse-than-a-simple-model",
    severity=Severity.WARNING,
    kind=Kind.FIT,
    guides=("E2", "T9"),
    remedies=("wider-hidden-layers",),
    thresholds={
        "gap": Threshold(
            value=0.01,
            unit="of the answers, or of the targets' standard deviation",
            source="intervals over three seeds are narrow by luck at times; a hundredth is of no use to anyone",
        ),
        "unit": Threshold(
            value=4.0,
            unit="times the last training losses (of an absolute error the root of it)",
            source="a loss of training and an error of evaluation in one unit differ by the fit alone; units differ by the targets' standard deviation squared",
        ),
    },
)


@rule.check
def check(seeds: Seeds, models: SimpleModels) -> Finding | None:
    """Hold the network's accuracy over seeds against that of the best simple model."""
    if seeds.steps is not None:
        raise NotApplicable(f"the runs were stopped after {seeds.steps} steps")
    spread = next((s for s in seeds.spreads if s.name.endswith("accuracy")), None)
    if spread is None:
        raise NotApplicable("the evaluation computes no accuracy with torch")
    known = [(s.model, s.accuracy, s.accuracy_low) for s in models.scores]
    known += [(b.name, b.accuracy, b.accuracy) for b in models.baselines]
    judged = [(name, a, low) for name, a, low in known if a is not None and low is not None]
    if not judged:
        raise NotApplicable("no simple model was judged by its accuracy")
    name, accuracy, low = max(judged, key=lambda k: k[2])
    if spread.high + rule["gap"] >= low:
        return None
    return rule.found(
        f"over {len(spread.values)} seeds the trained network gets {spread.mean:.1%} of its evaluation right (95 %: {spread.low:.1%} to {spread.high:.1%}); {name} gets "
        f"{accuracy:.1%} of {models.samples} training samples that it was not fitted to (at least {low:.1%})",
        where=models.loss_at,
        expected="a trained network that does better than a model without tuning",
        fix="train longer or at a better rate, and mend what else was found; otherwise use the simple model",
        network=spread.mean,
        network_high=spread.high,
        simple=accuracy,
        simple_low=low,
        model=name,
    )


def comparable(floor: Floor, name: str, value: float, loss: float | None) -> bool:
    """Whether what an evaluation came to may be held against simple models: its error is in the unit of the loss, and the training data are not known as well as simple models know them, or the evaluation may be of other data.

    Args:
        floor: that of the simple models.
        name: ``accuracy``, ``squared error`` or ``absolute error``.
        value: what it came to.
        loss: the mean of the last training losses.
    """
    if loss is None:
        return False
    if name == "accuracy":
        return floor.nats is not None and loss > floor.nats
    if name == "absolute error":
        return _absolute(floor, value, loss)
    return (
        bool(floor.variance)
        and floor.score_low is not None
        and value / rule["unit"] <= loss <= value * rule["unit"]
        and 1 - loss / floor.variance < floor.score_low
    )


def _squares_at_least(loss: str, mean: float) -> float:
    """How large the mean of the squared errors is at least where the loss is such a mean: each is a convex function of the other (Jensen's inequality), or never larger."""
    return {"mse_loss": mean, "smooth_l1_loss": 2 * mean, "l1_loss": mean * mean}[loss]


def _absolute_at_most(loss: str, mean: float) -> float:
    """How large the mean of the absolute errors is at most, in the same way."""
    bent = math.sqrt(2 * mean) if mean < 0.5 else mean + 0.5
    return {"mse_loss": math.sqrt(mean), "smooth_l1_loss": bent, "l1_loss": mean}[loss]


def _absolute(floor: Floor, value: float, loss: float) -> bool:
    """The same for a mean absolute error, whatever error the loss is a mean of."""
    if not floor.loss or not floor.variance or floor.score_low is None or loss <= 0:
        return False
    most, times = _absolute_at_most(floor.loss, loss), math.sqrt(rule["unit"])
    explained = 1 - _squares_at_least(floor.loss, loss) / floor.variance
    return value / times <= most <= value * times and explained < floor.score_low


def below(floor: Floor, name: str, value: float, samples: int) -> Finding | None:
    """Hold what one whole run of a program reached against what simple models reach, where the two are :func:`comparable`.

    Args:
        floor: that of the simple models.
        name: ``accuracy``, ``squared error`` or ``absolute error``, of the program's own evaluation.
        value: what it came to.
        samples: how many answers it is a mean of.
    """
    if samples < 1 or not math.isfinite(value):
        return None
    if name == "absolute error":
        return _further_off(floor, value, samples)
    if name == "accuracy" and floor.accuracy is not None and floor.accuracy_low is not None:
        high, simple, low = _highest(value, samples), floor.accuracy, floor.accuracy_low
        reached, what = value, "of its evaluation right"
    elif (
        name == "squared error" and floor.variance and floor.score is not None and floor.score_low is not None
    ):
        # The standard error of a mean of squares is their mean times the square root of 2 over their number, where errors are normal.
        least = value * max(0.0, 1 - 1.96 * math.sqrt(2 / samples))
        high, simple, low = 1 - least / floor.variance, floor.score, floor.score_low
        reached, what = 1 - value / floor.variance, "of the targets' variance in its evaluation"
    else:
        return None
    if high + rule["gap"] >= low:
        return None
    does = "gets" if name == "accuracy" else "explains"
    return _worse(
        floor,
        f"the trained network {does} {reached:.1%} {what} ({high:.1%} at most, by {samples} samples); {floor.model} {does} {simple:.1%} of {floor.samples} training samples that it was not fitted to "
        f"(at least {low:.1%})",
        {"network": reached, "network_high": high, "simple": simple, "simple_low": low},
    )


def _further_off(floor: Floor, value: float, samples: int) -> Finding | None:
    """Absolute errors have no share of the variance that they explain: their means are compared."""
    if floor.error is None or floor.error_high is None or not floor.variance:
        return None
    # As far spread as they are large, which is the case for the tail of an exponential; normal errors are spread less (0.76 times).
    least = value * max(0.0, 1 - 1.96 / math.sqrt(samples))
    if least - rule["gap"] * math.sqrt(floor.variance) <= floor.error_high:
        return None
    return _worse(
        floor,
        f"the trained network is off by {value:.3g} on average in its evaluation ({least:.3g} at least, by {samples} samples); {floor.model} is off by {floor.error:.3g} on {floor.samples} training samples that it was "
        f"not fitted to (at most {floor.error_high:.3g})",
        {
            "network": value,
            "network_least": least,
            "simple": floor.error,
            "simple_high": floor.error_high,
        },
    )


def _worse(floor: Floor, message: str, measured: Mapping[str, float]) -> Finding:
    finding = rule.found(
        message,
        where=floor.where,
        expected="a trained network that does better than a model without tuning",
        fix="train longer or at a better rate, with more and smaller batches; otherwise use the simple model",
        remedies=(),
        model=floor.model,
    )
    return replace(finding, measured={**finding.measured, **measured})


def _highest(share: float, samples: int, z: float = 1.96) -> float:
    """Upper end of Wilson's 95 % interval."""
    middle = share + z * z / (2 * samples)
    half = z * math.sqrt(share * (1 - share) / samples + z * z / (4 * samples * samples))
    return min(1.0, (middle + half) / (1 + z * z / samples))
