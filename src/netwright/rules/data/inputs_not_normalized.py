"""The inputs are not normalized: they enter the first layer far from mean 0 and standard deviation 1.

## What it measures
Mean, standard deviation and range of every floating-point tensor that enters a layer with weights unchanged (calls that only
change the form are looked through), over the first training batches. It speaks when the root mean square is above 10, when
the mean is above 3 and more than 3 standard deviations from 0, or when everything is below 0.01.

## Why it matters
Initial weights assume inputs of about unit size. Larger ones make the first outputs, the loss and the gradients larger by
the same factor, so that a usual learning rate is too large for the first layer; an offset common to all samples hides the
differences between them; tiny ones leave the first layer almost without signal.

## How to fix
Standardize each column with the mean and standard deviation of the training set, ``x = (x - mean) / std``; divide pixels by
255. Use the same numbers for evaluation.

## Known false alarms
Networks that learned their weights on raw inputs: with loaded weights, or with a normalization directly after the first
layer (which takes out the scale), this is information only. Integer inputs of an embedding, one-hot and binary inputs, mostly
zero inputs and inputs of unit length are exempt from what does not fit them. Values of 0 to 1 are fine.

## Source
LeCun et al., "Efficient BackProp" (1998), section 4.3; Holden, "My neural network isn't working!", the first point.
"""

from ...evidence import DoorTensor, Graphs, Parameters, Stats, TrainInputs
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._door import Entry, column_means, column_stds, columns, entry, layer_name

rule = Rule(
    code="NW101",
    name="inputs-not-normalized",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("H1", "T4"),
    explains=("NW301", "NW202", "NW407", "NW501"),
    remedies=("scale-inputs",),
    thresholds={
        "rms": Threshold(
            value=10.0,
            unit="root mean square",
            source="10 standard deviations of 1; iris (rms 4) and digits of 0..16 (rms 8) train well, measured on healthy recipes",
        ),
        "offset": Threshold(value=3.0, unit="mean", source="3 standard deviations of 1"),
        "offset-ratio": Threshold(
            value=3.0, unit="mean per standard deviation", source="raw iris (1.8) trains well"
        ),
        "tiny": Threshold(
            value=0.01,
            unit="root mean square",
            source="below columns scaled to unit length (0.047), raw audio (0.05) and unit-length embeddings (0.03)",
        ),
    },
)


@rule.check
def check(inputs: TrainInputs, graphs: Graphs, parameters: Parameters) -> list[Finding]:
    """Look at each tensor that enters a layer unchanged."""
    found: list[Finding] = []
    looked = False
    for tensor in inputs.tensors:
        place = entry(graphs, tensor)
        if place is None or tensor.stats.count == 0:
            continue
        looked = True
        wrong = _wrong(tensor)
        if wrong is not None:
            found.append(_finding(tensor, place, wrong, parameters.fresh))
    if not looked:
        raise NotApplicable("no input enters a layer with weights as it comes")
    return found


def _wrong(tensor: DoorTensor) -> str | None:
    """What is wrong with the values, in a few words."""
    s = tensor.stats
    if s.abs_max == 0 or (s.integers and s.min >= -1 and s.max <= 1):
        return None
    if s.rms > rule["rms"]:
        raw = s.min >= 0 and 128 <= s.max <= 255 and s.integers
        return "raw values of 0 to 255" if raw else "large values"
    if abs(s.mean) > max(rule["offset"], rule["offset-ratio"] * s.std):
        return "values far from 0 that hardly differ"
    if s.rms < rule["tiny"] and s.zeros < 0.5 and not _unit_length(tensor):
        return "tiny values"
    return None


def _unit_length(tensor: DoorTensor) -> bool:
    size = 1
    for n in tensor.shape[1:]:
        size *= n
    return 0.5 < tensor.stats.rms * size**0.5 < 2


def _finding(tensor: DoorTensor, place: Entry, wrong: str, fresh: bool) -> Finding:
    s: Stats = tensor.stats
    mild = place.normalized_after or not fresh
    worst = [f.index for f in sorted(tensor.features, key=lambda f: -f.stats.rms)]
    large = [i for i in worst if _rms(tensor, i) > rule["rms"]]
    which = f"; largest in {columns(large)}" if large and len(tensor.features) > 4 else ""
    return rule.found(
        f"{tensor.name} enters {layer_name(place.node)} with {wrong}: mean {s.mean:.3g}, standard deviation {s.std:.3g}, "
        f"range {s.min:.3g} to {s.max:.3g}{which}",
        where=tensor.where,
        also=(place.node.where,) if place.node.where != tensor.where else (),
        severity=Severity.INFO if mild else None,
        expected="about mean 0 and standard deviation 1 (0 to 1 for images is fine too)",
        fix="divide by 255 (x = x / 255), in training and in evaluation"
        if wrong.startswith("raw")
        else "standardize each column, x = (x - mean) / std, with mean and std of the training set, in evaluation too",
        mean=s.mean,
        std=s.std,
        min=s.min,
        max=s.max,
        large_columns=large[:100],
        input=tensor.name,
        column_means=column_means(tensor),
        column_stds=column_stds(tensor),
    )


def _rms(tensor: DoorTensor, index: int) -> float:
    return next((f.stats.rms for f in tensor.features if f.index == index), 0.0)
