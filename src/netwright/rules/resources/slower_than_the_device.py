"""The step takes much longer than the same step in a form that the device is faster in.

## What it measures
The experiment `step-time`: the captured step forward and backward, in turns with the same step in float32 (where it computes in float64), with the channels last in memory (convolutions on images), and in bfloat16 under
`torch.autocast` (on devices that are made for it), as a ratio with a 95 % interval over pairs of runs; and layers that are called again and again on one line with the same weights, one by one beside one call on all of their inputs.

## Why it matters
The same arithmetic in another form takes half of the time or less: twice as many runs in a day. A call takes some microseconds however little it has to do, so a loop over samples spends its time on calls.

## How to fix
Give a layer the whole batch instead of one sample at a time. Leave out `.double()`. `model.to(memory_format=torch.channels_last)`, and the images as well. Put forward pass and loss under `torch.autocast(device, dtype=torch.bfloat16)`.

## Known false alarms
None that does harm: it is worth knowing, and nothing more. A form is named only where its loss is that of the step to 5 %. Calls that need each other's results (over time) are not looked at. What was measured is the first steps
without the optimizer and without the loader; batch normalization sees other batches when a loop over samples becomes one call.

## Source
PyTorch documentation, "Performance tuning guide" (channels last, mixed precision); Micikevicius et al., "Mixed precision training" (2018).
"""

from ...evidence import Parameters, RepeatedCall, StepTime, TriedForm
from ...rule import Finding, Kind, Rule, Severity, Threshold

rule = Rule(
    code="NW805",
    name="slower-than-the-device",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T6",),
    thresholds={
        "times": Threshold(
            value=1.5, unit="times as fast", source="less is not worth a change of the program"
        ),
        "apart": Threshold(
            value=0.05, unit="of the loss", source="bfloat16 keeps two to three decimal digits"
        ),
        "saved": Threshold(value=0.3, unit="of the step", source="as much as 1.5 times as fast comes to"),
    },
)

_FIX = {
    "float32": "leave out .double() and convert the data with .float()",
    "channels-last": "model = model.to(memory_format=torch.channels_last), and images.contiguous(memory_format=torch.channels_last) for every batch",
    "bfloat16": "put the forward pass and the loss under torch.autocast(device_type, dtype=torch.bfloat16)",
}


@rule.check
def check(time: StepTime, parameters: Parameters | None) -> list[Finding]:
    """Calls that could be one; then the form that is fastest."""
    faster = [f for f in time.forms if f.low > rule["times"] and f.apart < rule["apart"]]
    best = max(faster, key=lambda f: f.low, default=None)
    found = [] if best is None else [_form(time, best, parameters)]
    calls = _calls(time)
    return [calls, *found] if calls is not None else found


def _calls(time: StepTime) -> Finding | None:
    """Layers that are called again and again, where one call each would save much of the step."""
    saving = [r for r in time.repeated if r.apart_s > rule["times"] * r.together_s]
    saved = sum(r.apart_s - r.together_s for r in saving)
    if not saving or saved < rule["saved"] * time.step_s:
        return None
    most = max(saving, key=lambda r: r.apart_s - r.together_s)
    told = ", ".join(_told(r) for r in saving[:3])
    more = f" and {len(saving) - 3} more" if len(saving) > 3 else ""
    return rule.found(
        f"{told}{more}: {min(saved / time.step_s, 1):.0%} of a step of {1e3 * time.step_s:.3g} ms",
        where=most.where,
        also=tuple(dict.fromkeys(r.where for r in saving if r.where != most.where)),
        expected="one call of each layer for the whole batch",
        fix="give the network the whole batch at once instead of a sample at a time",
        calls=sum(r.calls for r in saving),
        apart_s=sum(r.apart_s for r in saving),
        together_s=sum(r.together_s for r in saving),
        step_s=time.step_s,
    )


def _told(call: RepeatedCall) -> str:
    return f"{call.calls} calls of {call.op} at {call.where.at} take {1e3 * call.apart_s:.3g} ms forward and backward, one on all of their inputs {1e3 * call.together_s:.2g} ms"


def _form(time: StepTime, form: TriedForm, parameters: Parameters | None) -> Finding:
    trained = [p for p in parameters.parameters if p.requires_grad and p.where.known] if parameters else []
    where = form.where if form.where.known or not trained else trained[0].where
    return rule.found(
        f"in {form.name} a step of {1e3 * time.step_s:.3g} ms is {form.times:.2g} times as fast on this {time.device} (95 % interval {form.low:.2g} to {form.high:.2g}, {form.pairs} pairs of runs), with the same loss to {form.apart:.1g}",
        where=where,
        expected="the form in which the device is fast",
        fix=_FIX[form.name],
        form=form.name,
        times=form.times,
        low=form.low,
        high=form.high,
        step_s=time.step_s,
    )
