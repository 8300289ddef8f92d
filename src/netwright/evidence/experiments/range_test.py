"""Losses after a few steps, by learning rate."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTest:
    """Losses after a few steps from the same start, by learning rate.

    ``rates`` are those of the first parameter group (the others keep their ratio to it), ascending; ``losses`` the loss over the same batches after ``steps`` steps, as a share of the
    loss before them (``None``: not finite). ``best`` is the rate with the lowest one, ``largest`` the largest one at which the loss did not grow (``None``: there was none).
    ``in_use`` is the program's own rate, ``constant`` whether it stayed the same over the steps seen and no scheduler was made.
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
