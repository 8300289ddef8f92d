"""Learning-rate schedulers of the program, and the rates that one will reach: a copy is stepped on an optimizer that holds nothing."""

import contextlib
import copy
import dis
import inspect
import io
import time
import weakref
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..evidence import NOWHERE, Where
from .loops import Loops

_WRITES = frozenset("STORE_GLOBAL STORE_DEREF STORE_ATTR STORE_SUBSCR DELETE_GLOBAL".split())
_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class SchedulerRecord:
    """One scheduler of the program.

    ``optimizer`` is the position of the optimizer it drives, ``made`` are the loops around the line that made it, ``around`` those around its ``step``. ``part`` says that it is
    held by another scheduler.
    """

    scheduler: "weakref.ref[Any]"
    where: Where
    type: str
    optimizer: int | None
    made: Loops = field(default_factory=Loops)
    around: Loops | None = None
    stepped_at: Where = NOWHERE
    steps: int = 0
    part: bool = False


def parts(scheduler: Any) -> list[Any]:
    """Schedulers that a scheduler holds."""
    found: list[Any] = []
    for value in vars(scheduler).values():
        items = value if isinstance(value, list | tuple) else (value,)
        found.extend(i for i in items if isinstance(i, LRScheduler) and i is not scheduler)
    return found


@dataclass(frozen=True, slots=True)
class Course:
    """Rates of each parameter group from now on, and after how many steps the scheduler refused to go on (None: it never did)."""

    rates: tuple[tuple[float, ...], ...]
    ended: int | None = None


def course(scheduler: Any, steps: int) -> Course | None:
    """The rates that a scheduler will set over its next steps; None where they depend on more than its own state, or its code has effects of its own.

    Call inside :func:`netwright.capture.sandbox.untouched`. The program's scheduler and optimizer stay as they are.
    """
    if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
        return None
    if any(isinstance(p, ReduceLROnPlateau) for p in parts(scheduler)):
        return None
    shadow = _shadow(scheduler.optimizer)
    twin = _twin(scheduler, shadow)
    if twin is None:
        return None
    found = [_rates(shadow)]
    began = time.perf_counter()
    step = inspect.unwrap(type(twin).step)
    with contextlib.redirect_stdout(io.StringIO()):
        for done in range(steps):
            try:
                step(twin)
            except ValueError:
                return Course(tuple(found), done)
            except Exception:  # of the scheduler's own code, on a copy; nothing of ours runs in it
                return None
            found.append(_rates(shadow))
            if time.perf_counter() - began > _SECONDS:
                break
    return Course(tuple(found))


def _rates(optimizer: torch.optim.Optimizer) -> tuple[float, ...]:
    return tuple(float(g["lr"]) for g in optimizer.param_groups)


def _shadow(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """An optimizer with the same settings in as many groups, of one number each."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": 0.1} for _ in optimizer.param_groups]
    shadow = torch.optim.SGD(groups)
    for mine, given in zip(shadow.param_groups, optimizer.param_groups, strict=True):
        mine.update({k: copy.deepcopy(v) for k, v in given.items() if k != "params"})
    shadow.defaults = {**shadow.defaults, **optimizer.defaults}
    return shadow


def _twin(scheduler: Any, shadow: torch.optim.Optimizer) -> Any:
    """A copy of a scheduler that drives ``shadow``; None where stepping it might touch something of the program's."""
    twin = object.__new__(type(scheduler))
    for key, value in vars(scheduler).items():
        if isinstance(value, torch.optim.Optimizer):
            vars(twin)[key] = shadow
            continue
        copied = _copied(value, shadow)
        if copied is None and value is not None:
            return None
        vars(twin)[key] = copied
    if vars(twin).get("_step_count") == 1:
        # torch uses it for a warning only, which is about an optimizer that was not stepped before.
        vars(twin)["_step_count"] = 2
    return twin


def _copied(value: Any, shadow: torch.optim.Optimizer) -> Any:
    if isinstance(value, LRScheduler):
        return _twin(value, shadow)
    if isinstance(value, list | tuple) and any(isinstance(v, LRScheduler) or callable(v) for v in value):
        items = [_copied(v, shadow) for v in value]
        if any(i is None and v is not None for i, v in zip(items, value, strict=True)):
            return None
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, FunctionType | MethodType):
        return value if _pure(value) else None
    try:
        return copy.deepcopy(value)
    except Exception:  # an attribute of the program's that cannot be copied
        return None


def _pure(function: Any) -> bool:
    """Whether a function of the program's writes to nothing outside of itself, as far as its own code shows."""
    if isinstance(function, MethodType):
        function = function.__func__
    own = inspect.getfile(function) == inspect.getfile(LRScheduler)
    return own or not any(i.opname in _WRITES for i in dis.get_instructions(function))
