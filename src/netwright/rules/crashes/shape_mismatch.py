"""Two shapes do not fit together.

## What it measures
The exception that ended the program, if it speaks of shapes: the two sizes that disagree, their dimension, the module that raised with its line and its
settings, and the shapes through the network up to there.

## Why it matters
The program cannot run. torch names two numbers; which layer they belong to and which of them is wrong has to be found.

## How to fix
Change the number at the layer's construction to what really arrives, or what arrives to the number.

## Known false alarms
None: the exception has happened. Which of two sizes is the wrong one is a guess; both are named.

## Source
The messages of PyTorch 2.13, produced by small programs; Tobin, "Troubleshooting deep neural networks" (step through for shapes).
"""

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import explain
from .._shape_messages import PATTERNS

rule = Rule(
    code="NW901",
    name="shape-mismatch",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6", "T4"),
    remedies=("layer-size",),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about shapes."""
    return explain(rule, crash, PATTERNS, "shapes that fit")
