"""How the memory that a step takes grows with its batch: the step is run on a few small batches, and a line laid through the peaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..rule import NotApplicable
from . import memory
from .meter import Meter

_PART = 3  # of the free memory
_MOST = 512 << 20  # bytes that are taken beyond those of the smallest batch
_SEEN = 1 << 20  # bytes: of less the allocator's own pieces are a part
_GROWS = 1.5  # times the peak of half the samples: then it is the samples that make it
_STRAIGHT = 0.1  # of the peak that a line may miss
_TIMES = 3  # what a first run takes once and for all (buffers of kernels, the heap of a new thread) is not taken by each


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """``fixed + per_sample * batch`` bytes at the height of a step; ``sizes`` are the batches it was measured on, ``peaks`` what these took."""

    per_sample: float
    fixed: int
    sizes: tuple[int, ...]
    peaks: tuple[int, ...]


def growth(
    run: Callable[[int], object], *, most: int, free: int, system: bool, part: float = _PART
) -> Growth:
    """Measure it.

    Batches are doubled until it is their samples that make the peak: on few, what a step holds whatever its batch (gradients, at the end of backward) stands higher, and the slope found there would be too
    flat. What torch makes is counted exactly. What kernels take for themselves shows only in what the system counts: on a processor a larger batch is run for that, and the line is as much steeper as the system counts more.

    Args:
        run: makes a step of so many samples. What it returns is let go.
        most: samples that there are.
        free: bytes that can be taken.
        part: of them that is taken at most, as a divisor: a third in a program that goes on.
        system: whether to look at what the system counts as well (processors). Its mark of the most memory that this process had is set back for that: not for a program that goes on.

    Raises:
        NotApplicable: not so many samples can be run, or the memory grows by no line.
    """
    sizes, peaks = [1 if most < 8 else 2], [0]  # batch normalization needs two
    peaks[0] = _counted(run, sizes[0])
    while not _settled(sizes, peaks):
        if 2 * sizes[-1] > most or 2 * peaks[-1] > min(free / part, peaks[0] + _MOST):
            raise NotApplicable("not enough samples can be run to see what each of them takes")
        sizes.append(2 * sizes[-1])
        peaks.append(_counted(run, sizes[-1]))
    slope, fixed = _line(sizes[-2:], peaks[-2:])
    large = min(most, int((min(free / _PART, peaks[0] + _MOST) - fixed) / slope))
    looked = [_system_peak(run, large) for _ in range(_TIMES)] if system and large > sizes[-1] else []
    if seen := [n for n in looked if n is not None]:
        held = min(seen)
        more = held / (fixed + slope * large)
        slope, fixed = max(1.0, more) * slope, max(1.0, more) * fixed
        sizes, peaks = [*sizes, large], [*peaks, held]
    return Growth(per_sample=slope, fixed=max(0, int(fixed)), sizes=tuple(sizes), peaks=tuple(peaks))


def _settled(sizes: Sequence[int], peaks: Sequence[int]) -> bool:
    """Whether the samples make the peak, and each as much as the one before."""
    if len(sizes) < 3 or peaks[-1] < max(_GROWS * peaks[-2], _SEEN):
        return False
    slope, fixed = _line(sizes[-2:], peaks[-2:])
    return abs(fixed + slope * sizes[-3] - peaks[-3]) <= _STRAIGHT * peaks[-1]


def _line(sizes: Sequence[int], peaks: Sequence[int]) -> tuple[float, float]:
    slope = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    return slope, peaks[0] - slope * sizes[0]


def _counted(run: Callable[[int], object], samples: int) -> int:
    with Meter() as meter:
        run(samples)
    return meter.peak


def _system_peak(run: Callable[[int], object], samples: int) -> int | None:
    """By how many bytes the memory of this process grew in a step, as the system counts it (None: it does not say). The mark that the system keeps is set back for that."""
    memory.given_back()
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        before = _marked("VmRSS")
        run(samples)
        return _marked("VmHWM") - before
    except (OSError, ValueError, KeyError):
        return None


def _marked(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        sizes = {k: v for k, _, v in (line.partition(":") for line in file)}
    return int(sizes[name].split()[0]) * 1024
