"""Memory grows with every step.

## What it measures
The memory of the process (and of the device) over the steps: whether it grows in the second half of the run as it does in the first, and by how much.

## Why it matters
What is kept from every step fills the memory in the end, and the run dies after hours. The usual cause keeps the graph of each step alive: a loss that is added up or appended to a list with its graph.

## How to fix
Add up numbers, not tensors: `total += loss.item()` (or `loss.detach()`); detach hidden states and what goes into lists; delete what a step has left behind.

## Known false alarms
Memory grows in the first steps (caches, optimizer states, workers) and with a buffer that is filled on purpose (replay memory). Only growth that goes on evenly is reported, and only when it comes to much.

## Source
PyTorch documentation, "Frequently asked questions: my model reports cuda runtime error(2): out of memory": do not accumulate history across your training loop.
"""

from ...evidence import History
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import place
from .._memory import Growth, growing

rule = Rule(
    code="NW614",
    name="memory-growing",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("let-go-of-graphs",),
    thresholds={
        "bytes": Threshold(
            value=64 * 2**20, unit="bytes", source="buffers and caches of small programs come to less"
        ),
        "share": Threshold(value=0.2, unit="of the memory at the start", source="less matters to no run"),
        "even": Threshold(
            value=0.5,
            unit="of the pace of the first half",
            source="what comes to its end grows ever more slowly",
        ),
        "samples": Threshold(value=48, unit="samples", source="each half needs blocks of its own"),
    },
)


@rule.check
def check(history: History) -> list[Finding]:
    """Both kinds of memory."""
    seen = [s for n, s in history.under("run") if n in ("memory_bytes", "device_memory_bytes")]
    if not any(len(s) >= rule["samples"] for s in seen):
        raise NotApplicable("memory was not looked at often enough")
    found = growing(
        history,
        samples=rule["samples"],
        even=rule["even"],
        size=rule["bytes"],
        share=rule["share"],
    )
    return [_finding(history, growth) for growth in found]


def _finding(history: History, growth: Growth) -> Finding:
    where = "device" if growth.name.startswith("device") else "process"
    losses = [place(history, n) for n in history.places if n.startswith("loss/")]
    steps, pace = growth.series.steps, growth.pace.per_step
    return rule.found(
        f"the memory of the {where} has grown by {growth.grown / 2**20:.0f} MiB in {steps[-1] - steps[0]} steps and goes on, by {pace / 2**10:.0f} KiB a step",
        where=losses[0] if losses else place(history, f"run/{growth.name}"),
        expected="memory that stays as it is after the first steps",
        fix="do not keep tensors with their graph: add up loss.item(), and detach what goes into lists and hidden states",
        bytes_per_step=pace,
        grown=growth.grown,
    )
