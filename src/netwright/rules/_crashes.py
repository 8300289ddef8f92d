"""Shared by the rules that explain an exception: tables of torch's messages, and words for modules and places."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..evidence import Crash, ModuleCall, Where
from ..rule import Finding, NotApplicable, Rule

# torch's own modules whose construction holds the numbers that decide shapes.
_BUILT = re.compile(
    r"^(Lazy)?(Linear|Bilinear|Conv|BatchNorm|SyncBatchNorm|LayerNorm|RMSNorm|GroupNorm|InstanceNorm|RNN|LSTM|GRU|Multihead|Embedding|"
    r"MaxPool|AvgPool|Transformer|Upsample|Unflatten|PReLU)"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a message means: one sentence, the mend, the line to edit, and the numbers in it."""

    message: str
    fix: str
    where: Where
    measured: tuple[tuple[str, object], ...] = ()
    expected: str = ""


Teller = Callable[[Crash, "re.Match[str]"], Told]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A message of torch and what explains it."""

    regex: re.Pattern[str]
    tell: Teller


def pattern(regex: str, tell: Teller) -> Pattern:
    """A pattern looked for anywhere in the message."""
    return Pattern(re.compile(regex, re.DOTALL), tell)


def simple(regex: str, message: str, fix: str) -> Pattern:
    """A pattern whose explanation only quotes what it captured (``{0}``, ``{1}``...) and points at the user's line."""

    def tell(crash: Crash, match: "re.Match[str]") -> Told:
        found = tuple(g if g is not None else "" for g in match.groups())
        return Told(message.format(*found), fix.format(*found), crash.where)

    return pattern(regex, tell)


def explain(
    rule: Rule, crash: Crash, patterns: Sequence[Pattern], expected: str, *, shaped: bool = True
) -> Finding:
    """The finding of the first pattern that fits. ``shaped`` says that the shapes of the step can have to do with it.

    Raises:
        NotApplicable: no pattern fits, so another rule explains this exception, or none.
    """
    for candidate in patterns:
        match = candidate.regex.search(crash.message)
        if match is None:
            continue
        told = candidate.tell(crash, match)
        place = told.where if told.where.known else crash.where
        finding = rule.found(
            told.message,
            where=place.on(module=crash.module) if crash.module else place,
            also=also(crash, place),
            expected=told.expected or expected,
            fix=told.fix,
        )
        said = crash.message.strip().splitlines()[0][:300] if crash.message.strip() else ""
        facts: dict[str, object] = {"exception": crash.type, "said": said, "phase": crash.phase}
        return replace(
            finding, measured={**facts, **(shapes(crash) if shaped else {}), **dict(told.measured)}
        )
    raise NotApplicable(f"this {crash.type} is of another kind")


def also(crash: Crash, place: Where) -> tuple[Where, ...]:
    """Further lines: where it was raised, where the module was made."""
    lines = (crash.where, *((crash.made,) if crash.made is not None else ()))
    return tuple(w for w in lines if w.known and (w.file, w.line) != (place.file, place.line))


def built(crash: Crash) -> Where:
    """The line that made the failing module where that is one of torch's own with sizes; else the user's line that raised."""
    if crash.made is not None and crash.made.known and crash.module_type and _BUILT.match(crash.module_type):
        return crash.made
    return crash.where


def name(crash: Crash) -> str:
    """``"Linear `fc1` (made at model.py:12)"``, or the operation where no module is known."""
    if crash.module_type and _BUILT.match(crash.module_type):
        path = f" `{crash.module}`" if crash.module and crash.module != crash.module_type else ""
        made = (
            f" (made at {crash.made.at})"
            if crash.made is not None and crash.made.known
            else f" (called at {crash.where.at})"
        )
        return f"{crash.module_type}{path}{made}"
    return f"{crash.op or 'the call'} at {crash.where.at}"


def failing(crash: Crash) -> ModuleCall | None:
    """The innermost module call that raised."""
    failed = [c for c in crash.calls if c.failed]
    return max(failed, key=lambda c: c.depth) if failed else None


def config(crash: Crash, key: str) -> object:
    """A plain attribute of the failing module (``in_features``)."""
    call = failing(crash)
    return None if call is None else call.config.get(key)


def input_shape(crash: Crash) -> tuple[int, ...] | None:
    """Shape of the first tensor the failing call was given."""
    if crash.op_args:
        return crash.op_args[0].shape
    call = failing(crash)
    return call.inputs[0].shape if call is not None and call.inputs else None


def shapes(crash: Crash) -> dict[str, object]:
    """The table of shapes through the network up to the failure, innermost calls, at most the last twelve."""
    lines: list[str] = []
    for call in crash.calls[-40:]:
        if not call.inputs or (call.config == {} and not call.failed and call.depth == 0):
            continue
        came = " ".join(str(t.shape) for t in call.inputs[:3])
        went = "failed" if call.failed else " ".join(str(t.shape) for t in call.outputs[:2])
        lines.append(f"{'  ' * call.depth}{call.module or '(network)'} {call.type}: {came} -> {went}")
    return {"shapes": lines[-12:]} if lines else {}


def size(shape: Sequence[int]) -> int:
    """Number of elements."""
    total = 1
    for length in shape:
        total *= length
    return total


def numbers(text: str) -> tuple[int, ...]:
    """All whole numbers in a text."""
    return tuple(int(n) for n in re.findall(r"-?\d+", text))
