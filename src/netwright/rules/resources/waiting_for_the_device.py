"""The program waits for the device in every step.

## What it measures
The lines of the training loop at which a number is taken from a tensor on an accelerator (`.item()`, `float()`, `.cpu()`, `.tolist()`, `if tensor:`, `print(tensor)`), and in how many of the recorded steps that happens.

## Why it matters
An accelerator works through a queue that the program fills ahead of it. Asking for a number empties the queue: the program waits until everything before is computed, then the device waits until the program has sent the next
calls. In steps of many small kernels that is most of the time.

## How to fix
Add up on the device, `total += loss.detach()`, and ask for `total.item()` once in so many steps; log every hundredth step; move metrics to the end of an epoch.

## Known false alarms
In steps that take long on the device one wait costs next to nothing; so this is worth knowing, not a fault. Waits within the optimizer, clipping and the gradient scaler are not counted, nor is evaluation. Programs on a CPU are not
judged: there is no queue.

## Source
PyTorch documentation, "Performance tuning guide": avoid unnecessary CPU-GPU synchronization; and "CUDA semantics", on asynchronous execution.
"""

from ...evidence import Wait, Waits
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW802",
    name="waiting-for-the-device",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T6",),
    thresholds={
        "share": Threshold(
            value=0.8, unit="of the recorded steps", source="in every step, but for one that is cut off"
        ),
        "steps": Threshold(value=4, unit="steps", source="the first ones are often logged on purpose"),
    },
)

_HOSTS = ("cpu", "meta")
_SAID = {
    "__float__": "float()",
    "__int__": "int()",
    "__bool__": "bool()",
    "__index__": "int()",
    "__array__": "numpy()",
    "__repr__": "print()",
    "__format__": "an f-string",
    "to": ".to('cpu')",
}


@rule.check
def check(waits: Waits) -> Finding | None:
    """Look for lines that wait in nearly every step."""
    if waits.device in _HOSTS:
        raise NotApplicable("the trained parameters are not on an accelerator")
    if waits.steps < rule["steps"]:
        raise NotApplicable("too few steps were recorded")
    often = [w for w in waits.waits if w.device not in _HOSTS and w.steps >= rule["share"] * waits.steps]
    if not often:
        return None
    named = ", ".join(f"{_SAID.get(w.op, f'.{w.op}()')} at {w.where.at}" for w in often[:4])
    more = f" and {len(often) - 4} more" if len(often) > 4 else ""
    return rule.found(
        f"in every step the program waits for the {waits.device} device: {named}{more}",
        where=often[0].where,
        also=tuple(dict.fromkeys(w.where for w in often[1:])),
        expected="a loop that asks for numbers once in many steps",
        fix="add up on the device (total += loss.detach()) and ask for the number once in a hundred steps",
        waits=tuple(_plain(w) for w in often[:16]),
        steps=waits.steps,
    )


def _plain(wait: Wait) -> str:
    return f"{wait.op} {wait.where.at} in {wait.steps} steps"
