"""Loaded weights are initialized again.

## What it measures
The order of loading and initializing for each parameter: the share of loaded parameters into which an initializer wrote
afterwards.

## Why it matters
The pretrained values are gone, while the program looks as if it used them.

## How to fix
Initialize first, then load; or initialize the new layers only.

## Known false alarms
Initializing the last layers anew after loading is a known recipe: only a majority of the loaded weight matrices counts.
Initializing twice without loading is what many well-known networks do (a general scheme, then special values for some layers)
and is not reported.

## Source
"The share is a majority": more of the loaded network is thrown away than kept.
"""

from ...evidence import Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, listed, numbers

rule = Rule(
    code="NW421",
    name="weights-overwritten-after-loading",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("H9",),
    remedies=("initialize-before-loading",),
    thresholds={
        "share": Threshold(
            value=0.5, unit="share of loaded weight numbers", source="more is thrown away than kept"
        )
    },
)


@rule.check
def check(parameters: Parameters) -> Finding | None:
    """Weight matrices initialized after they were loaded."""
    matrices = [p for p in parameters.parameters if len(p.shape) > 1]
    overwritten = [p for p in matrices if p.init_after_load is not None]
    loaded = [p for p in matrices if p.loaded or p.init_after_load is not None]
    if not loaded:
        raise NotApplicable("no weights were loaded")
    share = numbers(overwritten) / numbers(loaded)
    if share <= rule["share"]:
        return None
    names = [p.name for p in overwritten]
    where = first_known(*(p.init_after_load for p in overwritten))
    return rule.found(
        f"{len(overwritten)} of {len(loaded)} loaded weight tensors ({share:.0%} of their numbers) are initialized again after "
        f"loading: {listed(names)}",
        where=where,
        expected="initialization comes before loading, or touches new layers only",
        fix=f"initialize at {where.at} before loading, or only the layers that were not loaded",
        overwritten_share=share,
        parameters=names,
    )
