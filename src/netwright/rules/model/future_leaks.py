"""Predictions of the next step read the future.

## What it measures
Where the target of every step is the input of the next one (found by comparing both, exactly for symbols and numerically for amounts), everything after a step is replaced and the captured step is
run again: predictions up to that step must stay the same. Where the target is the input itself, and the network reads no later step but its own, the shift by one was forgotten.

## Why it matters
The answer stands in the input. The loss falls to nearly nothing and the network learns to copy; when it has to predict for real, the future is not there.

## How to fix
A causal mask (``is_causal=True``, ``masked_fill`` with an upper triangle of minus infinity before the softmax), an LSTM in one direction, convolutions padded on the left alone; for a forgotten shift
``inputs = tokens[:, :-1]`` and ``targets = tokens[:, 1:]``.

## Known false alarms
None known: networks that read whole sequences for other tasks (tagging, classification, masked words, autoencoders) have no target that is a shift of their input, and are not judged. Networks
that shift inside are right, and not reported.

## Source
Karpathy, "A recipe for training neural networks": use backprop to chart dependencies; DEFault++ (2025), broken causal masks.
"""

from ...evidence import FutureLeak, Independence
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW218",
    name="future-leaks",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4", "S4"),
    explains=("NW301", "NW703"),
    remedies=("causal-attention", "causal-mask"),
    thresholds={
        "change": Threshold(
            value=1e-4,
            unit="share of the largest prediction",
            source="float32 resolves 6e-8, and masked steps have no part at all",
        ),
    },
)


@rule.check
def check(independence: Independence) -> Finding | None:
    """Look for predictions that depend on what they predict."""
    future = independence.future
    if future is None:
        raise NotApplicable(independence.why_future or "this is no task of predicting the next step")
    if future.offset == 1:
        return _reads_on(future) if future.change > rule["change"] else None
    forgotten = future.change == 0 and future.reads_itself and future.reads_past
    return _not_shifted(future) if forgotten else None


def _reads_on(future: FutureLeak) -> Finding:
    through = f"; it comes in through {future.op} at {future.call.at}" if future.op else ""
    return rule.found(
        f"the target of a step is the next step of {future.input}, and predictions change by {future.change:.1%} when only later steps are replaced{through}",
        where=future.at if future.at.known else future.target_at,
        also=(future.call, future.target_at),
        expected="predictions that depend on their own and earlier steps alone",
        fix=_FIXES.get(future.op or "", "let no step read later ones at this line"),
        change=future.change,
        steps=future.steps,
        op=future.op,
    )


_CAUSAL = (
    "give attention a causal mask: is_causal=True, or minus infinity above the diagonal before the softmax"
)
_FIXES = {
    "multi_head_attention_forward": _CAUSAL,
    "scaled_dot_product_attention": _CAUSAL,
    "softmax": _CAUSAL,
    "lstm": "bidirectional=False",
    "gru": "bidirectional=False",
    "conv1d": "pad on the left alone: F.pad(x, ((kernel - 1) * dilation, 0)) and padding=0",
}


def _not_shifted(future: FutureLeak) -> Finding:
    return rule.found(
        f"the target of every step is the same step of {future.input} itself: the network, which reads no later steps, only has to copy what it is given",
        where=future.target_at,
        expected="a target one step ahead of the input",
        fix="inputs = tokens[:, :-1] and targets = tokens[:, 1:]",
        steps=future.steps,
        offset=future.offset,
    )
