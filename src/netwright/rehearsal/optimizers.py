"""An optimizer of the program's, as it was made: so that it can be made otherwise, for copies of its parameters."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..capture.recording import Recording
from ..capture.session import Session
from ..evidence import Where
from ..rule import NotApplicable
from .iteration import rates_of

_NOT_SETTINGS = ("params", "initial_lr")
# They set the rate whatever the optimizer was given.
CYCLES = ("OneCycleLR", "CyclicLR")


@dataclass(slots=True)
class Group:
    """Parameters by the ``id`` of the program's tensor, and settings of their own."""

    parameters: list[int]
    own: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Made:
    """How an optimizer was made. ``settings`` are those that it was given for all groups. ``begins`` are the rates that its groups were given, and ``factor`` is for what they are multiplied with after that."""

    kind: type[torch.optim.Optimizer]
    where: Where
    settings: dict[str, Any]
    groups: list[Group]
    begins: tuple[float, ...]
    factor: float = 1.0

    @staticmethod
    def of(optimizer: torch.optim.Optimizer, where: Where, rates: Sequence[float]) -> "Made":
        """What is known of an optimizer. ``rates`` are those of its groups in its first step."""
        settings = {k: v for k, v in optimizer.defaults.items() if k not in _NOT_SETTINGS}
        groups: list[Group] = []
        begins: list[float] = []
        for position, group in enumerate(optimizer.param_groups):
            rate = group.get("initial_lr", rates[position] if position < len(rates) else group.get("lr", 1.0))
            own = {
                k: v
                for k, v in group.items()
                if k not in (*_NOT_SETTINGS, "lr") and not _equal(v, settings.get(k))
            }
            if "lr" in settings and float(rate) != float(settings["lr"]):
                own["lr"] = float(rate)
            groups.append(Group([id(p) for p in group["params"]], own))
            begins.append(float(rate))
        return Made(type(optimizer), where, settings, groups, tuple(begins))

    def rates(self, recorded: Sequence[float]) -> list[float]:
        """The rates of a step in which the program had those recorded: a schedule goes on as it went."""
        found: list[float] = []
        for group, was, now in zip(self.groups, self.begins, recorded, strict=False):
            begins = float(group.own.get("lr", self.settings.get("lr", was))) * self.factor
            found.append(now if begins == was or not was else begins if now == was else now * begins / was)
        return found

    def build(self, weights: Mapping[int, torch.Tensor]) -> torch.optim.Optimizer:
        """One for copies of the parameters.

        Raises:
            NotApplicable: it cannot be made, or holds none of them.
        """
        groups: list[dict[str, Any]] = [
            {**g.own, "params": [weights[p] for p in g.parameters if p in weights]} for g in self.groups
        ]
        if not any(g["params"] for g in groups):
            raise NotApplicable("the optimizer holds none of the parameters that the step uses")
        build: Any = self.kind
        known = inspect.signature(build.__init__).parameters
        loose = any(p.kind is p.VAR_KEYWORD for p in known.values())
        settings = {k: v for k, v in self.settings.items() if loose or k in known}
        try:
            return build(groups, **settings)
        except (TypeError, ValueError) as error:
            raise NotApplicable(f"{self.kind.__name__} cannot be built anew: {error}") from None


def optimizers_of(recording: Recording) -> dict[int, Made]:
    """How the program's optimizers were made, by their place. They must be there still: a program that trains in a function lets go of them when it ends."""
    found: dict[int, Made] = {}
    for index, record in enumerate(recording.optimizers):
        optimizer = record.optimizer()
        if optimizer is None:
            continue
        steps = (e for e in recording.events if e.kind == "optimizer_step" and e.optimizer == index)
        found[index] = Made.of(optimizer, record.where, next(map(rates_of, steps), ()))
    return found


def _equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor) or isinstance(other, torch.Tensor):
        return one is other
    return one == other


def made_otherwise(
    optimizers: Mapping[int, Made],
    session: Session,
    *,
    change: Callable[[Made], bool] = lambda _: True,
    rate: float = 1.0,
) -> None:
    """Change how optimizers are made, and what their rates are multiplied with.

    Raises:
        NotApplicable: there is none to be changed, or a schedule sets its rate.
    """
    done = False
    for index, made in optimizers.items():
        before = made.settings.get("lr")
        if not change(made):
            continue
        made.factor *= rate
        done = True
        cycles = [s.type for s in session.recording.schedulers if s.optimizer == index and s.type in CYCLES]
        if cycles and (rate != 1.0 or made.settings.get("lr") != before):
            raise NotApplicable(f"{cycles[0]} sets the rate")
    if not done:
        raise NotApplicable("no such optimizer is made on the line")
