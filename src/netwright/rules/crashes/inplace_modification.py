"""A value that the backward pass still needs was overwritten.

## What it measures
The exception that ended the program, if autograd found a changed value: its shape and the call that made it, and the in-place calls of the iteration that
wrote to such a tensor, with their lines. Where the changed value is a weight, the update between forward and backward.

## Why it matters
Gradients would be computed from the wrong value, so torch refuses.

## How to fix
Write ``x = x + 1`` instead of ``x += 1``, ``F.relu(x)`` instead of ``inplace=True``, ``torch.cat`` or ``torch.where`` instead of assigning to slices; call ``backward()`` before ``optimizer.step()``; detach
what is carried from one iteration to the next.

## Known false alarms
None: the exception has happened. With several in-place calls on tensors of the same shape the last one is named and the others are listed.

## Source
PyTorch documentation, "In-place operations with autograd"; the messages of PyTorch 2.13, produced by small programs.
"""

import re

from ...evidence import Crash, InPlaceWrite
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, explain, numbers, pattern, simple

rule = Rule(
    code="NW906",
    name="inplace-modification",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("new-tensor",),
)

_WORDS = {"__setitem__": "assigning to a slice", "add": "+=", "sub": "-=", "mul": "*=", "div": "/="}


def _changed(crash: Crash, match: "re.Match[str]") -> Told:
    shape = numbers(match.group(1))
    maker = (match.group(2) or "").lower().removesuffix("backward0").removesuffix("backward")
    write = _write(crash, shape, maker)
    if write is not None:
        place = write.made if write.made is not None and write.made.known else write.where
        what = _WORDS.get(write.op, f"{write.op}_" if write.made is None else f"inplace {write.op}")
        made = f" (the output of {maker})" if maker and maker != "asstrided" else ""
        return Told(
            f"a tensor of shape {shape}{made} is overwritten by {what} at {place.at}, and backward at {crash.where.at} still needs its old value",
            f"compute a new tensor at {place.at} instead of writing into the old one (x = x + 1 rather than x += 1, inplace=False, clone() first)",
            place,
            (
                ("shape", list(shape)),
                ("made_by", maker),
                ("other_writes", [w.where.at for w in crash.writes if w is not write]),
            ),
        )
    if maker in ("asstrided", "t", "transpose", ""):
        return _weights(crash, shape)
    return Told(
        f"a tensor of shape {shape} (the output of {maker}) is overwritten before backward at {crash.where.at}, which still needs its old value",
        "look for +=, *=, x[...] = ..., relu_ or inplace=True on it, and compute a new tensor instead",
        crash.where,
        (("shape", list(shape)), ("made_by", maker)),
    )


def _write(crash: Crash, shape: tuple[int, ...], maker: str) -> InPlaceWrite | None:
    """The in-place call that most likely did it: on a tensor of that maker, else of that shape; the last one."""
    by_maker = [w for w in crash.writes if w.made_by is not None and w.made_by.replace("_", "") == maker]
    same_shape = (
        [w for w in by_maker if w.shape == shape] or by_maker or [w for w in crash.writes if w.shape == shape]
    )
    return same_shape[-1] if same_shape else None


def _weights(crash: Crash, shape: tuple[int, ...]) -> Told:
    if crash.carried:
        place = crash.carried[0]
        return Told(
            f"a weight of shape {shape} was updated, and backward at {crash.where.at} goes back into an earlier iteration through a tensor carried over at {place.at}",
            f"detach what is carried over at {place.at} (h = h.detach()); retain_graph=True is then not needed",
            place,
            (("shape", list(shape)),),
        )
    return Told(
        f"a weight of shape {shape} was updated by an optimizer between the forward pass and backward at {crash.where.at}",
        "call every backward() before the first step(), or run the forward pass again after the update; detach what is carried from iteration to iteration",
        crash.where,
        (("shape", list(shape)),),
    )


PATTERNS = (
    pattern(
        r"modified by an inplace operation: \[torch\.(?:cuda\.)?\w+ (\[[\d, ]*\])\](?:, which is output \d+ of (\w+))?",
        _changed,
    ),
    simple(
        r"a (view of a )?leaf Variable that requires grad is being used in an in-place operation",
        "a parameter (or an input that requires gradient) is written to while autograd watches",
        "write to it under torch.no_grad(), or make a new tensor from it",
    ),
    simple(
        r"Output (\d+) of (\w+) is a view and is being modified inplace",
        "output {0} of {1}, one of several views of one tensor, is written to",
        "compute a new tensor instead (a = a + 1 rather than a += 1), or clone() it first",
    ),
    simple(
        r"(Inference tensors cannot be saved for backward)",
        "a tensor made under torch.inference_mode() is used in training",
        "make it under torch.no_grad() instead, or clone() it",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about a value changed in place."""
    return explain(rule, crash, PATTERNS, "values that backward needs stay as they were")
