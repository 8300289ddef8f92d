"""A run without a network: `python -m bench.runs.producer FOLDER`. Records a sample every 10 ms and says on stdout which, until it is killed."""

import sys
import time
from pathlib import Path

from netwright.evidence.history import Sample
from netwright.runs import Record

EVERY_S = 0.01


def main() -> None:
    """Every 50th sample is a large one, as of all parameters of a network."""
    record = Record.create(Path(sys.argv[1]), {})
    began = time.perf_counter()
    large = {f"parameter/{i}/grad_norm": float(i) for i in range(2000)}
    for step in range(1_000_000):
        seconds = time.perf_counter() - began
        values = {"loss/0": 1 / (step + 1)}
        record.add(Sample(step=step, seconds=seconds, values=values if step % 50 else values | large))
        sys.stdout.write(f"{step} {seconds:.4f}\n")
        sys.stdout.flush()
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
