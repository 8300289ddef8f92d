"""Backward cannot run: a second time, from a loss without gradient, or from more than one number.

## What it measures
The exception that ended the program, if it is backward's own: the line that called it, and lines that used a tensor which an earlier iteration had made and differentiated.

## Why it matters
torch frees the graph after backward. A hidden state, a running sum of losses or an embedding computed once outside of the loop ties the next iteration to it. A loss
without gradient has lost its way to the weights.

## How to fix
Detach what is carried over (``h = h.detach()``, ``total += loss.item()``), compute what depends on weights inside the loop; ``retain_graph=True`` hides the
cause and makes every iteration slower than the last. Remove ``detach``, ``item``, ``numpy``, ``argmax`` between network and loss. Reduce the loss to one number.

## Known false alarms
None: the exception has happened.

## Source
PyTorch documentation of ``Tensor.backward`` and "Autograd mechanics"; the messages of PyTorch 2.13, produced by small programs.
"""

import re

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, explain, pattern, simple

rule = Rule(
    code="NW907",
    name="backward-impossible",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6", "E9"),
    explains=("NW405",),
    remedies=("detach-carried-state",),
)


def _twice(crash: Crash, _: "re.Match[str]") -> Told:
    if crash.carried:
        place = crash.carried[0]
        return Told(
            f"backward at {crash.where.at} goes back into an earlier iteration, whose graph is gone, through a tensor carried over at {place.at}",
            f"detach what is carried over at {place.at} (h = h.detach(), total += loss.item()), or compute it anew in every iteration",
            place,
            (("carried_over_at", [w.at for w in crash.carried]),),
        )
    return Told(
        f"backward at {crash.where.at} runs through a graph that an earlier backward has used up",
        "add the losses and call backward() once; detach what is carried from one iteration to the next, and compute what depends on weights inside the loop",
        crash.where,
    )


PATTERNS = (
    pattern(r"Trying to backward through the graph a second time", _twice),
    simple(
        r"(element \d+ of tensors does not require grad and does not have a grad_fn)",
        "backward is called on a loss that depends on no weight: the way from the network to the loss is cut",
        "look between network and loss for detach(), .item(), .data, numpy, argmax, torch.tensor(...) and torch.no_grad(), or all weights frozen",
    ),
    simple(
        r"(grad can be implicitly created only for scalar outputs)",
        "backward is called on a loss of many numbers",
        "reduce the loss to one number: loss.mean().backward()",
    ),
    simple(
        r"(One of the differentiated Tensors appears to not have been used in the graph|The differentiated Tensor at index \d+ appears to not have been used in the graph)",
        "a gradient is asked for with respect to a tensor that the value does not depend on",
        "see whether the tensor was copied, converted or detached after it was made (ask for the one that is really used)",
    ),
    simple(
        r"'(float|int|NoneType|numpy\.\w+)' object has no attribute 'backward'",
        "backward is called on a {0}: the loss was turned into a plain number (or a function returned nothing)",
        "keep the loss a tensor until after backward(); use .item() only to print it",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message of backward."""
    return explain(
        rule, crash, PATTERNS, "one backward through each graph, from one number that depends on weights"
    )
