"""How large a batch could be: the largest that fits into the memory, and the one in use.

## What it measures
The experiment `largest-batch`: the captured step on a few parts of its batch, forward and backward, and how its memory grows with them; then the program itself for two steps with larger batches, in processes of
their own, between the largest that ran and the smallest that did not.

## Why it matters
Knowing the limit tells whether a batch that would train better, or faster, can be had at all, and how near to the limit the program runs: a few longer samples may then end it.

## How to fix
Nothing has to be mended. A larger batch wants another learning rate; whether it gains anything is told by the experiment `noise-scale`.

## Known false alarms
None: it is worth knowing, and nothing more. The runs have nine tenths of the memory that is free beside the examined program, so the program alone may do with a little more. Samples of other lengths take other amounts.

## Source
Measured on the program. McCandlish et al., "An empirical model of large-batch training" (2018), for what a larger batch is worth.
"""

from ...evidence import LargestBatch, Loaders, Program, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity

rule = Rule(
    code="NW804",
    name="largest-batch-that-fits",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T6", "H5"),
)


@rule.check
def check(found: LargestBatch, program: Program, loaders: Loaders | None) -> Finding:
    """Say what ran; without runs what the measured line says."""
    step = found.step
    if found.fits is not None:
        known = f"a batch of {found.fits} fits" + (
            ", which is the whole training set" if found.all_samples else ""
        )
        known += f", one of {found.fails} does not" if found.fails is not None else ""
    elif step is not None and step.fits > found.batch:
        known = f"by what {step.sizes[-1]} samples take, a batch of about {step.fits} fits (not tried)"
    else:
        raise NotApplicable("no larger batch was run, and the measured step does not tell of one")
    return rule.found(
        f"{known}; {found.batch} is in use",
        where=_place(loaders, program),
        expected="a batch that fits with room to spare",
        fix="nothing has to be mended; a larger batch wants a larger learning rate",
        batch=found.batch,
        fits=found.fits,
        fails=found.fails,
        estimate=step.fits if step is not None else None,
        bytes_per_sample=step.per_sample if step is not None else None,
        bytes_fixed=step.fixed if step is not None else None,
    )


def _place(loaders: Loaders | None, program: Program) -> Where:
    training = [x.where for x in loaders.loaders if x.role == "train" and x.where.known] if loaders else []
    return training[0] if training else Where(file=program.script, line=1)
