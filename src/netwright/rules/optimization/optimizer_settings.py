"""The optimizer's settings make no sense.

## What it measures
The settings of every parameter group: values outside of their range (a negative rate or decay, a momentum or beta of 1 and more, a dampening that lets no gradient in), betas in the wrong order, an epsilon far
above the gradients, a decay that wipes the weights out within a hundred steps, a rate of Adam that moves every weight by its own size, `maximize=True` with a loss that is to fall. Hidden by default: weight decay
inside of Adam's gradient (AdamW keeps it apart), weight decay on norms, biases and embeddings.

## Why it matters
With `maximize=True` the loss is raised. A momentum of 1 never forgets and the steps grow without end; a dampening of 1 drops every gradient but the first. With an epsilon far above the gradients Adam is gradient
descent at a tiny rate. A decay per step of a hundredth forgets within a hundred steps what was learned.

## How to fix
Begin with the defaults: Adam with betas (0.9, 0.999), eps 1e-8, AdamW with weight decay 0.01, SGD with momentum 0.9 and dampening 0. Let two-dimensional weights alone decay.

## Known false alarms
Only optimizers of torch are judged by what their settings mean. An epsilon counts against the gradients that were measured, since larger ones are right for some recipes (DQN with RMSprop, Inception).
A decay of norms and biases hurts small networks rarely, which is why it is only mentioned.

## Source
PyTorch documentation, `torch.optim`; Loshchilov and Hutter, "Decoupled weight decay regularization" (2019); Kingma and Ba, "Adam" (2015); Karpathy, "A recipe for training neural networks".
"""

import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ...evidence import OptimizerInfo, Optimizers, ParameterInfo, Parameters, Task
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._weight_decay import decays_apart, is_adam

rule = Rule(
    code="NW504",
    name="optimizer-settings",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("S5",),
    explains=("NW501", "NW502", "NW506", "NW601", "NW602", "NW603", "NW610", "NW701"),
    remedies=("usual-setting",),
    thresholds={
        "momentum": Threshold(
            value=0.999, unit="momentum", source="a thousand steps are averaged; recipes use 0.8 to 0.99"
        ),
        "beta1": Threshold(
            value=0.99,
            unit="beta1, where beta2 is smaller",
            source="Kingma and Ba: the second moment is averaged over more steps than the first",
        ),
        "epsilon": Threshold(
            value=10.0,
            unit="times the median gradient (root mean square per parameter)",
            source="beyond, a step is less than a tenth of what the rate says",
        ),
        "decay": Threshold(
            value=0.01,
            unit="of the weights per step",
            source="the weights are an average over the last 1 / (rate * decay) steps (Wang and Aitchison, 2024): a hundred is less than an epoch",
        ),
        "rate": Threshold(
            value=1.0,
            unit="rate of Adam",
            source="each step moves every weight by the rate; fresh weights are below 1",
        ),
        "coupled": Threshold(
            value=0.01,
            unit="weight decay of Adam",
            source="the default of AdamW: values for L2 are 1e-4 and less",
        ),
    },
)

_NORMS = ("Norm",)
# Settings that average over steps: 1 never forgets and lets nothing new in.
_BELOW_ONE = ("momentum", "alpha", "rho", "momentum_decay")
# Recipes for SGD; the defaults of RMSprop and of Adadelta.
_AVERAGES = {"momentum": 0.9, "alpha": 0.99, "rho": 0.9}
_NOT_NEGATIVE = ("lr", "weight_decay", "eps", "momentum", "alpha", "rho")
_TORCH = frozenset(
    "SGD Adam AdamW NAdam RAdam Adamax RMSprop Adagrad Adadelta ASGD SparseAdam Rprop LBFGS Adafactor Muon".split()
)


@rule.check
def check(optimizers: Optimizers, parameters: Parameters, task: Task) -> list[Finding]:
    """Every optimizer's groups, the gravest fault of each once."""
    found: list[Finding] = []
    for optimizer in optimizers.optimizers:
        if optimizer.type not in _TORCH:
            continue
        faults = [
            f
            for position, group in enumerate(optimizer.groups)
            for f in _faults(
                optimizer, position, group, _held(parameters, optimizer, position), parameters, task
            )
        ]
        seen: set[str] = set()
        for finding in sorted(faults, key=lambda f: f.severity.rank):
            setting = str(finding.measured["setting"])
            if setting not in seen:
                seen.add(setting)
                found.append(finding)
    return found


def _held(parameters: Parameters, optimizer: OptimizerInfo, group: int) -> list[ParameterInfo]:
    return [p for p in parameters.parameters if (optimizer.index, group) in p.groups]


