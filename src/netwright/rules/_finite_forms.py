"""What keeps a call finite: by the call, and by what it was given when it made a NaN or an infinity."""

import math
from collections.abc import Callable

from ..evidence import NonFinite, Stats, TensorInfo

_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.39e38,
    "float32": 3.4028e38,
    "float64": 1.797e308,
}
_TINY = 1e-8  # what the remedies add
_NEGATIVE_BASE = "keep what enters pow from going below 0 (clamp(min=0) and a small number added): a negative number has no broken power"

_LOGS = {"log": "0", "log2": "0", "log10": "0", "xlogy": "0", "log1p": "-1"}
_NORMS = frozenset("norm linalg_vector_norm linalg_norm vector_norm matrix_norm dist cdist".split())
_SPREADS = frozenset("std var std_mean var_mean".split())
_EXPS = {
    "exp": math.e,
    "expm1": math.e,
    "cosh": math.e,
    "sinh": math.e,
    "exp2": 2.0,
}
_DIVISIONS = frozenset("div true_divide divide rdiv reciprocal remainder fmod".split())
_INVERSE = frozenset("acos arccos asin arcsin atanh arctanh erfinv".split())
_AVERAGES = frozenset("mean nanmean mse_loss l1_loss smooth_l1_loss huber_loss".split())
_SPECTRA = frozenset(
    "svd linalg_svd linalg_eigh linalg_eig linalg_svdvals linalg_eigvalsh pca_lowrank".split()
)


def of_values(first: NonFinite) -> str:
    """What keeps the values of a call finite that made others of finite ones."""
    op, given = first.op, _first_input(first)
    if op in _RANGES:
        return _RANGES[op]
    if op in _BY_INPUTS:
        return _BY_INPUTS[op](first)
    return _of_other(first, op, given)


def _of_other(first: NonFinite, op: str, given: TensorInfo | None) -> str:
    if op in _SPREADS and _makes_nan(first) and not _large(given):
        return f"{op} of a single value is not defined (it is divided by their number less 1): give it more values, or correction=0"
    if op in _AVERAGES and any(i.numel == 0 for i in first.inputs):
        return f"{op} of no values is NaN: leave out what is empty (numel() == 0), or divide the sum by at least 1"
    if first.since is not None or _infinite(first.inputs):
        return "infinity minus infinity, or times 0, is NaN: mend the call that makes the infinity, or mask with a large finite number"
    if not _makes_nan(first):
        return _overflow(first)
    return f"keep what enters {op} in the range for which it is defined" + (
        f"; {_overflow(first)}" if _large(given) else ""
    )


def of_derivative(first: NonFinite) -> str:
    """What keeps the derivative of a call finite whose result is."""
    op, given = first.op, _first_input(first)
    at_zero = _at_zero(first.output) or _at_zero(given)
    if op in _SPECTRA:
        return f"the derivative of {op} is infinite where two of its values are equal: add a little noise to what enters, or do without the vectors"
    if op in _INVERSE:
        return f"the derivative of {op} at -1 and 1 is infinite: keep what enters it inside (clamp(-1 + 1e-6, 1 - 1e-6))"
    if op == "atan2":
        return "atan2 has no derivative where both are 0: add a small number to one of them there"
    if op in ("sqrt", "rsqrt") or op in _NORMS or op in _SPREADS:
        return _root(first) if at_zero else _gradients(first)
    if op == "pow":
        return _power_derivative(first)
    if op in _LOGS or op == "logit":
        edge = "0 and 1" if op == "logit" else _LOGS[op]
        return f"the derivative of {op} at {edge} is infinite: clamp what enters it before, not its result"
    if op in _DIVISIONS or op == "normalize":
        divisor = given if op in ("reciprocal", "normalize") else _divisor(first)
        if divisor is None or _at_zero(divisor) or not _away_from_zero(divisor):
            return "the derivative of a division by (almost) 0 is infinite: add a small number to the divisor"
        return _gradients(first)
    if op in ("where", "masked_fill", "mul") or op in _EXPS:
        if op in ("where", "masked_fill") or _infinite(first.inputs) or _infinite((first.output,)):
            return "a branch that is not chosen still has a derivative, and 0 times infinity is NaN: put a harmless value in before the call that cannot take it"
        return _gradients(first)
    return f"keep what enters {op} away from where its derivative is infinite, or clip what comes back to it"


