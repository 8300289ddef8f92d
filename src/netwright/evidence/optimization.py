"""Optimizers, and the order of events in each iteration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerInfo:
    """One optimizer. ``groups`` are its hyper-parameters per group without the parameters.

    ``stale`` counts parameters it holds that are in no network that was used while the networks' own parameters of the same
    shape (of any, where it holds no others and its steps change nothing) are in no optimizer. ``steps`` is how many captured steps it made, ``effective`` how many changed anything.
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
    ``nested`` (inside another optimizer's step, as wrappers do), ``lr`` (of the first parameter group), ``lrs`` (of all);
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One learning-rate scheduler.

    ``steps`` is how often it was stepped in the captured steps, ``updates`` how many steps its optimizer made in them. ``per_batch`` says that both are stepped in the same loop
    (None: it was not stepped yet). ``epoch`` is the number of batches in an epoch, ``epochs`` the number of epochs, ``planned`` how often the loops of the program will step it,
    each ``None`` where the source does not say (a loop that may end early, a condition). ``never`` says that the source never steps it; ``part`` that another scheduler does.

    ``rates`` are those of the first parameter group, one every ``stride`` steps of it: those seen, then those that a copy of it set when it was stepped to the end of what is
    planned (ten times what was seen, where that is unknown); empty where they depend on more than the number of steps. ``peaks`` are the largest ones of each group, ``final`` the
    last of the first. ``ended`` is after how many steps the scheduler refuses to go on. ``settings`` are its plain attributes.
    """

    type: str
    optimizer: int | None
    where: Where = NOWHERE
    stepped_at: Where = NOWHERE
    steps: int = 0
    updates: int = 0
    per_batch: bool | None = None
    epoch: int | None = None
    epochs: int | None = None
    planned: int | None = None
    never: bool = False
    part: bool = False
    rates: tuple[float, ...] = ()
    stride: int = 1
    peaks: tuple[float, ...] = ()
    final: float | None = None
    ended: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedules:
    """Every learning-rate scheduler that was made."""

    schedules: tuple[Schedule, ...]
