"""What recording costs: on the thread that trains, on the record's own, on disk."""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from netwright.evidence.history import Sample
from netwright.runs import Record
from netwright.runs.store import FILE

_NUMBERS = 2_000_000
_MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Microseconds for a sample (``add``: the median) and bytes for a number."""

    add_us: float
    thread_us: float
    bytes_each: float


def cost(folder: Path, width: int) -> Cost:
    """Record samples of ``width`` numbers at up to 2000 a second."""
    record = Record.create(folder, {})
    names = [f"parameter/layers.{i}.weight/grad_norm" for i in range(width)]
    count = min(_MOST, _NUMBERS // width)
    seconds: list[float] = []
    for step in range(count):
        sample = Sample(step=step, seconds=step / 10, values={n: step / (i + 1) for i, n in enumerate(names)})
        start = time.perf_counter()
        record.add(sample)
        seconds.append(time.perf_counter() - start)
        time.sleep(0.0005)
    record.close(60)
    size = (folder / FILE).stat().st_size
    return Cost(
        add_us=1e6 * median(seconds),
        thread_us=1e6 * record.spent_s / count,
        bytes_each=size / (count * width),
    )
