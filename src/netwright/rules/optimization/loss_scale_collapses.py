"""The gradient scaler leaves out most steps.

## What it measures
How often the scaler of mixed precision has skipped the step over the last samples, and where its scale stands.

## Why it matters
A scaler skips a step whose gradients are not finite and halves its scale. A few times at the start that is how it finds its scale; when it goes on, the network is not trained, and the cause is not the scale: something
in the network gives NaN or overflows half precision whatever the scale.

## How to fix
Use bfloat16 where the device has it; keep losses, softmax, norms and divisions in float32 (`torch.autocast(enabled=False)`); look for NaN in the batch; lower the learning rate; call `scaler.unscale_` before clipping.

## Known false alarms
The first tens of steps, in which a scale of 65536 comes down, are not judged.

## Source
Micikevicius et al., "Mixed precision training" (2018), section 3.2; PyTorch documentation, `torch.amp.GradScaler`.
"""

from ...evidence import NOWHERE, History, Series
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import last, optimizer_place

rule = Rule(
    code="NW509",
    name="loss-scale-collapses",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("without-autocast",),
    explains=("NW601", "NW610"),
    thresholds={
        "skipped": Threshold(
            value=0.5,
            unit="of the last steps",
            source="a scale that is found is tried to be doubled once in 2000 steps, and half of these tries fail",
        ),
        "samples": Threshold(
            value=32, unit="last samples", source="from 65536 a scale comes down to 1 in 16 halvings"
        ),
        "scale": Threshold(
            value=1.0,
            unit="scale",
            source="below it gradients are made smaller, which is the contrary of what a scale is for",
        ),
    },
)


@rule.check
def check(history: History) -> list[Finding]:
    """Every scaler."""
    orders = dict.fromkeys(rest.partition("/")[0] for rest, _ in history.under("scaler"))
    if not orders:
        raise NotApplicable("no gradient scaler was used")
    return [f for order in orders if (f := _scaler(history, order)) is not None]


def _scaler(history: History, order: str) -> Finding | None:
    skipped = history.series.get(f"scaler/{order}/skipped")
    scale = history.series.get(f"scaler/{order}/scale")
    share = _share(skipped)
    now = scale.values[-1] if scale is not None and len(scale) >= rule["samples"] else None
    if share <= rule["skipped"] and (now is None or now >= rule["scale"]):
        return None
    said = [
        f"skipped {share:.0%} of the last {rule['samples']:.0f} steps" if share > rule["skipped"] else "",
        f"has come down to a scale of {now:.2g}" if now is not None and now < rule["scale"] else "",
    ]
    return rule.found(
        f"the gradient scaler {' and '.join(filter(None, said))}: gradients overflow whatever the scale",
        where=optimizer_place(history) or NOWHERE,
        expected="a scale that settles within the first tens of steps, and hardly a step left out",
        fix="use bfloat16, or keep what overflows in float32; look for NaN in the batches",
        skipped=share,
        scale=now,
    )


def _share(series: Series | None) -> float:
    samples = int(rule["samples"])
    if series is None or len(series) < samples:
        return 0.0
    recent = last(series, samples).values
    return sum(recent) / len(recent)
