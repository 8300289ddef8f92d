"""What the pre-flight knows of the program, by the names that series bear."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch

from ..capture.session import Session
from ..evidence import Sample
from ..inference import read_objective
from ..probes.observed import Observed
from .asked import asked

if TYPE_CHECKING:
    from .watcher import Watcher


def learn(watcher: "Watcher", session: Session) -> None:
    """Steps done, networks, parameters and optimizers."""
    recording, places = session.recording, watcher.places
    watcher.first = recording.steps
    if len(recording.captures) == 1:
        places["loss/0"] = recording.captures[0].graph.backward
        for step, loss in enumerate(recording.losses):
            watcher.store.add(Sample(step=step, seconds=0.0, values={"loss/0": loss}))
    for path, module in (named := networks(session)).items():
        if (made := session.recorder.modules.made_where(module)) is not None:
            places[f"module/{path}"] = made
    roots = session.recorder.modules.networks.values()
    watcher.outputs.follow(named, next(iter(roots), None))
    watcher.scores.follow(roots)
    watcher.scores.expect(asked([read_objective(c.graph, i) for i, c in enumerate(recording.captures)]))
    trained = [loader for r in recording.loaders if r.trained and (loader := r.loader()) is not None]
    watcher.scores.trained_data = frozenset(id(getattr(loader, "dataset", None)) for loader in trained)
    watcher.parameters.names.update(parameter_names(session))
    for step, values in enumerate(first_gradients(session, watcher.parameters.names)):
        if values:
            watcher.store.add(Sample(step=step, seconds=0.0, values=values))
    watcher.by_hand = not any(r.steps for r in recording.optimizers)
    for number, record in enumerate(recording.optimizers):
        watcher.turns.meet(record.optimizer)
        places[f"rate/{number}"] = record.where
        if record.steps:
            watcher.turns.stepped(number, recording.steps)


def networks(session: Session) -> dict[str, torch.nn.Module]:
    """Every module of every network by its path. Where two networks have the same path, that of the later bears its number: ``1:fc``."""
    found: dict[str, torch.nn.Module] = {}
    for number, root in enumerate(Observed(session).roots()):
        for path, module in root.named_modules():
            found.setdefault(_unique(path or type(root).__name__, number, found), module)
    return found


def parameter_names(session: Session) -> dict[int, str]:
    """The name of every parameter of the networks, by the tensor's ``id``; of two networks as those of modules."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for number, root in enumerate(Observed(session).roots()):
        for name, parameter in root.named_parameters():
            if id(parameter) not in names:
                names[id(parameter)] = _unique(name, number, taken)
                taken.add(names[id(parameter)])
    return names


def first_gradients(session: Session, names: Mapping[int, str]) -> list[dict[str, float]]:
    """Norms of gradients in each recorded step, by the names of their series: samples that cost nothing more. None where several optimizers step in turns, or gradients were scaled."""
    recording, observed = session.recording, Observed(session)
    if sum(bool(r.steps) for r in recording.optimizers) != 1 or any(
        e.kind == "scale" for e in recording.events
    ):
        return []
    found: list[dict[str, float]] = [{} for _ in range(recording.steps)]
    for tracked in observed.watch.tracked.values():
        name, grad = names.get(id(tracked.tensor)), tracked.tensor.grad
        if name is None or (grad is not None and grad.layout is not torch.strided):
            continue
        if len(tracked.grads) == recording.steps:
            for values, norm in zip(found, tracked.grads, strict=True):
                if norm is not None:
                    values[f"parameter/{name}/grad_norm"] = norm
    return found


def _unique(name: str, number: int, taken: Iterable[str]) -> str:
    return f"{number}:{name}" if name in taken else name
