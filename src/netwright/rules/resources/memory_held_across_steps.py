"""Tensors are kept from step to step with the graph that they came from.

## What it measures
After each of the first steps: lists, tuples and mappings in the variables of the running functions (and in attributes of their objects) that hold more tensors with a history than before, and tensors that are computed from
themselves of the step before (`total += loss`). In a run that is watched, whether its memory grows.

## Why it matters
A tensor with a history holds the graph of its step: every intermediate result that its derivative needs, until it is let go or `backward` has been through it; what is left of the graph then stays, too. Kept in a list, it is never let go. The run slows down and dies of
memory in the end, on an accelerator early.

## How to fix
Keep numbers: `losses.append(loss.item())`, `total += loss.item()`; or what has no history: `outputs.append(output.detach().cpu())`. Detach a hidden state that goes on into the next step.

## Known false alarms
Only what has grown in each of the recorded steps is reported, so a list that is filled within a step and emptied again is not, nor a window of a fixed length in a `deque`. Where `backward` has been through the graphs little is left of them, and a
short run does no harm by it: this is worth knowing, and a warning only when the memory is seen to grow.

## Source
PyTorch documentation, "Frequently asked questions: my model reports cuda runtime error(2): out of memory": do not accumulate history across your training loop.
"""

from ...evidence import History, Kept, KeptGraphs
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._memory import Growth, growing

rule = Rule(
    code="NW803",
    name="memory-held-across-steps",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("let-go-of-graphs",),
    explains=("NW614",),
    thresholds={
        "bytes": Threshold(value=64 * 2**20, unit="bytes", source="as for memory that grows (NW614)"),
        "share": Threshold(value=0.2, unit="of the memory at the start", source="as for NW614"),
        "even": Threshold(value=0.5, unit="of the pace of the first half", source="as for NW614"),
        "samples": Threshold(value=48, unit="samples", source="as for NW614"),
    },
)


@rule.check
def check(kept: KeptGraphs, history: History | None) -> list[Finding]:
    """Everything that has grown in each of the recorded steps."""
    grows = _growing(history) if history is not None and kept.kept else None
    return [_finding(k, kept.steps, grows) for k in kept.kept]


def _growing(history: History) -> Growth | None:
    found = growing(
        history, samples=rule["samples"], even=rule["even"], size=rule["bytes"], share=rule["share"]
    )
    return max(found, key=lambda g: g.grown, default=None)


def _finding(kept: Kept, steps: int, grows: Growth | None) -> Finding:
    seen = f"; memory has grown by {grows.grown / 2**20:.0f} MiB" if grows else ""
    if kept.name:
        many = f"{kept.growth:.0f} tensors" if kept.growth >= 1.5 else "a tensor"
        said = f"`{kept.name}` gets {many} with its graph in every step, and holds the graphs of all of them{seen}"
        fix = "put numbers into it (loss.item()), or tensors without history (output.detach())"
    else:
        said = f"a tensor is computed from itself of the step before, and holds the graphs of all {steps} steps so far{seen}"
        fix = "add up numbers (total += loss.item()), and detach what is carried into the next step"
    return rule.found(
        said,
        where=kept.where,
        severity=Severity.WARNING if grows else Severity.INFO,
        expected="tensors that are let go when their step is over",
        fix=fix,
        growth=kept.growth,
        steps=kept.steps,
        grown=grows.grown if grows else None,
    )
