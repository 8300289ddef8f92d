"""Why a batch cannot be learned by heart: the causes of each way in which it fails, those first for which something else speaks."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..evidence import Outcome, Overfit, OverfitRun, ParameterInfo, Parameters, RangeTest, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause, and what speaks for it (``""``: nothing that was measured). ``weight`` orders causes: 2 for what was seen, 1 for what fits, 0 for what the guide lists, -1 for what speaks against it."""

    text: str
    because: str = ""
    weight: int = 0


# Tobin, "Troubleshooting deep neural networks", overfit a single batch: the usual causes of each outcome, in his order.
_LISTED: dict[Outcome, tuple[str, ...]] = {
    Outcome.UP: ("sign", "rate-high", "softmax"),
    Outcome.EXPLODED: ("numbers", "rate-high"),
    Outcome.OSCILLATING: ("rate-high", "labels"),
    Outcome.PLATEAU: ("rate-low", "gradients", "regularization", "loss-input", "capacity"),
    Outcome.FALLING: ("rate-low", "gradients", "regularization", "loss-input", "capacity"),
}
_TEXT = {
    "sign": "a flipped sign of the loss or of the gradient",
    "rate-high": "a rate that is too high",
    "softmax": "a softmax over the wrong dimension",
    "numbers": "a numerical fault (an exp, a log or a division without bound)",
    "labels": "labels that do not belong to their inputs",
    "rate-low": "a rate that is too low",
    "gradients": "gradients that do not reach all layers (frozen or detached)",
    "regularization": "too much regularization",
    "loss-input": "the wrong tensor in the loss (a prediction, or a target, of another kind or order)",
    "capacity": "too few units",
}


def causes(
    overfit: Overfit, last: OverfitRun, parameters: Parameters, task: Task, test: RangeTest | None
) -> tuple[Cause, ...]:
    """The causes that the guide lists for the way in which the last run failed, ordered by what is known."""
    found: list[Cause] = []
    for name in _LISTED.get(last.outcome, ()):
        weight, because = _evidence(name, overfit, last, parameters, task, test)
        found.append(Cause(text=_TEXT[name], because=because, weight=weight))
    return tuple(sorted(found, key=lambda c: -c.weight))


def _evidence(
    name: str, overfit: Overfit, last: OverfitRun, parameters: Parameters, task: Task, test: RangeTest | None
) -> tuple[int, str]:
    if name == "sign":
        terms = [o.term for o in task.objectives]
        flipped = any(t is not None and t.weight is not None and t.weight < 0 for t in terms)
        return (2, "the loss is negated") if flipped else (0, "")
    if name in ("rate-high", "rate-low"):
        return _rate(name, overfit, last, test)
    if name == "gradients":
        cut = [p for p in parameters.parameters if _without_gradient(p)]
        total = sum(1 for p in parameters.parameters if p.used)
        if cut:
            return 2, f"{len(cut)} of {total} parameters get no gradient, {cut[0].name} among them"
        return (-1, "all parameters get a gradient") if total else (0, "")
    if name == "regularization":
        others = [t for o in task.objectives for t in o.terms if t.op == "regularization"]
        return (
            (1, "the loss has a penalty on the weights")
            if others
            else (-1, "the loss has no penalty, and dropout and weight decay are off here")
        )
    return _few(name, overfit)


def _rate(name: str, overfit: Overfit, last: OverfitRun, test: RangeTest | None) -> tuple[int, str]:
    own = next((r for r in overfit.runs if r.own), None)
    if test is not None and test.best is not None:
        high, low = test.largest is not None and test.in_use > test.largest, test.in_use < 0.01 * test.best
        if (high and name == "rate-high") or (low and name == "rate-low"):
            return 2, f"the range test finds {test.best:.1e} best and {test.in_use:.1e} in use"
        return -1, f"the range test finds the rate in use, {test.in_use:.1e}, among those that train"
    if not last.own:
        also = f" and {own.optimizer}" if own is not None else ""
        return -1, f"{last.optimizer}{also} fail alike"
    return 0, ""


def _few(name: str, overfit: Overfit) -> tuple[int, str]:
    """What the runs on a sample and on a few say."""
    if (
        overfit.sample is not None
        and overfit.sample.outcome is not Outcome.REACHED
        and name in ("loss-input", "numbers")
    ):
        return 1, "not even one sample can be learned"
    few = overfit.few
    if few is not None and few.outcome is Outcome.REACHED and name in ("capacity", "labels"):
        return 1, f"{few.samples} samples can be learned"
    if few is not None and few.outcome is not Outcome.REACHED and name == "loss-input":
        return 1, f"not even {few.samples} samples can be learned"
    return 0, ""


def _without_gradient(parameter: ParameterInfo) -> bool:
    seen = parameter.grad_steps
    return (
        parameter.used
        and parameter.registered
        and (not parameter.requires_grad or (bool(seen) and all(not g for g in seen)))
    )


def told(causes: Sequence[Cause], most: int = 3) -> str:
    """The first causes in words."""
    return "; ".join(c.text + (f" ({c.because})" if c.because else "") for c in causes[:most])