def overflows(first: NonFinite) -> bool:
    """Whether values (or gradients) of numbers that are too large for their precision are all that is wrong: then no form of the call helps."""
    if first.phase == "backward":
        return of_derivative(first) == _gradients(first)
    return first.phase == "forward" and bool(first.op) and of_values(first) == _overflow(first)


# -- calls whose cure depends on what they were given ------------------------------------------------------------------------


def _power(first: NonFinite) -> str:
    base, exponent = _operands(first)
    if base is not None and base[0] < 0 and _makes_nan(first) and not _whole(exponent):
        return _NEGATIVE_BASE
    if base is not None and base[0] <= 0 <= base[1] and exponent is not None and exponent[0] < 0:
        return "a negative power of 0 is infinite: keep what enters pow away from 0 (a small number added)"
    return _overflow(first)


def _power_derivative(first: NonFinite) -> str:
    base, exponent = _operands(first)
    if base is not None and base[0] < 0 and exponent is not None and not _whole(exponent):
        return _NEGATIVE_BASE
    if exponent is not None and exponent[0] >= 1:
        return _gradients(first)
    if _at_zero(_first_input(first)) or _at_zero(first.output):
        return _root(first)
    return _gradients(first)


def _exponential(first: NonFinite) -> str:
    word = _dtype(first)
    most = math.log(_largest(first)) / math.log(_EXPS[first.op])
    return f"subtract the largest value before {first.op}, or bound what enters it; {word} overflows beyond {math.floor(most)}"


def _division(first: NonFinite) -> str:
    dividend, divisor = _first_input(first), _divisor(first)
    zero = _zeros(divisor) or _zeros_number(first)
    if not zero and first.op in ("div", "true_divide", "divide") and dividend is not None:
        stats = dividend.stats
        # So large that no small number in the divisor would keep it in range.
        if stats is not None and divisor is not None and stats.abs_max > _largest(first) * _TINY:
            return _overflow(first)
    return "add a small number to the divisor, or leave out what has none"


def _classes(first: NonFinite) -> str:
    if first.since is not None:
        return f"the right class is masked out of what enters {first.op}: leave it open, or mask with a large finite number"
    if _makes_nan(first):
        return f"the mean of {first.op} over no target is NaN: leave out batches in which every target is ignored (ignore_index) or has weight 0"
    return _overflow(first)


def _root(first: NonFinite) -> str:
    op = first.op
    if op in _SPREADS:
        return f"the derivative of {op} at 0 is infinite (all values are equal, or there is one alone): take the root of the variance with a small number added"
    inside = f"{op}(x + 1e-8)" if op in ("sqrt", "rsqrt", "pow") else "sqrt(x.square().sum() + 1e-8)"
    return f"the derivative of {op} at 0 is infinite: add a small number inside ({inside}); torch.where behind it does not help"


def _overflow(first: NonFinite) -> str:
    largest = max((s.abs_max for i in first.inputs if (s := i.stats) is not None), default=0.0)
    entered = f", and values up to {largest:.2g} enter {first.op}" if largest else ""
    half = ", or compute this in float32" if _dtype(first) == "float16" else ""
    return (
        f"the values overflow ({_dtype(first)} ends at {_largest(first):.2g}{entered}): bound or scale them before; "
        f"a lower learning rate, normalization layers or gradient clipping keep them in range{half}"
    )


def _gradients(first: NonFinite) -> str:
    return (
        f"the gradient overflows on its way through {first.op}: keep the values that enter it in range, "
        "by a lower learning rate, normalization layers or a smaller scale of the loss"
    )


def _softmax(first: NonFinite) -> str:
    masked = "a row in which every place is masked has no softmax: leave one open, or mask with a large finite number"
    if first.since is None and first.op == "scaled_dot_product_attention":
        return f"{masked}; without a mask the products overflow: normalize queries and keys, or compute in float32"
    return masked


# -- what it was given -----------------------------------------------------------------------------------------------------------


def _first_input(first: NonFinite) -> TensorInfo | None:
    return first.inputs[0] if first.inputs else None


def _divisor(first: NonFinite) -> TensorInfo | None:
    """What is divided by, where it is a tensor."""
    if first.op in ("reciprocal", "rdiv"):
        return _first_input(first)
    return first.inputs[1] if len(first.inputs) > 1 else None


