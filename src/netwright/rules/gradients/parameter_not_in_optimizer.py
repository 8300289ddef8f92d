"""A parameter gets gradients but no optimizer holds it.

## What it measures
Parameters of a network that autograd reaches from the loss, that are not frozen, that no optimizer holds and that nothing
else changes, while at least one optimizer makes steps.

## Why it matters
Their gradients are computed and never used: this part of the network keeps its initial values for the whole training, while
the loss may still fall because of the other parts.

## How to fix
Hand every trained part to the optimizer: `Adam(model.parameters())`, or `Adam([*encoder.parameters(), *head.parameters()])`.
Freeze on purpose with `requires_grad_(False)`.

## Known false alarms
Pretrained parts that are left out without being frozen are reported as information. Copies of a trained network (target and
teacher networks) and networks in evaluation mode (a fixed perceptual loss) are not reported. Updates written by hand count
as updates.

## Source
Zeyad Emam, "Troubleshooting convolutional neural networks" (variables not training).
"""

from ...evidence import Modules, Optimizers, ParameterInfo, Parameters, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity
from .._gradients import first_known, listed, numbers

rule = Rule(
    code="NW401",
    name="parameter-not-in-optimizer",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E10",),
    remedies=("optimize-all-parameters",),
    explains=(
        "NW601",
        "NW701",
    ),
)


def _forgotten(p: ParameterInfo) -> bool:
    wanted = p.registered and p.requires_grad and p.used and p.reached
    return wanted and not p.optimizers and not p.changed and p.changed_outside is None


def _forms(parameters: list[ParameterInfo]) -> list[tuple[str, tuple[int, ...]]]:
    return sorted((p.name, p.shape) for p in parameters)


def _meant_fixed(root: int, by_root: dict[int, list[ParameterInfo]], modules: Modules) -> bool:
    """Whether a network without any optimizer is a fixed one: not in training mode, or a copy of a trained one."""
    if any(m.root == root and m.path == "" and m.training_in_train is not True for m in modules.modules):
        return True
    mine = _forms(by_root[root])
    return any(
        r != root and _forms(ps) == mine and any(p.optimizers for p in ps) for r, ps in by_root.items()
    )


@rule.check
def check(parameters: Parameters, optimizers: Optimizers, modules: Modules) -> list[Finding]:
    """Parameters with gradients and without an optimizer, by network."""
    if not any(o.steps for o in optimizers.optimizers):
        raise NotApplicable("no optimizer made a step in the steps seen")
    by_root: dict[int, list[ParameterInfo]] = {}
    for p in parameters.parameters:
        if p.root is not None and p.registered:
            by_root.setdefault(p.root, []).append(p)
    found: list[Finding] = []
    for root, owned in by_root.items():
        missed = [p for p in owned if _forgotten(p)]
        holding = {i for p in owned for i in p.optimizers}
        if not missed or (not holding and _meant_fixed(root, by_root, modules)):
            continue
        pretrained = any(p.loaded for p in missed) or not parameters.fresh
        severity = Severity.INFO if pretrained else None if holding else Severity.WARNING
        found.append(_finding(owned, missed, _line(optimizers, holding), severity))
    return found


def _line(optimizers: Optimizers, holding: set[int]) -> Where:
    made = [o for o in optimizers.optimizers if o.index in holding] or list(optimizers.optimizers)
    return first_known(*(o.where for o in made))


def _finding(
    owned: list[ParameterInfo], missed: list[ParameterInfo], where: Where, severity: Severity | None
) -> Finding:
    names = [p.name for p in missed]
    return rule.found(
        f"{len(missed)} of the network's {len(owned)} parameters ({numbers(missed)} numbers) get gradients but are in no "
        f"optimizer, so they keep their initial values: {listed(names)}",
        where=where.on(parameter=names[0]),
        also=[w for w in {p.where for p in missed} if w.known][:3],
        severity=severity,
        expected="every parameter that the loss should train is in an optimizer",
        fix=f"hand them to the optimizer at {where.at} too (model.parameters() of the whole network, or another parameter "
        "group); if they are meant to stay as they are, freeze them with requires_grad_(False)",
        parameters=names,
        missing=len(missed),
        total=len(owned),
    )
