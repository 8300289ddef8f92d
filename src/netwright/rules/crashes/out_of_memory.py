"""The memory is not enough.

## What it measures
The exception that ended the program, if it speaks of memory: how much was asked for at once, by which call and line, and, where that was counted, the bytes
of parameters, gradients, optimizer state and activations. Where it died in training, the network is then run forward and backward on a few samples of the batch it died of: what a step
takes for each of them, what is free for it, and so the largest batch that fits. What variables of the script still hold of that step counts as free; a batch that went through before is never called too large, and where it was as
large as the one it died of, that is said: then something grows. The loss is taken to hold twice what the network gives. Where the network cannot be run so, the shapes up to the
failing call stand in, and that is said.

## Why it matters
The program cannot run. A single request larger than any machine is a wrong size; many that add up are a batch that is too large or memory that is never given back.

## How to fix
See which size in the failing call is larger than meant. Otherwise: a smaller batch with accumulation, ``torch.no_grad()`` in evaluation, ``loss.item()`` rather than ``loss`` in running
sums, mixed precision, checkpointing.

## Known false alarms
None: the exception has happened. The largest batch is worked out, not tried: of the free memory nine tenths are counted on. Where the tensors of a step are smaller than 32 MiB each the C library
keeps them in one heap, whose gaps may take up as much again; ``netwright check --only largest-batch`` runs the program with smaller batches and tells.

## Source
The messages of PyTorch 2.13 on CPU (produced by small programs) and of its source for CUDA; Tobin, "Troubleshooting deep neural networks" (out of memory: scale back one by one).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from ...evidence import Crash, StepMemory
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._crashes import Told, explain, name, pattern

rule = Rule(
    code="NW904",
    name="out-of-memory",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("smaller-batches",),
    thresholds={
        "absurd": Threshold(
            value=1e12,
            unit="bytes",
            source="one tensor of a terabyte fits on no single machine in common use",
        )
    },
)

_UNITS = {
    "B": 1,
    "bytes": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "PiB": 2**50,
    "EiB": 2**60,
}


def amount(size: float) -> str:
    """``"1.5 GiB"``."""
    for unit in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.3g} {unit}"
    return f"{size:.0f} bytes"


def _asked(crash: Crash, match: "re.Match[str]") -> Told:
    groups = match.groupdict()
    number, unit = groups.get("size"), groups.get("unit") or "bytes"
    asked = float(number) * _UNITS.get(unit, 1) if number else None
    request = (
        f"asks for {amount(asked)} at once" if asked is not None else "asks for more memory than there is"
    )
    shapes = ", ".join(str(t.shape) for t in crash.op_args[:3])
    given = f" (it was given shapes {shapes})" if shapes else ""
    absurd = asked is not None and asked >= rule["absurd"]
    step = None if absurd else crash.memory
    kinds = dict(crash.bytes_by_kind)
    if step is not None:
        kinds["activations"] = int(step.per_sample * step.batch)
    held = sorted(kinds.items(), key=lambda item: -item[1])
    table = "; by kind: " + ", ".join(f"{kind} {amount(size)}" for kind, size in held) if held else ""
    fix = (
        "no machine has that much: see which size in this call is larger than meant"
        if absurd
        else _scale_back(crash, kinds)
    )
    if step is not None and (most := _batch(step)):
        table, fix = f"{table}. {most}", _with_batch(step, fix)
    return Told(
        f"{name(crash)} {request}{given}{table}",
        fix,
        crash.where,
        (("asked_bytes", asked), ("bytes_by_kind", kinds), *_numbers(step)),
    )


def _batch(step: StepMemory) -> str:
    """The largest batch that fits, in words, and how that is known."""
    if step.ran >= step.batch:
        return f"A batch has {step.batch} samples, and one of {step.ran} went through before: what is held has grown since, or something else has taken the memory"
    if step.batch <= step.line:  # the rest of the step, or something else than the step, took the memory
        return f"A batch has {step.batch} samples; {step.ran} have gone through before" if step.ran else ""
    each = f"{amount(step.per_sample)} a sample"
    free = f"{amount(step.free)} are free for a step"
    ran = f", and {step.ran} have gone through before" if step.ran > step.line else ""
    if not step.sizes:
        return f"A batch has {step.batch} samples; by the shapes up to there, {each}, and {free}: at the very most {step.line} fit (an estimate, the rest of the step is not counted){ran}"
    fixed = (
        f" beside {amount(step.fixed + step.state)} for gradients and optimizer"
        if step.fixed + step.state
        else ""
    )
    return f"A batch has {step.batch} samples; measured on up to {step.sizes[-1]} of them, a step takes {each}{fixed}, and {free}: {step.line} fit{ran}"


def _with_batch(step: StepMemory, fix: str) -> str:
    if step.ran >= step.batch:
        return (
            f"find what is kept from step to step (lists of losses or outputs, graphs that are held): {fix}"
        )
    seen = step.ran > step.line or step.batch <= step.line
    if not step.sizes and not seen:
        return fix
    if not seen and step.line < 1:
        return "not even one sample fits: use a smaller network, smaller inputs or activation checkpointing"
    most = f"a batch of at most {step.ran if seen else step.line}"
    return fix.replace("a smaller batch", most, 1) if "a smaller batch" in fix else f"use {most}; {fix}"


def _numbers(step: StepMemory | None) -> tuple[tuple[str, object], ...]:
    if step is None:
        return ()
    return (
        ("batch", step.batch),
        ("largest_batch", step.fits if step.line < step.batch else step.ran or step.fits),
        ("largest_that_ran", step.ran or None),
        ("bytes_per_sample", step.per_sample),
        ("bytes_fixed", step.fixed + step.state),
        ("bytes_free", step.free),
        ("measured_on", list(step.sizes)),
    )


def _scale_back(crash: Crash, kinds: Mapping[str, int]) -> str:
    if crash.phase == "evaluation":
        return (
            "evaluate under torch.no_grad() and in batches, and keep only numbers (.item(), .cpu()) of each"
        )
    largest = max(kinds.items(), key=lambda item: item[1])[0] if kinds else ""
    if "optimizer" in largest:
        return "use an optimizer with less state (SGD), fewer parameters, or shard the state over several machines"
    if "parameter" in largest:
        return "use a smaller network, or hold the weights in a smaller type"
    return "use a smaller batch (accumulate gradients to keep the step), mixed precision or activation checkpointing; keep loss.item() rather than loss in running sums"


PATTERNS = (
    pattern(r"out of memory\. Tried to allocate (?P<size>[\d.]+) (?P<unit>\w+)", _asked),
    pattern(r"can't allocate memory: you tried to allocate (?P<size>\d+) (?P<unit>bytes)", _asked),
    pattern(r"not enough memory: you tried to allocate (?P<size>\d+) (?P<unit>bytes)", _asked),
    pattern(r"Unable to allocate (?P<size>[\d.]+) (?P<unit>\w+) for an array", _asked),
    pattern(
        r"(?:Storage size calculation overflowed|CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|^MemoryError$|MPS backend out of memory)",
        _asked,
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about memory."""
    if crash.type == "MemoryError" and not crash.message:  # Python's own says nothing
        crash = replace(crash, message="MemoryError")
    return explain(rule, crash, PATTERNS, "a step that fits into memory")
