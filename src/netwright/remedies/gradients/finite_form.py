"""Keep what enters a call in the range where the call and its derivative are finite."""

import re
from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._activations import kind_of
from .._calls import input_of, is_function, renamed
from ..loss._arguments import atom
from ..loss.stable_form import edit as stable_form
from ..remedy import Remedy
from ..source import Change, Refused, Source, called, last_name, name_of

remedy = Remedy(
    name="finite-form",
    mends=("NW414",),
    assumes="the logarithm, root, power, inverse function, exponential or division stands once on the line; of a softmax the mask that fills in minus infinity in the same function",
)
_TINY = "1e-8"
_LOWEST = {"log": _TINY, "log2": _TINY, "log10": _TINY, "log1p": "-1 + 1e-7"}
_ROOTS = ("sqrt", "rsqrt")
_INVERSE = ("acos", "arccos", "asin", "arcsin", "atanh", "arctanh")
_DIVISIONS = ("div", "true_divide", "rdiv")
_SOFTMAX = ("softmax", "log_softmax", "scaled_dot_product_attention")
_LARGEST = "80"  # float32 overflows at exp(88.7)
_INFINITY = re.compile(
    r"""-\s*(?:float\(\s*["']inf(?:inity)?["']\s*\)|(?:torch|math|np|numpy)\.inf)|float\(\s*["']-inf(?:inity)?["']\s*\)"""
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``log(x.clamp(min=1e-8))``, ``sqrt(x + 1e-8)``, ``a / (b + 1e-8)``; a mask fills in the lowest finite number."""
    line, op = finding.where.line, finding.measured.get("op")
    phase = finding.measured.get("phase")
    assert line is not None
    if phase not in ("forward", "backward") or not isinstance(op, str):
        raise Refused("the call that gave the first value that is not finite is not known")
    if finding.measured.get("overflows") is True:
        raise Refused("numbers overflow, and no form of the call keeps them finite")
    if op in _LOWEST or op == "logit":
        return _logarithm(source, finding, line, op)
    if op in _ROOTS:
        return _inner(source, _one(source, line, op), _positive(phase))
    if op == "pow":
        return _power(source, line, phase)
    if op == "std":
        return _deviation(source, line)
    if op in _INVERSE:
        return _inner(source, _one(source, line, op), ".clamp(-1 + 1e-6, 1 - 1e-6)")
    if op == "exp":
        return _inner(source, _one(source, line, op), f".clamp(max={_LARGEST})")
    if op in _DIVISIONS:
        return _division(source, line)
    if op in _SOFTMAX:
        return _mask(source, finding, line)
    raise Refused(f"what keeps {op} finite is not known")


def _one(source: Source, line: int, *names: str) -> cst.Call:
    found = called(source, line, *names)
    if len(found) != 1:
        raise Refused(f"{names[0]} is not called once on the line")
    return found[0]


def _positive(phase: object) -> str:
    """Below 0 a root has no value, at 0 no derivative."""
    return f".clamp(min={_TINY})" if phase == "forward" else f" + {_TINY}"


def _inner(source: Source, call: cst.Call, end: str) -> Sequence[Change]:
    return [_ended(source, input_of(source, call), end, alone=is_function(call))]


def _ended(source: Source, node: cst.BaseExpression, end: str, *, alone: bool) -> Change:
    """An expression with a method or a number behind it, in parentheses where it does not stand alone. Those that it has do not belong to its span."""
    own = bool(node.lpar)
    last = source.span(node)[1]
    if end.startswith(".") and own and (close := re.match(r"\s*\)", source.text[last:])):
        return Change(last + close.end(), last + close.end(), end)
    plain = own and isinstance(node, cst.BinaryOperation)
    text = (source.code(node) if plain and " + " in end else atom(source, node)) + end
    return source.replace(node, text if alone or own or end.startswith(".") else f"({text})")


def _logarithm(source: Source, finding: Finding, line: int, op: str) -> Sequence[Change]:
    call = _one(source, line, op)
    if op == "logit":
        return [source.set_argument(call, "eps", "1e-6", 1 if is_function(call) else 0)]
    inner = input_of(source, call)
    if op == "log" and isinstance(inner, cst.Call) and kind_of(source, inner) in ("softmax", "sigmoid"):
        return stable_form(source, finding)
    return _inner(source, call, f".clamp(min={_LOWEST[op]})")


def _power(source: Source, line: int, phase: object) -> Sequence[Change]:
    powers = [b for b in source.at(cst.BinaryOperation, line) if isinstance(b.operator, cst.Power)]
    calls = called(source, line, "pow")
    if len(powers) + len(calls) != 1:
        raise Refused("no one power is taken on the line")
    if calls:
        return _inner(source, calls[0], _positive(phase))
    return [_ended(source, powers[0].left, _positive(phase), alone=False)]


def _deviation(source: Source, line: int) -> Sequence[Change]:
    """The derivative of a standard deviation of 0 is that of a root at 0."""
    call = _one(source, line, "std")
    change = renamed(source, call, "var")
    start, end = source.span(call)
    text = source.text[start : change.start] + change.text + source.text[change.end : end]
    return [source.replace(call, f"({text} + {_TINY}).sqrt()")]


def _division(source: Source, line: int) -> Sequence[Change]:
    divisors = [b.right for b in source.at(cst.BinaryOperation, line) if isinstance(b.operator, cst.Divide)]
    divisors += [a.value for a in source.at(cst.AugAssign, line) if isinstance(a.operator, cst.DivideAssign)]
    for call in called(source, line, "div", "true_divide", "divide"):
        divisor = source.argument(call, "other", 1 if is_function(call) else 0)
        divisors += [divisor.value] if divisor is not None else []
    divisors = [d for d in divisors if not isinstance(d, cst.Integer | cst.Float)]
    if len(divisors) != 1:
        raise Refused("no one division by something other than a number stands on the line")
    alone = isinstance(source.parent(divisors[0]), cst.AugAssign | cst.Arg)
    return [_ended(source, divisors[0], f" + {_TINY}", alone=alone)]


def _mask(source: Source, finding: Finding, line: int) -> Sequence[Change]:
    """A row in which all is masked becomes uniform in place of 0 / 0."""
    lines = [line, *(w.line for w in finding.also if w.line is not None)]
    function = source.above(source.statement(line), cst.FunctionDef)
    fills = [
        (c, a.value)
        for c in source.every(cst.Call, function)
        for a in c.args
        if last_name(c.func) in ("masked_fill", "masked_fill_", "full_like", "full", "where")
        and _INFINITY.fullmatch(source.code(a.value))
    ]
    near = [f for f in fills if source.line_of(f[0]) in lines] or fills
    if len(near) != 1:
        raise Refused("no one mask of minus infinity is seen in the function")
    call, value = near[0]
    owner = name_of(call.func.value) if isinstance(call.func, cst.Attribute) else ""
    if last_name(call.func).startswith("masked_fill") and owner and owner != "torch":
        return [source.replace(value, f"torch.finfo({owner}.dtype).min")]
    return [source.replace(value, "-1e9")]
