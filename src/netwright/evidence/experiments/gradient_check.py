"""Derivatives by autograd and by differences."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivative:
    """One directional derivative: analytic, by differences in float64, and the relative error between them. ``kink`` says that it lies at a point where both sides differ."""

    what: str
    analytic: float
    numerical: float
    error: float
    kink: bool = False
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientCheck:
    """Derivatives of the captured loss along random directions, for the whole network and for single parameters.

    ``deterministic`` says that two runs of the step gave the same loss.
    """

    experiment: ClassVar[str] = "gradient-check"

    directions: tuple[Derivative, ...]
    deterministic: bool
    loss_at: Where = NOWHERE
    seconds: float = 0.0
