"""The program run with several seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRun:
    """One run. ``first`` and ``last`` are means over its first and last training losses (``None``: not finite). ``metrics`` are the last values of what its evaluation computes. ``failed`` is why it did
    not come to its end."""

    seed: int
    first: float | None
    last: float | None
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    failed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One number over the seeds: mean, standard deviation, the 95 % interval of the mean (Student's t), and ``chance``: 95 % of the differences between two single runs are smaller."""

    name: str
    values: tuple[float, ...]
    mean: float
    deviation: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """Runs of the unmodified program that differ in their seeds only.

    ``steps`` is where every run was stopped (``None``: each ran to its own end). ``single`` says that the program differentiates one loss only. ``spreads`` are over the runs that came to their end.
    """

    experiment: ClassVar[str] = "seeds"

    runs: tuple[SeedRun, ...]
    spreads: tuple[Spread, ...]
    steps: int | None = None
    single: bool = True
    seconds: float = 0.0
