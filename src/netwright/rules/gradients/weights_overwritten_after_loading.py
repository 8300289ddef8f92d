"""Loaded or trained weights are initialized again.

## What it measures
The order of loading and initializing for each parameter: the share of loaded parameters into which an initializer wrote
afterwards. In a run that is watched: trained parameters that an initializer writes to after the last step, and that a forward pass uses then; parameters, trained or not (those of a target network), that it writes to after they
were loaded and before they are used.

## Why it matters
The pretrained values are gone, while the program looks as if it used them. What is evaluated is a network that has learned nothing.

## How to fix
Initialize first, then load or train; or initialize the new layers only.

## Known false alarms
Initializing the last layers anew after loading is a known recipe: only a majority of the loaded weight matrices counts.
Initializing twice without loading is what many well-known networks do (a general scheme, then special values for some layers)
and is not reported.

## Source
"The share is a majority": more of the loaded network is thrown away than kept.
"""

from ...evidence import History, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, listed, numbers

rule = Rule(
    code="NW421",
    name="weights-overwritten-after-loading",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("H9",),
    remedies=("initialize-before-loading", "leave-weights-alone"),
    thresholds={
        "share": Threshold(
            value=0.5, unit="share of the numbers loaded, or trained", source="more is thrown away than kept"
        )
    },
)


@rule.check
def check(parameters: Parameters, history: History | None) -> Finding | None:
    """Weight matrices initialized after they were loaded; weights initialized after they were trained, and used."""
    if history is not None and history.again is not None:
        again = history.again
        if again.loaded and again.share > rule["share"]:
            return rule.found(
                f"{len(again.names)} weight tensors ({again.share:.0%} of all numbers loaded with them) are initialized again after {again.steps} steps, before what was loaded has been used: {listed(list(again.names))}",
                where=again.where,
                expected="weights that are used as they were loaded",
                fix=f"take out the initialization at {again.where.at}, or put it before the loading",
                remedies=("leave-weights-alone",),
                overwritten_share=again.share,
                parameters=list(again.names),
                steps=again.steps,
            )
        if history.ended and not again.loaded and again.share > rule["share"]:
            return rule.found(
                f"{len(again.names)} weight tensors ({again.share:.0%} of all numbers trained) are initialized again after the last of {again.steps} steps, and used as they are then: {listed(list(again.names))}",
                where=again.where,
                expected="what is evaluated or saved is what was trained",
                fix=f"take out the initialization at {again.where.at}, or put it before the training",
                remedies=("leave-weights-alone",),
                trained_share=again.share,
                parameters=list(again.names),
                steps=again.steps,
            )
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
        remedies=("initialize-before-loading",),
        overwritten_share=share,
        parameters=names,
    )
