"""Layers or parameters that run in the network are not registered with it.

## What it measures
Modules with weights that ran inside the network without being one of its submodules (kept in a plain list or dict), and
tensors that want a gradient, are used inside the network in step after step, and belong to no module and no optimizer.

## Why it matters
`model.parameters()` does not contain them: the optimizer never updates them, `.to(device)` does not move them, and
`state_dict()` does not save them.

## How to fix
Keep modules in `nn.ModuleList`, `nn.ModuleDict` or `nn.Sequential` instead of a list or dict, and tensors in `nn.Parameter`
assigned to an attribute.

## Known false alarms
Frozen networks hidden in a list on purpose (teachers, perceptual losses), inputs that want a gradient, hidden states made
anew at each step, and weights given to an optimizer by hand are not reported.

## Source
PyTorch documentation of `nn.ModuleList`; Emam, "Troubleshooting convolutional neural networks", variables not training.
"""

from ...evidence import ModuleInfo, Modules, Optimizers, ParameterInfo, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW210",
    name="unregistered-parameters",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E10",),
    remedies=("register-layers",),
    explains=("NW401", "NW404", "NW420", "NW610"),
    thresholds={
        "iterations": Threshold(
            value=2, unit="iterations", source="a tensor made anew at each step is used in one only"
        ),
    },
)


@rule.check
def check(modules: Modules, parameters: Parameters, optimizers: Optimizers) -> list[Finding]:
    """Find weights that are used inside a network and registered nowhere."""
    if not modules.roots:
        raise NotApplicable("the program uses no nn.Module")
    if optimizers.manual is not None:
        raise NotApplicable("the program updates its weights by hand")
    loose = [p for p in parameters.parameters if _loose(p)]
    hidden = [m for m in modules.modules if not m.registered and m.parameters and _trains(m, parameters)]
    if hidden:
        return [_modules_finding(_outermost(hidden))]
    return [_tensors_finding(loose)] if loose else []


def _loose(parameter: ParameterInfo) -> bool:
    """A tensor of the network that trains nowhere."""
    iterations = parameter.iterations
    return (
        not parameter.registered
        and parameter.requires_grad
        and parameter.used
        and parameter.reached
        and parameter.inside
        and not parameter.optimizers
        and iterations is not None
        and iterations >= rule["iterations"]
    )


def _trains(module: ModuleInfo, parameters: Parameters) -> bool:
    """Whether the module's weights want to be trained and no optimizer holds them."""
    own = [
        p
        for p in parameters.parameters
        if not p.registered and p.requires_grad and p.reached and not p.optimizers
    ]
    return bool(own) and module.calls_train > 0 and any(p.numel <= module.parameters for p in own)


def _outermost(modules: list[ModuleInfo]) -> list[ModuleInfo]:
    """Modules made on different lines, largest first where one holds another."""
    found: dict[tuple[str | None, int | None, str], ModuleInfo] = {}
    for module in sorted(modules, key=lambda m: -m.parameters):
        found.setdefault((module.made.file, module.made.line, module.type), module)
    return list(found.values())


def _modules_finding(hidden: list[ModuleInfo]) -> Finding:
    first = hidden[0]
    types = ", ".join(dict.fromkeys(m.type for m in hidden))
    numbers = sum(m.parameters for m in hidden)
    return rule.found(
        f"{types} with {numbers} weights run inside the network but are not registered with it, and no optimizer trains them",
        where=first.made,
        also=tuple(m.made for m in hidden[1:4]),
        expected="every layer an attribute of its module, or in nn.ModuleList, nn.ModuleDict or nn.Sequential",
        fix="wrap the list in nn.ModuleList(...) (a dict in nn.ModuleDict(...))",
        weights=numbers,
        modules=tuple(m.type for m in hidden),
    )


def _tensors_finding(loose: list[ParameterInfo]) -> Finding:
    first = loose[0]
    shapes = ", ".join(str(p.shape) for p in loose[:3])
    return rule.found(
        f"{len(loose)} tensor{'s' if len(loose) > 1 else ''} of shape {shapes} want a gradient and are used in the network, but belong to "
        "no module and no optimizer",
        where=first.where,
        also=tuple(p.where for p in loose[1:4]),
        expected="learnable tensors held as nn.Parameter attributes of a module",
        fix="assign them as nn.Parameter(...) in the module's __init__ (no .to() or arithmetic after it)",
        tensors=tuple(p.shape for p in loose),
    )