def _operands(first: NonFinite) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """The ranges of base and exponent of a power, where they are known."""
    ranges = [_range(i) for i in first.inputs[:2]]
    if len(ranges) == 2:
        return ranges[0], ranges[1]
    number = (first.numbers[0], first.numbers[0]) if first.numbers else None
    own = ranges[0] if ranges else None
    return (number, own) if first.base_is_number else (own, number)


def _range(info: TensorInfo) -> tuple[float, float] | None:
    stats = info.stats
    return None if stats is None or stats.nonfinite >= 1 else (stats.min, stats.max)


def _whole(exponent: tuple[float, float] | None) -> bool:
    """Whether it is one whole number, of which every base has a power."""
    return exponent is not None and exponent[0] == exponent[1] == round(exponent[0])


def _zeros(info: TensorInfo | None) -> bool:
    return info is not None and info.stats is not None and info.stats.zeros > 0


def _zeros_number(first: NonFinite) -> bool:
    return len(first.inputs) == 1 and 0.0 in first.numbers


def _at_zero(info: TensorInfo | None) -> bool:
    """Whether zeros are among its values, or numbers whose square is none in this precision."""
    if info is None or info.stats is None:
        return False
    stats = info.stats
    return (
        stats.zeros > 0 or (stats.min <= 0 <= stats.max) or min(abs(stats.min), abs(stats.max)) < _least(info)
    )


def _away_from_zero(info: TensorInfo) -> bool:
    stats = info.stats
    return stats is not None and (stats.min > _least(info) or stats.max < -_least(info))


def _least(info: TensorInfo) -> float:
    """The square of what is smaller is (almost) 0."""
    return 1 / math.sqrt(_LARGEST.get(info.dtype, _LARGEST["float32"]))


def _large(info: TensorInfo | None) -> bool:
    """Whether squares of its values overflow."""
    if info is None or info.stats is None:
        return False
    return info.stats.abs_max > math.sqrt(_LARGEST.get(info.dtype, _LARGEST["float32"]))


def _infinite(infos: tuple[TensorInfo | None, ...]) -> bool:
    return any(i is not None and i.stats is not None and i.stats.nonfinite > 0 for i in infos)


def _makes_nan(first: NonFinite) -> bool:
    """Whether the call itself makes NaN, and not an infinity."""
    stats: Stats | None = first.output.stats if first.output is not None else None
    return stats.nan > 0 if stats is not None else first.nan and first.became is None


def _dtype(first: NonFinite) -> str:
    infos = [i for i in (first.output, *first.inputs) if i is not None and i.dtype in _LARGEST]
    return infos[0].dtype if infos else "float32"


def _largest(first: NonFinite) -> float:
    return _LARGEST[_dtype(first)]


_STABLE = "or use the stable form: log_softmax, logsigmoid, a loss on logits"
# Calls that make others than numbers only of what lies outside of their range.
_RANGES = {
    **{op: f"keep what enters {op} above 0 (clamp(min=1e-8)), {_STABLE}" for op in _LOGS if op != "log1p"},
    "log1p": "keep what enters log1p above -1 (clamp(min=-1 + 1e-7))",
    "logit": "keep what enters logit inside (0, 1) (eps=1e-6), or use a loss on logits",
    "sqrt": "keep what enters sqrt from going below 0 (clamp(min=0) and a small number added)",
    "rsqrt": "keep what enters rsqrt above 0 (clamp(min=1e-8))",
    **{op: f"keep what enters {op} between -1 and 1 (clamp(-1 + 1e-6, 1 - 1e-6))" for op in _INVERSE},
    **{
        op: f"give {op} probabilities inside (0, 1), or use the loss on logits"
        for op in ("binary_cross_entropy", "kl_div")
    },
}
_BY_INPUTS: dict[str, Callable[[NonFinite], str]] = {
    "pow": _power,
    **dict.fromkeys(_EXPS, _exponential),
    **dict.fromkeys(_DIVISIONS, _division),
    **dict.fromkeys(("softmax", "log_softmax", "scaled_dot_product_attention"), _softmax),
    **dict.fromkeys(("cross_entropy", "nll_loss"), _classes),
}
