"""What the watch's own account says of a step that is sampled, or read, against what the program loses by it: `python -m bench.overhead.account`.

Stretches of 64 steps with one such step in them, in turn with stretches of the same network without a watch. The rest of the steps is only counted. What a step of ours displaces from the processor's caches makes the next ones slower: that is
in the sum over the stretch, and no clock inside of our code sees it.
"""

import random
import time
from dataclasses import dataclass, field

import click
import torch
from torch import nn

from bench.overhead.programs import Trained
from netwright.monitor import Watcher

_STRETCH = 64
_BEFORE = 8  # steps of a stretch before the one that is looked at
_WARM = 3
_TRIMMED = 10  # of the values of each place, one in so many on either side is left out: other programs had the processor


@dataclass(slots=True)
class Stretch:
    """Seconds of every step of a stretch, once for each round, and what was charged for it."""

    seconds: list[list[float]] = field(default_factory=lambda: [[] for _ in range(_STRETCH)])
    charged: list[float] = field(default_factory=list[float])

    def total(self) -> float:
        """Seconds of a stretch: the sum over its places of the trimmed means."""
        return sum(map(_trimmed, self.seconds))


def _trimmed(values: list[float]) -> float:
    ordered = sorted(values)
    cut = len(ordered) // _TRIMMED
    ordered = ordered[cut : len(ordered) - cut]
    return sum(ordered) / len(ordered)


class Ridden(Watcher):
    """A watch of which every 64th step is sampled, or read, and all others are only counted."""

    def __init__(self, trained: Trained, *, sample: bool) -> None:
        super().__init__(None)
        self._pace.thinned = _STRETCH
        self._pace.samples = lambda step, now: sample and step % _STRETCH == 0  # noqa: ARG005
        self.follow(trained.model)


def measure(trained: Trained, rounds: int, *, sample: bool) -> tuple[Stretch, Stretch]:
    """Stretches without, and with a watch."""
    watcher = Ridden(trained, sample=sample)
    watcher.start()
    while watcher.steps % _STRETCH != _STRETCH // 2:
        trained.step()
    watcher.pause()
    without, beside = Stretch(), Stretch()
    order = random.Random(0)
    for _ in range(rounds):
        for watched in order.sample((False, True), 2):
            if watched:
                watcher.resume()
                while watcher.steps % _STRETCH != _STRETCH - _BEFORE:
                    trained.step()
            else:
                for _ in range(_WARM):
                    trained.step()
            before = watcher.account.spent
            for place in (beside if watched else without).seconds:
                start = time.perf_counter()
                trained.step()
                place.append(time.perf_counter() - start)
            if watched:
                beside.charged.append(watcher.account.spent - before)
                watcher.pause()
    watcher.close()
    if watcher.broken:
        raise RuntimeError(watcher.broken)
    return without, beside


def _perceptron(width: int) -> Trained:
    model = nn.Sequential(
        nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )
    x, y = torch.randn(64, 64), torch.randint(0, 10, (64,))
    return Trained(model, torch.optim.Adam(model.parameters(), 1e-3), lambda: model(x), y)


@click.command()
@click.option("--rounds", default=60, show_default=True)
@click.option("--width", "widths", multiple=True, type=int, default=(64, 256, 512), show_default=True)
def main(*, rounds: int, widths: tuple[int, ...]) -> None:
    """Compare what is charged with what a stretch of 64 steps loses."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for width in widths:
        for sample in (True, False):
            without, beside = measure(_perceptron(width), rounds, sample=sample)
            bare, lost = without.total(), beside.total() - without.total()
            click.echo(
                f"width {width}, a step of {1e3 * bare / _STRETCH:.2f} ms; one in {_STRETCH} {'sampled' if sample else 'read'}: "
                f"lost {1e6 * lost:.0f} us, charged {1e6 * _trimmed(beside.charged):.0f} us ({100 * lost / bare:.2f} % of the stretch)"
            )


if __name__ == "__main__":
    main()
