"""Optimizers and the order of events."""

from collections import Counter
from collections.abc import Mapping

import torch

from ..evidence import Events, OptimizerInfo, Optimizers
from ..rule import NotApplicable
from .model import parameter_names
from .observed import Observed


def optimizers(observed: Observed) -> Optimizers:
    """Every optimizer the program made or stepped."""
    found: list[OptimizerInfo] = []
    names = {key: name for key, (_, name) in parameter_names(observed).items()}
    owned = {id(p) for root in observed.roots() for p in root.parameters()}
    for index, record in enumerate(observed.recording.optimizers):
        optimizer = record.optimizer()
        if optimizer is None:
            continue
        held: list[torch.Tensor] = [p for g in optimizer.param_groups for p in g["params"]]
        used = {id(t.tensor) for t in observed.watch.tracked.values() if t.used}
        stale = [p for p in held if id(p) not in owned and id(p) not in used]
        # Weights that were laid into one flat tensor, or cut into parts, have another shape: then an optimizer whose steps change nothing holds none but these.
        idle = len(stale) == len(held) and record.steps > 0 and record.effective == 0
        stale = stale if _orphans(observed, None if idle else stale) else []
        found.append(
            OptimizerInfo(
                index=index,
                type=record.type,
                where=record.where,
                groups=tuple(_plain(g) for g in optimizer.param_groups),
                parameters=len(held),
                stale=len(stale),
                steps=record.steps,
                effective=record.effective,
                duplicated=_duplicated(held, names),
            )
        )
    if not found and observed.recording.manual is None:
        raise NotApplicable("no optimizer was seen")
    return Optimizers(optimizers=tuple(found), manual=observed.recording.manual)


def _duplicated(held: list[torch.Tensor], names: Mapping[int, str]) -> tuple[str, ...]:
    """Names of the parameters that stand in an optimizer more than once."""
    times = Counter(id(p) for p in held)
    return tuple(names.get(key, "unregistered parameter") for key, count in times.items() if count > 1)


def _orphans(observed: Observed, stale: list[torch.Tensor] | None) -> bool:
    """Whether the networks in use have trainable parameters in no optimizer, of a shape that a stale one has (``None``: of any)."""
    records = [r.optimizer() for r in observed.recording.optimizers]
    kept = {id(p) for o in records if o is not None for g in o.param_groups for p in g["params"]}
    shapes = None if stale is None else {p.shape for p in stale}
    return any(
        (shapes is None or p.shape in shapes) and p.requires_grad and id(p) not in kept
        for root in observed.roots()
        for p in root.parameters()
    )


def _plain(group: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in group.items():
        if key == "params":
            continue
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            value = float(value)
        if isinstance(value, int | float | bool | str | type(None)):
            found[key] = value
        elif isinstance(value, tuple | list) and all(isinstance(v, int | float) for v in value):
            found[key] = tuple(value)
    return found


def events(observed: Observed) -> Events:
    """Everything that happened to the training state, in order."""
    recording = observed.recording
    return Events(
        events=tuple(recording.events),
        captured_steps=recording.captured_steps or recording.steps,
        losses=tuple(recording.losses),
    )
