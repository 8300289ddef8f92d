"""The first NaN or infinity: the call that made it.

## What it measures
The loss at every step, and gradients, for values that are not finite. The step with the first one is run again with its batch and its weights, and every value and gradient on the way is
looked at: the call that was given finite values and returned others is where it began, forward, or backward where the loss itself is finite.

## Why it matters
What is not finite spoils everything it meets: one step later every weight is NaN and training is over. The place where it is noticed, mostly the loss, is rarely where it began.

## How to fix
By the call: take the logarithm, root or power of values kept away from 0 (``clamp(min=1e-8)``, a small number inside the root), divide by a sum with a small number added, use the stable forms
(``log_softmax``, ``logsigmoid``, ``binary_cross_entropy_with_logits``, ``logsumexp``), give every row of a masked softmax one open place. ``torch.where`` does not protect the gradient: put a harmless value in *before* the
call. Where values overflow, the learning rate is too high or a normalization is missing.

## Known false alarms
Infinite gradients while a gradient scaler looks for its scale are part of its work and not reported. Infinities on purpose (masks) do not count as long as the loss is finite.

## Source
IEEE 754; Tobin, "Troubleshooting deep neural networks" (numerical instability); PyTorch, "Numerical accuracy" and the FAQ on ``torch.where`` and NaN gradients.
"""

from ...evidence import Finiteness, NonFinite, TensorInfo, Where
from ...rule import Finding, Kind, Rule, Severity

rule = Rule(
    code="NW414",
    name="first-non-finite-value",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4", "S4"),
    explains=("NW404", "NW406", "NW407", "NW409", "NW502", "NW603", "NW610", "NW701"),
    remedies=("clip-gradients", "fill-non-finite", "finite-form", "lower-learning-rate"),
)

_ROOTS = frozenset(
    "sqrt rsqrt pow norm linalg_vector_norm linalg_norm vector_norm cdist dist std var".split()
)
_LOGS = frozenset("log log2 log10 log1p xlogy logit".split())
_EXPS = frozenset("exp expm1 exp2 cosh sinh".split())
_SUMS = frozenset("linear matmul mm bmm addmm conv1d conv2d conv3d einsum sum mean".split())


@rule.check
def check(finiteness: Finiteness) -> Finding | None:
    """Say what the first value that is not finite came from."""
    first = finiteness.first
    return None if first is None else _SAID[first.phase](first)


def _word(first: NonFinite) -> str:
    return "NaN" if first.nan else "infinity"


def _when(first: NonFinite) -> str:
    return f"in step {first.steps + 1}"


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
        return _found(
            first,
            f"the loss is {_word(first)} {_when(first)}; the step could not be run again to see where it began",
            where=first.backward,
            expected="a finite loss",
            fix="see which of the values that enter the loss is not finite (torch.isfinite)",
        )
    since = ""
    if first.since is not None:
        since = f", by an infinity that {first.since[0]} put in at {first.since[1].at}"
    if first.became is not None:
        since = f", of which {first.became[0]} at {first.became[1].at} makes NaN"
    return _found(
        first,
        f"{'infinity' if first.became else _word(first)} begins {_when(first)} in {_call(first)}{since}",
        where=first.where.on(module=first.module),
        also=(*tuple(w[1] for w in (first.since, first.became) if w is not None), first.backward),
        expected="finite values in, finite values out",
        fix=_mend(first),
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
        fix=_mend_derivative(first),
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
    told = f"{len(first.parameters)} parameters ({named})"
    often = "often the learning rate is too high, or a derivative is infinite at 0"
    if first.at_end:
        return _found(
            first,
            f"{told} are not finite at the end of the run; the step that spoilt them was not among those that were read",
            where=first.backward,
            expected="finite weights after every step",
            fix=f"netwright run --watch-every 1 reads every step and names the call; {often}",
        )
    return _found(
        first,
        f"{told} are not finite when step {first.steps + 1} begins: the step before spoilt them",
        where=first.backward,
        expected="finite weights after every step",
        fix=f"netwright check --look-at {max(first.steps, 2)} runs the program up to the step before and names the call; {often}",
    )


_SAID = {"forward": _forward, "backward": _backward, "data": _data, "update": _update}


def _mend(first: NonFinite) -> str:
    op = first.op
    if op in _LOGS:
        return f"keep what enters {op} above 0 (clamp(min=1e-8)), or use the stable form: log_softmax, logsigmoid, a loss on logits"
    if op in _ROOTS:
        return f"keep what enters {op} from going below 0 (clamp(min=0) and a small number added)"
    if op in _EXPS:
        return "subtract the largest value before exp, or bound what enters it; float32 overflows beyond 88"
    if op in ("div", "true_divide", "reciprocal", "normalize"):
        return "add a small number to the divisor, or leave out what has none"
    if op in ("softmax", "log_softmax", "scaled_dot_product_attention"):
        return "a row in which every place is masked has no softmax: leave one open, or mask with a large finite number"
    if op in ("binary_cross_entropy", "nll_loss", "kl_div"):
        return f"give {op} probabilities inside (0, 1), or use the loss on logits"
    if op in _SUMS:
        return "the values overflow: a lower learning rate, normalization layers or gradient clipping keep them in range"
    if op in ("sub", "add", "mul"):
        return "infinity minus infinity, or times 0, is NaN: mend the call that makes the infinity"
    return f"keep what enters {op} in the range for which it is defined"


def _mend_derivative(first: NonFinite) -> str:
    op = first.op
    if op in _ROOTS:
        return f"the derivative of {op} at 0 is infinite: add a small number inside ({op}(x + 1e-8)); torch.where behind it does not help"
    if op in _LOGS:
        return f"the derivative of {op} at 0 is infinite: clamp what enters it before, not its result"
    if op in ("div", "true_divide", "reciprocal", "normalize"):
        return "the derivative of a division by (almost) 0 is infinite: add a small number to the divisor"
    if op in ("where", "masked_fill", "mul"):
        return "a branch that is not chosen still has a derivative, and 0 times infinity is NaN: put a harmless value in before the call that cannot take it"
    return f"keep what enters {op} away from where its derivative is infinite, or clip what comes back to it"


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
        loss=loss if loss is not None and abs(loss) < float("inf") else None,
        nan=first.nan,
        op=first.op,
        input=first.name,
        replayed=first.replayed,
        parameters=list(first.parameters[:20]),
    )
