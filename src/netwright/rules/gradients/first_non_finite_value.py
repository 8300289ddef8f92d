"""The first NaN or infinity: the call that made it.

## What it measures
The loss of every step, and gradients, for values that are not finite (where steps are so short that this does not fit into the budget of watching, of every second, fourth, ... step). The step with the first one is run again with its batch and its weights, and every value and gradient on the way is
looked at: the call that was given finite values and returned others is where it began, forward, or backward where the loss itself is finite.

## Why it matters
What is not finite spoils everything it meets: one step later every weight is NaN and training is over. The place where it is noticed, mostly the loss, is rarely where it began.

## How to fix
By the call: take the logarithm, root or power of values kept away from 0 (``clamp(min=1e-8)``, a small number inside the root), divide by a sum with a small number added, use the stable forms
(``log_softmax``, ``logsigmoid``, ``binary_cross_entropy_with_logits``, ``logsumexp``), give every row of a masked softmax one open place. ``torch.where`` does not protect the gradient: put a harmless value in *before* the
call. Where values overflow, whatever the call, none of that helps: bound or scale them, lower the learning rate, add a normalization.

## Known false alarms
Infinite gradients while a gradient scaler looks for its scale are part of its work and not reported. Infinities on purpose (masks) do not count as long as the loss is finite.

## Source
IEEE 754; Tobin, "Troubleshooting deep neural networks" (numerical instability); PyTorch, "Numerical accuracy" and the FAQ on ``torch.where`` and NaN gradients.
"""

from ...evidence import Finiteness, NonFinite, TensorInfo, Where
from ...rule import Finding, Kind, Rule, Severity
from .._finite_forms import of_derivative, of_values, overflows

rule = Rule(
    code="NW414",
    name="first-non-finite-value",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4", "S4"),
    explains=("NW404", "NW406", "NW407", "NW409", "NW502", "NW603", "NW610", "NW701"),
    remedies=("clip-gradients", "fill-non-finite", "finite-form", "lower-learning-rate"),
)


@rule.check
def check(finiteness: Finiteness) -> Finding | None:
    """Say what the first value that is not finite came from."""
    first = finiteness.first
    return None if first is None else _SAID[first.phase](first)


def _word(first: NonFinite) -> str:
    return "NaN" if first.nan else "infinity"


def _when(first: NonFinite) -> str:
    return f"in step {first.steps:,}"


def _shown(info: TensorInfo) -> str:
    size = "×".join(map(str, info.shape)) or "one number"
    stats = info.stats
    if stats is None:
        return size
    if stats.nonfinite >= 1:
        return f"{size}, none finite"
    broken = f", {stats.nonfinite:.2%} not finite" if stats.nonfinite else ""
    zeros = f", {stats.zeros:.2%} zeros" if stats.zeros and not stats.integers else ""
    return f"{size}, {stats.min:.3g} to {stats.max:.3g}{zeros}{broken}"


def _call(first: NonFinite) -> str:
    given = "; ".join(_shown(i) for i in first.inputs[:3])
    return f"{first.op} at {first.where.at}" + (f" (given {given})" if given else "")


def _forward(first: NonFinite) -> Finding:
    if not first.op:
        step = first.steps if first.broken is None else first.broken
        return _found(
            first,
            f"the loss is {_word(first)} in step {step:,}{_unseen(first, step)}; the step could not be run again to see where it began",
            where=first.backward,
            expected="a finite loss",
            fix=f"{_look_at(step)} trains up to this step and names the call; or see which of the values that enter the loss is not finite (torch.isfinite)",
        )
    since = ""
    if first.since is not None:
        since = f", by an infinity that {first.since[0]} put in at {first.since[1].at}"
    if first.became is not None:
        since = f", of which {first.became[0]} at {first.became[1].at} makes NaN"
    return _found(
        first,
        f"{'infinity' if first.became else _word(first)} begins {_when(first)} in {_call(first)}{since}{_unseen(first, first.steps)}",
        where=first.where.on(module=first.module),
        also=(*tuple(w[1] for w in (first.since, first.became) if w is not None), first.backward),
        expected="finite values in, finite values out",
        fix=of_values(first),
    )


