"""What is known of a tensor once it is gone: its form and the statistics of its values."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Statistics of the finite values of a tensor (large tensors are sampled by stride).

    ``zeros`` and ``nonfinite`` are shares in 0..1 of all looked-at elements; ``distinct`` is the number of distinct
    values, ``None`` above 1000; ``integers`` says that every finite value is a whole number.
    """

    count: int
    mean: float
    std: float
    min: float
    max: float
    zeros: float = 0.0
    nonfinite: float = 0.0
    nan: float = 0.0
    distinct: int | None = None
    integers: bool = False

    @property
    def abs_max(self) -> float:
        """Largest magnitude."""
        return max(abs(self.min), abs(self.max))

    @property
    def rms(self) -> float:
        """Root mean square."""
        return math.hypot(self.mean, self.std)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """Form of a tensor, and statistics where they were measured.

    ``dtype`` and ``device`` are torch's own words without the prefix (``"float32"``, ``"cpu"``). ``stats`` are of the
    values, ``grad`` of the gradient of the loss with respect to it.
    """

    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    requires_grad: bool = False
    stats: Stats | None = None
    grad: Stats | None = None

    @property
    def floating(self) -> bool:
        """Whether the values are real floating-point numbers."""
        return self.dtype.startswith(("float", "bfloat"))

    @property
    def integral(self) -> bool:
        """Whether the values are integers (or booleans)."""
        return self.dtype.startswith(("int", "uint", "bool"))

    @property
    def numel(self) -> int:
        """Number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total