def _faults(
    optimizer: OptimizerInfo,
    position: int,
    group: Mapping[str, object],
    held: list[ParameterInfo],
    parameters: Parameters,
    task: Task,
) -> Iterator[Finding]:
    which = f"group {position} of {optimizer.type}" if len(optimizer.groups) > 1 else optimizer.type
    yield from _ranges(optimizer, which, group)
    yield from _betas(optimizer, which, group)
    yield from _upwards(optimizer, which, group, task)
    yield from _epsilon(optimizer, which, group, held)
    yield from _decay(optimizer, which, group)
    yield from _rate(optimizer, which, group, held, fresh=parameters.fresh)
    yield from _worth_knowing(optimizer, which, group, held)


def _found(
    optimizer: OptimizerInfo,
    setting: str,
    value: object,
    message: str,
    expected: str,
    fix: str,
    severity: Severity = Severity.WARNING,
    recommended: object = None,
    **numbers: float,
) -> Finding:
    """``recommended`` is the value that ``fix`` names, for the remedy; ``None`` where it names none or torch's default."""
    measured: dict[str, Any] = {"setting": setting, "value": value, **numbers}
    if recommended is not None:
        measured["recommended"] = recommended
    return rule.found(
        message,
        where=optimizer.where,
        expected=expected,
        fix=fix,
        severity=severity,
        **measured,
    )


def _number(group: Mapping[str, object], key: str) -> float | None:
    value = group.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ranges(optimizer: OptimizerInfo, which: str, group: Mapping[str, object]) -> Iterator[Finding]:
    for key in _NOT_NEGATIVE:
        value = _number(group, key)
        if value is not None and (value < 0 or not math.isfinite(value)):
            turned = key in ("lr", "weight_decay") and math.isfinite(value)
            yield _found(
                optimizer,
                key,
                value,
                f"{which} has {key}={value:g}",
                f"{key} of 0 or more",
                f"{key}={-value:g}" if turned else f"correct {key}",
                Severity.ERROR,
                recommended=-value if turned else None,
            )
    momentum, dampening = _number(group, "momentum") or 0.0, _number(group, "dampening") or 0.0
    for key in _BELOW_ONE:
        value = _number(group, key)
        if value is not None and value >= 1 and key != "momentum_decay":
            yield _found(
                optimizer,
                key,
                value,
                f"{which} has {key}={value:g}: an average that never forgets grows without end or never moves",
                f"{key} below 1",
                f"{key}={_AVERAGES[key]:g}",
                Severity.ERROR,
                recommended=_AVERAGES[key],
            )
    if rule["momentum"] <= momentum < 1:
        steps = 1 / (1 - momentum)
        yield _found(
            optimizer,
            "momentum",
            momentum,
            f"{which} has momentum={momentum:g}: a gradient acts for {steps:.0f} steps, and a step is up to {steps:.0f} times the rate",
            "momentum of 0.8 to 0.99",
            f"momentum={_AVERAGES['momentum']:g}",
            recommended=_AVERAGES["momentum"],
            steps=steps,
        )
    if momentum > 0 and dampening >= 1:
        yield _found(
            optimizer,
            "dampening",
            dampening,
            f"{which} has dampening={dampening:g} with momentum: every gradient after the first is multiplied by {1 - dampening:g}",
            "dampening below 1",
            "dampening=0",
            Severity.ERROR,
        )


def _betas(optimizer: OptimizerInfo, which: str, group: Mapping[str, object]) -> Iterator[Finding]:
    pair = group.get("betas")
    betas = (
        [float(v) for v in cast("tuple[object, ...]", pair) if isinstance(v, int | float)]
        if isinstance(pair, tuple)
        else []
    )
    if len(betas) != 2:
        return
    first, second = betas
    text = f"betas=({first:g}, {second:g})"
    if not 0 <= first < 1 or not 0 <= second < 1:
        yield _found(
            optimizer,
            "betas",
            [first, second],
            f"{which} has {text}: averages need values from 0 to below 1",
            "betas from 0 to below 1",
            "betas=(0.9, 0.999)",
            Severity.ERROR,
            recommended=[0.9, 0.999],
        )
    elif first >= rule["beta1"] and second < first:
        yield _found(
            optimizer,
            "betas",
            [first, second],
            f"{which} has {text}: the first moment is averaged over {1 / (1 - first):.0f} steps and the second over {1 / (1 - second):.0f}, as if they were swapped",
            "the second beta above the first",
            f"betas=({second:g}, {first:g})",
            recommended=[second, first],
        )


def _upwards(
    optimizer: OptimizerInfo, which: str, group: Mapping[str, object], task: Task
) -> Iterator[Finding]:
    """``maximize`` with a loss that is smallest where the predictions are right."""
    terms = [o.term for o in task.objectives]
    if group.get("maximize") is not True or len(terms) != 1 or terms[0] is None:
        return
    weight = terms[0].weight
    if weight is not None and weight > 0:
        yield _found(
            optimizer,
            "maximize",
            True,
            f"{which} has maximize=True and raises {terms[0].op}, which is smallest where the predictions are right",
            "a loss that is lowered",
            "remove maximize=True",
            Severity.ERROR,
        )