def _backward(first: NonFinite) -> Finding:
    return _found(
        first,
        f"the loss is finite {_when(first)} ({first.loss:.3g}), but the derivative of {_call(first)} is not"
        if first.loss is not None
        else f"the derivative of {_call(first)} is not finite {_when(first)}",
        where=first.where.on(module=first.module),
        also=(first.backward,),
        expected="finite gradients for finite values",
        fix=of_derivative(first),
    )


def _data(first: NonFinite) -> Finding:
    return _found(
        first,
        f"{_word(first)} comes in with {first.name} {_when(first)}"
        + (f" ({_shown(first.output)})" if first.output is not None else ""),
        where=first.where,
        also=(first.backward,),
        expected="finite inputs and targets",
        fix="find these samples (torch.isfinite) and fill, mask or drop them before they reach the network",
    )


def _update(first: NonFinite) -> Finding:
    named = ", ".join(first.parameters[:3]) + (" …" if len(first.parameters) > 3 else "")
    told = (
        f"{len(first.parameters)} parameters ({named}) are"
        if len(first.parameters) > 1
        else f"the parameter {named} is"
    )
    cause, fix = _spoilt(first)
    return _found(
        first,
        f"{told} not finite {cause}",
        where=first.backward,
        expected="finite weights after every step",
        fix=fix,
    )


_OFTEN = "often the learning rate is too high, or a derivative is infinite at 0"
_EVERY = f"netwright run --watch-every 1 --on-error stop reads the gradients of every step and names the call; {_OFTEN}"


def _spoilt(first: NonFinite) -> tuple[str, str]:
    """When weights came to be spoilt, as far as it is known, and the command that tells the rest."""
    step, seen = first.steps if first.broken is None else first.broken, first.finite
    if first.at_end:
        known = (
            f"; the last loss that was seen to be finite is that of step {seen:,}" if seen is not None else ""
        )
        return f"at the end of the run{known}", _EVERY
    if first.broken is None:
        begins = f"when step {step:,} begins"
    else:
        begins = f"any more, nor is the loss of step {step:,}"
    if seen is None:
        return f"{begins}: a step before spoilt them", _EVERY
    if seen >= step:
        again = f"{_look_at(step)} trains up to that step and names the call; {_OFTEN}"
        return (
            f"within step {step:,}, whose loss was finite at first: an earlier backward pass of it spoilt them",
            again,
        )
    if seen < step - 1:
        return (
            f"{begins}; the loss of step {seen:,} was finite, and the steps in between were not looked at",
            _EVERY,
        )
    if first.gradients:
        fix = (
            f"clip the gradients or lower the learning rate; see what else writes to weights in step {seen:,}"
        )
        return f"{begins}; loss and gradients of step {seen:,} were finite: its update spoilt them", fix
    again = f"{_look_at(seen)} trains up to that step and names the call; {_OFTEN}"
    if first.gradients is False:
        return f"{begins}: in step {seen:,} the loss was finite, and gradients were not", again
    return (
        f"{begins}; the loss of step {seen:,} was finite: its backward pass or its update spoilt them",
        again,
    )


def _look_at(step: int) -> str:
    return f"netwright check --look-at {step}"


def _unseen(first: NonFinite, step: int) -> str:
    """Steps before it whose loss was not looked at."""
    if first.finite is None or first.finite >= step - 1:
        return ""
    return f" (the losses of steps {first.finite + 1:,} to {step - 1:,} were not looked at)"


_SAID = {"forward": _forward, "backward": _backward, "data": _data, "update": _update}


def _found(
    first: NonFinite, message: str, *, expected: str, fix: str, where: Where, also: tuple[Where, ...] = ()
) -> Finding:
    loss = first.loss
    return rule.found(
        message,
        where=where,
        also=also,
        expected=expected,
        fix=fix,
        phase=first.phase,
        step=first.steps,
        finite_until=first.finite,
        overflows=overflows(first),
        loss=loss if loss is not None and abs(loss) < float("inf") else None,
        nan=first.nan,
        op=first.op,
        input=first.name,
        replayed=first.replayed,
        parameters=list(first.parameters[:20]),
    )
