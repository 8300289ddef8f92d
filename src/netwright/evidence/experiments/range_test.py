"""Losses after a few steps, by learning rate."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """The rates of one parameter group, tried alone while all others kept theirs.

    ``largest`` is the largest rate at which the loss did not grow, ``grows`` the smallest one above it at which it did (``None``: there was none up to the highest that was
    tried); the edge lies between the two. ``loss`` is what it comes to at the rate in use (``None``: not finite), ``least`` the lowest that was seen, both as shares of the one before. ``names`` are some of its parameters, ``parameters`` how many numbers they hold. ``in_use`` is its rate, ``peak`` the largest that its
    schedule reaches (``None``: not known). ``where`` is the line of its optimizer, ``optimizer`` its class.
    """

    optimizer: str
    group: int
    names: tuple[str, ...]
    parameters: int
    in_use: float
    largest: float | None
    grows: float | None
    loss: float | None = None
    least: float = 1.0
    peak: float | None = None
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTest:
    """Losses after a few steps from the same start, by learning rate.

    ``rates`` are those of the first parameter group (the others keep their ratio to it), ascending; ``losses`` the loss over the same batches after ``steps`` steps, as a share of the
    loss before them (``None``: not finite). ``best`` is the rate with the lowest one, ``largest`` the largest one at which the loss did not grow (``None``: there was none), ``grows`` the
    smallest one above it at which it did. ``recommended`` is the largest one divided by three until the loss falls by half of what it falls at the best one. ``still`` is the largest
    rate at which the loss hardly moves (a thousandth). ``in_use`` is the program's own rate, ``constant`` whether it stayed the same over the steps seen and no scheduler was made.

    ``groups`` are the parameter groups one by one, where there are several. ``schedule`` is the class of the scheduler; ``peak`` and ``final`` are the largest and the last rate that
    it will set (``None``: not known), ``at_peak`` is the loss after the rate has risen to the peak over 32 steps and stayed there for ``steps`` more, ``idle`` the share of
    the run in which the rate lies below ``still``. ``reruns`` says that the whole program was run again for each rate, and the loss is that of the last steps beside the same batches at weights that never moved.
    """

    experiment: ClassVar[str] = "range-test"

    rates: tuple[float, ...]
    losses: tuple[float | None, ...]
    steps: int
    best: float | None
    largest: float | None
    in_use: float
    constant: bool
    optimizer: str
    where: Where = NOWHERE
    seconds: float = 0.0
    grows: float | None = None
    recommended: float | None = None
    still: float | None = None
    groups: tuple[GroupRates, ...] = ()
    schedule: str | None = None
    peak: float | None = None
    final: float | None = None
    at_peak: float | None = None
    idle: float | None = None
    reruns: bool = False
