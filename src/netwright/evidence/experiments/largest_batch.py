"""The largest batch that fits into the memory."""

from dataclasses import dataclass
from typing import ClassVar

from ..memory import StepMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """The program run for two steps with batches of ``batch`` samples. ``ran`` says whether it made them; else ``why`` not."""

    batch: int
    ran: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestBatch:
    """What a step takes by its batch, and which batches the program really ran with.

    ``batch`` is the one in use. ``step`` is the line through the peaks of the captured step on parts of its batch (``None``: ``why_not_measured``). ``fits`` is the largest batch that ran, ``fails`` the smallest that
    memory was not enough for (``None``: none was found). ``all_samples``: the largest that ran is the whole training set.
    """

    experiment: ClassVar[str] = "largest-batch"

    batch: int
    step: StepMemory | None
    runs: tuple[BatchRun, ...]
    fits: int | None
    fails: int | None
    all_samples: bool = False
    why_not_measured: str = ""
    why_not_run: str = ""
    seconds: float = 0.0
