"""Optimizers, and the order of events in each iteration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerInfo:
    """One optimizer. ``groups`` are its hyper-parameters per group without the parameters.

    ``stale`` counts parameters it holds that are in no network that was used while the networks' own parameters of the same
    shape are in no optimizer. ``steps`` is how many captured steps it made, ``effective`` how many changed anything.
    """

    index: int
    type: str
    where: Where = NOWHERE
    groups: tuple[Mapping[str, object], ...] = ()
    parameters: int = 0
    stale: int = 0
    steps: int = 0
    effective: int = 0
    duplicated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizers:
    """All optimizers that were made or stepped. ``manual`` is the line of a hand-written update, if seen."""

    optimizers: tuple[OptimizerInfo, ...]
    manual: Where | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the training state, in order.

    ``kind``: ``zero_grad`` · ``backward`` · ``clip`` · ``scale`` · ``unscale`` · ``optimizer_step`` · ``scaler_step`` · ``scaler_update`` ·
    ``scheduler_step`` · ``manual_update`` · ``train_mode`` · ``eval_mode`` · ``load_state`` · ``evaluation`` · ``loader_start`` (a loader begins an epoch) ·
    ``seed`` (``library``, ``value``).
    ``step`` counts optimizer steps (of any optimizer) completed before it. ``optimizer`` is a position in ``Optimizers``.
    ``detail`` by kind: ``backward``: ``grads_before`` (share of the reached parameters whose gradient was non-zero before the call),
    ``grads_after`` (share of all parameters with a non-zero gradient after it), ``grads_there`` (with any gradient, zero too), ``stepped_since`` (whether an optimizer step lies between the last backward that filled those gradients and this one),
    ``scaled`` (bool), ``loss`` (value), ``gradient`` (norm of all gradients after it), ``graph_line``; ``optimizer_step``: ``with_grad`` (share of its parameters with non-zero gradient at the
    call), ``backward_since`` (a backward since its previous step), ``changed`` (share changed), ``skipped`` (bool), ``closure`` (bool),
    ``uncleared`` (share of its parameters whose gradient still holds what an earlier step of the same optimizer has used, with a backward added),
    ``nested`` (inside another optimizer's step, as wrappers do);
    ``scheduler_step``: ``lr_before``, ``lr_after`` (first group), ``type``, ``initial`` (made by the constructor); ``clip``: ``kind``, ``limit``.
    """

    kind: str
    step: int
    where: Where = NOWHERE
    optimizer: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Everything in order. ``captured_steps`` is how many optimizer steps the record covers; ``losses`` the values of
    successive backward calls of the first objective."""

    events: tuple[Event, ...]
    captured_steps: int = 0
    losses: tuple[float, ...] = ()

    def of(self, *kinds: str) -> tuple[Event, ...]:
        """Events of these kinds."""
        return tuple(e for e in self.events if e.kind in kinds)
