"""Most of a freshly initialized network is frozen.

## What it measures
The share (more than half, or all layers but one) of the numbers in linear and convolution weights that have ``requires_grad=False`` in a network where others are
trained. Only weights that nothing was loaded into and whose values look freshly drawn are counted as fresh.

## Why it matters
Freezing keeps what a layer has learned. A fresh layer has learned nothing: the trained part works on random features.

## How to fix
Load the pretrained weights before freezing, or do not freeze.

## Known false alarms
Random-feature networks (extreme learning machines, reservoirs, networks of which only the normalization is trained) freeze fresh weights on purpose. Frozen embeddings, position
tables, fixed filters, and whole frozen networks (targets, teachers) are not counted.

## Source
Zeyad Emam, "Troubleshooting convolutional neural networks" (variables not trainable); the share is a majority.
"""

from ...evidence import ParameterInfo, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, listed, numbers

rule = Rule(
    code="NW403",
    name="fresh-network-frozen",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("E10",),
    remedies=("unfreeze",),
    explains=(
        "NW601",
        "NW701",
    ),
    thresholds={
        "share": Threshold(
            value=0.5, unit="share of weight numbers frozen", source="more is frozen than trained"
        ),
        "layers": Threshold(value=2, unit="frozen layers", source="a single fixed filter layer is common"),
        "tolerance": Threshold(
            value=0.1, unit="relative error of std", source="sampling error of 50 numbers"
        ),
    },
)

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4, "RNNCell": 1, "GRUCell": 3, "LSTMCell": 4}
_WEIGHTED = (
    *_GATES,
    "Linear",
    "Bilinear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
)


def _looks_fresh(p: ParameterInfo, tolerance: float) -> bool:
    """Whether the spread is that of a usual initializer for this shape, around zero."""
    if p.loaded or p.initial is None or not p.fan_in or not p.fan_out:
        return False
    spreads = (1 / (3 * p.fan_in), 1 / p.fan_in, 2 / p.fan_in, 2 / p.fan_out, 2 / (p.fan_in + p.fan_out))
    if p.module_type in _GATES:
        hidden = p.shape[0] // _GATES[p.module_type]
        spreads = (*spreads, 1 / (3 * hidden))
    centred = abs(p.initial.mean) < 0.5 * p.initial.std
    return centred and any(abs(p.initial.std / s**0.5 - 1) < tolerance for s in spreads)


@rule.check
def check(parameters: Parameters) -> list[Finding]:
    """Networks with more fresh frozen weights than trained ones."""
    if not parameters.fresh:
        raise NotApplicable("weights were loaded, so frozen parts may be pretrained")
    weights = [
        p
        for p in parameters.parameters
        if p.registered and p.used and p.module_type in _WEIGHTED and len(p.shape) > 1
    ]
    found: list[Finding] = []
    for root in sorted({p.root for p in weights if p.root is not None}):
        mine = [p for p in weights if p.root == root]
        frozen = [p for p in mine if not p.requires_grad]
        others = any(p.root == root and p.requires_grad and p.registered for p in parameters.parameters)
        if not others or len(frozen) < rule["layers"]:
            continue
        share = numbers(frozen) / numbers(mine)
        head_alone = len(mine) - len(frozen) == 1
        if (share <= rule["share"] and not head_alone) or not all(
            _looks_fresh(p, rule["tolerance"]) for p in frozen
        ):
            continue
        found.append(_finding(frozen, mine, share))
    return found


def _finding(frozen: list[ParameterInfo], weights: list[ParameterInfo], share: float) -> Finding:
    names = [p.name for p in frozen]
    where = first_known(*(p.frozen_at for p in frozen), *(p.where for p in frozen))
    return rule.found(
        f"{len(frozen)} of {len(weights)} weight tensors ({share:.0%} of their numbers) are frozen with freshly initialized "
        f"values, so the rest trains on random features: {listed(names)}",
        where=where.on(parameter=names[0]),
        expected="frozen layers hold pretrained weights; fresh layers are trained",
        fix=f"load pretrained weights before freezing at {where.at}, or leave these layers trainable",
        frozen_share=share,
        frozen=names,
    )
