"""Children that the program forks are left alone, and being told of them keeps nothing of ours alive."""

import gc
import os
import weakref

import pytest
import torch
from torch import nn

from netwright.forks import hear
from netwright.monitor import Watcher

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Told:
    def __init__(self):
        self.pid = os.getpid()
        self.child = False

    def forked(self):
        self.child = os.getpid() != self.pid


def _in_child(answer):
    """Whether ``answer()`` holds in a forked child."""
    pid = os.fork()
    if not pid:
        os._exit(0 if answer() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_child_is_told_and_the_parent_is_not():
    told = Told()
    hear(in_child=told.forked)
    assert _in_child(lambda: told.child)
    assert not told.child


def test_a_watch_that_is_over_is_let_go():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watcher = Watcher(None, every=1)
    watcher.follow(model)
    watcher.start()
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
    gone = weakref.ref(watcher)
    assert _in_child(lambda: not gone().awake and not gone().sampling)
    assert watcher.awake
    watcher.close()
    del watcher
    gc.collect()
    assert gone() is None
