"""A layer is registered and never used.

## What it measures
Modules with weights of their own that train, belong to a class of the program, and took part in no captured forward pass,
neither in training nor in evaluation.

## Why it matters
Usually a line is missing in `forward`, or one layer is called twice where two were meant: the network is not the one that
was written down. The unused weights are also counted, saved and decayed.

## How to fix
Call the layer in `forward`, or remove it.

## Known false alarms
Frozen and loaded weights (an unused head of a pretrained network), layers in a list some of whose members ran (experts,
layers switched on later, exits), and networks that had no turn yet are not reported.

## Source
Emam, "Troubleshooting convolutional neural networks", variables that are not trained.
"""

from ...evidence import Events, ModuleInfo, Modules, ParameterInfo, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW211",
    name="unused-layer",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("E10",),
    remedies=("call-unused-layer",),
    explains=("NW401", "NW404", "NW209"),
    thresholds={
        "steps": Threshold(value=3, unit="updates", source="parts of a network may take turns"),
    },
)

_LISTS = ("ModuleList", "ModuleDict", "ParameterList", "ParameterDict")


@rule.check
def check(modules: Modules, parameters: Parameters, events: Events) -> Finding | None:
    """Compare the registered modules with those that ran."""
    if events.captured_steps < rule["steps"]:
        raise NotApplicable(f"only {events.captured_steps} updates were seen")
    unused = [m for m in modules.modules if _unused(m, modules, parameters)]
    unused = [m for m in unused if not any(_inside(m, other) for other in unused)]
    return _finding(unused, modules) if unused else None


def _own(module: ModuleInfo, parameters: Parameters) -> list[ParameterInfo]:
    prefix = f"{module.path}." if module.path else ""
    return [p for p in parameters.parameters if p.root == module.root and p.name.startswith(prefix)]


def _unused(module: ModuleInfo, modules: Modules, parameters: Parameters) -> bool:
    if not module.path or not module.registered or not module.parameters or module.type in _LISTS:
        return False
    if module.calls_train or module.calls_eval:
        return False
    own = _own(module, parameters)
    if not own or any(p.used or p.loaded or not p.requires_grad or p.shared_with for p in own):
        return False
    parent = _parent(module, modules)
    if parent is None or not (parent.user_defined or parent.type in _LISTS):
        return False
    if parent.type in _LISTS:
        return not any(_ran(m, parameters) for m in modules.modules if _child(m, parent)) and _ran_above(
            parent, modules
        )
    return bool(parent.calls_train) or _ran(parent, parameters)


def _parent(module: ModuleInfo, modules: Modules) -> ModuleInfo | None:
    path = module.path.rpartition(".")[0]
    return next(
        (m for m in modules.modules if m.root == module.root and m.path == path and m.registered), None
    )


def _child(module: ModuleInfo, parent: ModuleInfo) -> bool:
    return (
        module.root == parent.root
        and module.path.rpartition(".")[0] == parent.path
        and module.path != parent.path
    )


def _ran(module: ModuleInfo, parameters: Parameters) -> bool:
    return bool(module.calls_train or module.calls_eval) or any(p.used for p in _own(module, parameters))


def _ran_above(module: ModuleInfo, modules: Modules) -> bool:
    above = _parent(module, modules)
    return above is not None and (bool(above.calls_train) or above.type in _LISTS)


def _inside(module: ModuleInfo, other: ModuleInfo) -> bool:
    return module is not other and module.root == other.root and module.path.startswith(f"{other.path}.")


def _twin(module: ModuleInfo, modules: Modules) -> ModuleInfo | None:
    """A sibling of the same type that ran twice as often as its own siblings: likely called in its place."""
    parent = _parent(module, modules)
    siblings = [m for m in modules.modules if parent is not None and _child(m, parent) and m.calls_train]
    least = min((m.calls_train for m in siblings), default=0)
    return next((m for m in siblings if m.type == module.type and least and m.calls_train >= 2 * least), None)


def _finding(unused: list[ModuleInfo], modules: Modules) -> Finding:
    first = unused[0]
    names = ", ".join(m.path for m in unused[:3]) + (
        "" if len(unused) <= 3 else f" and {len(unused) - 3} more"
    )
    weights = sum(m.parameters for m in unused)
    twin = _twin(first, modules)
    hint = "" if twin is None else f"; {twin.path} ran {twin.calls_train} times, perhaps in its place"
    return rule.found(
        f"{names} ({weights} weights) took part in no forward pass{hint}",
        where=first.made.on(module=first.path),
        also=tuple(m.made.on(module=m.path) for m in unused[1:4]),
        expected="every layer that is made is used in forward",
        fix=f"call {first.path} in forward, or remove it",
        layers=tuple(m.path for m in unused),
        twin=twin.path if twin is not None else None,
        weights=weights,
    )