def _epsilon(
    optimizer: OptimizerInfo, which: str, group: Mapping[str, object], held: list[ParameterInfo]
) -> Iterator[Finding]:
    """Adam with an epsilon that outweighs the gradients, at a rate that is meant for steps of its own size."""
    epsilon, rate = _number(group, "eps"), _number(group, "lr")
    if not is_adam(optimizer.type) or epsilon is None or rate is None or rate > 0.01 or epsilon < 1e-3:
        return
    sizes = [
        norm / math.sqrt(p.numel) for p in held for norm in p.grad_steps[:1] if norm and math.isfinite(norm)
    ]
    if len(sizes) < 2:
        return
    size = statistics.median(sizes)
    if epsilon > rule["epsilon"] * size:
        yield _found(
            optimizer,
            "eps",
            epsilon,
            f"{which} has eps={epsilon:g} and gradients of {size:.1e} (median over {len(sizes)} parameters): its steps are {epsilon / size:.0f} times smaller than lr={rate:g} says",
            "an epsilon far below the gradients",
            "eps=1e-8",
            gradient=size,
        )


def _decay(optimizer: OptimizerInfo, which: str, group: Mapping[str, object]) -> Iterator[Finding]:
    rate, decay = _number(group, "lr"), _number(group, "weight_decay")
    if rate is None or decay is None:
        return
    if decays_apart(optimizer.type, group):
        share = rate * decay
    elif optimizer.type == "SGD":
        momentum, dampening = _number(group, "momentum") or 0.0, _number(group, "dampening") or 0.0
        share = rate * decay * (1 - dampening) / max(1 - momentum, 1e-3) if momentum else rate * decay
    else:
        return
    if share >= rule["decay"]:
        recommended = decay / 100 if share < 1 else 1e-4
        yield _found(
            optimizer,
            "weight_decay",
            decay,
            f"{which} takes {share:.2g} of every weight away in each step (lr={rate:g}, weight_decay={decay:g}): what is learned is forgotten after {max(1, round(1 / share))} steps",
            "weights that hold what many batches teach: a decay per step of 1e-4 or less",
            f"weight_decay={recommended:g}",
            Severity.ERROR if share >= 1 else Severity.WARNING,
            recommended=recommended,
            share=share,
        )


def _rate(
    optimizer: OptimizerInfo,
    which: str,
    group: Mapping[str, object],
    held: list[ParameterInfo],
    *,
    fresh: bool,
) -> Iterator[Finding]:
    rate = _number(group, "lr")
    weights = [p for p in held if p.registered and len(p.shape) >= 2 and p.initial is not None]
    if not is_adam(optimizer.type) or rate is None or rate < rule["rate"] or not weights or not fresh:
        return
    # What is optimized may have any size (the pixels of an image): layers have weights well below the rate.
    if all(p.initial is not None and p.initial.std < 0.5 * rate for p in weights) and len(weights) >= 2:
        yield _found(
            optimizer,
            "lr",
            rate,
            f"{which} has lr={rate:g}: each step moves every weight by about {rate:g}, and weights begin at {max(p.initial.std for p in weights if p.initial):.2g} at most (standard deviation)",
            "a rate far below the size of the weights",
            "lr=1e-3",
            recommended=1e-3,
        )


def _worth_knowing(
    optimizer: OptimizerInfo, which: str, group: Mapping[str, object], held: list[ParameterInfo]
) -> Iterator[Finding]:
    decay = _number(group, "weight_decay") or 0.0
    if is_adam(optimizer.type) and not decays_apart(optimizer.type, group) and decay >= rule["coupled"]:
        yield _found(
            optimizer,
            "weight_decay in the gradient",
            decay,
            f"{which} puts weight_decay={decay:g} into the gradient, where it is divided by the gradient's size like the rest: weights with large gradients hardly decay",
            "decay that is kept apart from the gradient",
            f"torch.optim.AdamW with weight_decay={decay:g}",
            Severity.INFO,
        )
    spared = [p for p in held if len(p.shape) < 2 or _is(p, *_NORMS) or _is(p, "Embedding")]
    if decay > 0 and spared and len(spared) < len(held):
        names = ", ".join(p.name for p in spared[:3])
        yield _found(
            optimizer,
            "weight_decay of norms and biases",
            decay,
            f"{which} decays {len(spared)} norms, biases or embeddings as well ({names}{', ...' if len(spared) > 3 else ''})",
            "decay of the matrices alone",
            "put parameters with fewer than two dimensions in a group with weight_decay=0",
            Severity.INFO,
            count=len(spared),
        )


def _is(parameter: ParameterInfo, *words: str) -> bool:
    return parameter.module_type is not None and any(w in parameter.module_type for w in words)
