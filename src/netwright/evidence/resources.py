"""What costs time and memory in the first steps: waiting for the device, and what is kept from step to step."""

from dataclasses import dataclass

from .where import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A line at which the program asks for a number that the device may not have computed yet: ``op`` (``item``, ``cpu``, ``__repr__``...) of a tensor on ``device``, in ``steps`` different steps."""

    where: Where
    op: str
    device: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """All of them in ``steps`` recorded steps; evaluation, optimizers, clipping and scalers left out. ``device`` is where the trained parameters are."""

    waits: tuple[Wait, ...]
    steps: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that holds more of the graphs of earlier steps after each step.

    A container (``name``, as the program would write it) that got ``growth`` tensors with a history in each of ``steps`` steps, or (``name`` is empty) a tensor that is computed from itself of the step before,
    on the line ``where``.
    """

    where: Where
    name: str
    growth: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGraphs:
    """All of them, over ``steps`` looks, one after each recorded step."""

    kept: tuple[Kept, ...]
    steps: int
