"""Watches of networks in this process, and a clock for them."""

import contextlib

from netwright.monitor import Watcher


class Clock:
    """Time that passes where a test lets it, and a little with every look."""

    def __init__(self, tick=1e-7):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


@contextlib.contextmanager
def watching(model, *, prepare=lambda _: None, **options):
    """A watch of a network while the block lasts, given to ``prepare`` before it starts. Nothing of ours may have failed."""
    watcher = Watcher(None, **options)
    watcher.follow(model)
    prepare(watcher)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.close()
        assert watcher.broken is None, watcher.broken
