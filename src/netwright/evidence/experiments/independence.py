"""What outputs depend on: samples of the batch, steps of time, inputs."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMixing:
    """Whether outputs of the network depend on several samples of the batch.

    ``samples`` are in the batch, ``probed`` of them were told from the rest. ``change`` is how much the outputs of a probed sample change when all others are replaced, as a share of the
    largest output (0: not at all). ``op`` is the call at which samples first meet, ``at`` its line to edit, ``call`` the line it was called on. ``neighbours`` is the size of the axis that
    this call takes for the batch, where it is attention or recurrence (``None``: neither). ``related`` says that data gives who belongs to whom there (a graph, indices, a drawn permutation).
    ``sure`` says that the rows are known to be independent samples (a loader shuffled them, or they were picked by index). ``excepted`` are the calls that mix on purpose and were held
    fixed, like those of batch normalization.
    """

    samples: int
    probed: int
    change: float
    sure: bool
    op: str | None = None
    at: Where = NOWHERE
    call: Where = NOWHERE
    neighbours: int | None = None
    related: bool = False
    excepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureLeak:
    """Whether predictions of the next step depend on steps after their own.

    ``steps`` are in a sequence. ``offset`` is how far the target is ahead of the input: 1 for the next step, 0 where the target is the input itself. ``reads_itself`` says that the prediction
    of a step depends on the input of that step, ``reads_past`` on an earlier one. ``change`` is how much predictions change when everything after their step is replaced, as a share of the largest one (0: not at all).
    ``op`` is the call that first lets the future in, ``at`` its line to edit, ``call`` the line it was called on; ``target_at`` the line of the loss.
    """

    steps: int
    offset: int
    change: float
    reads_itself: bool
    reads_past: bool
    input: str = ""
    op: str | None = None
    at: Where = NOWHERE
    call: Where = NOWHERE
    target_at: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUse:
    """How much the outputs change when one input alone is replaced by that of other samples or zeroed, as a share of the largest output."""

    name: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Independence:
    """What the outputs of the network depend on. ``why_mixing`` and ``why_future`` say why a part was not looked at."""

    experiment: ClassVar[str] = "independence"

    mixing: SampleMixing | None = None
    future: FutureLeak | None = None
    inputs: tuple[InputUse, ...] = ()
    why_mixing: str = ""
    why_future: str = ""
    seconds: float = 0.0
