"""The child of a re-run: ``python -m netwright.rerun CHANNEL``. The channel is a folder with ``plan.json`` and ``command.json``; ``trace.json`` is written there."""

import atexit
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .. import launch
from .place import Guard, Place
from .plan import Plan
from .trace import CRASHED, FINISHED, KILLED, SECONDS, STEPS, Trace

if TYPE_CHECKING:
    from .watch import Watch


class Child:
    """One re-run in this process."""

    def __init__(self, channel: Path) -> None:
        self.began = time.monotonic()
        self.channel = channel
        self.plan = Plan.from_json((channel / "plan.json").read_text("utf-8"))
        told = json.loads((channel / "command.json").read_text("utf-8"))
        self.target, self.is_module = str(told["target"]), bool(told["is_module"])
        self.argv = tuple(str(a) for a in told["argv"])
        self.place = Place(Path(told["base"]), Path(told["real"]))
        self.guard = Guard(self.place)
        self.watch: Watch | None = None

    def run(self) -> int:
        """Run the program to its end, and write what came of it."""
        die_with_parent(os.getppid())
        finders = [launch.AfterImport("torch", self._torch), launch.AfterImport("numpy", self._numpy)]
        sys.meta_path[:0] = [f for f in finders if f.name not in sys.modules]
        self._random()
        self.guard.start()
        if "torch" in sys.modules:  # forked from a process that had it
            self._torch()
        ending = launch.run(self.target, self.argv, is_module=self.is_module)
        return self._end(ending)

    def _random(self) -> None:
        """Programs that use only ``random`` before torch is there."""
        if self.plan.seed is not None:
            import random

            random.seed(self.plan.seed)

    def _torch(self) -> None:
        from .watch import Watch

        self.watch = Watch(
            self.plan,
            began=self.began,
            real=self.place.real_path,
            flush=lambda: self._write(ended=KILLED),
            ends=self._give_up,
        )
        import torch

        for owner in (torch, torch.jit):
            self.watch.patches.wrap(owner, "save", self.guard.saving)
        self.watch.start()

    def _numpy(self) -> None:
        if self.watch is not None:
            self.watch.seeds.numpy()
        elif self.plan.seed is not None:
            sys.modules["numpy"].random.seed(self.plan.seed % (1 << 32))  # type: ignore[attr-defined]  # pyright: ignore

    def _give_up(self) -> None:
        """The program swallows every attempt to end it."""
        self._end(launch.Ending(stopped=True))
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(0)

    def _end(self, ending: launch.Ending) -> int:
        over = self.watch.over if self.watch is not None else None
        reached = (
            self.watch is not None and self.plan.steps is not None and self.watch.steps() >= self.plan.steps
        )
        error = f"{type(ending.error).__name__}: {ending.error}" if ending.error is not None else None
        if self.guard.refused is not None:
            error = f"it writes to {self.guard.refused} by its full path, which a re-run must not do"
        if ending.stopped or (over is not None and ending.code == 0):
            ended = SECONDS if over == "seconds" else STEPS
        elif reached:
            ended = STEPS  # what it does after its epoch was cut short is not its own doing any more
        else:
            ended = FINISHED if ending.code == 0 and self.guard.refused is None else CRASHED
        self._write(ended=ended, last=True, code=ending.code, error=error if ended == CRASHED else None)
        return ending.code

    def _write(self, *, ended: str, last: bool = False, code: int = 0, error: str | None = None) -> None:
        known: dict[str, Any] = self.watch.result(last=last) if self.watch is not None else {}
        use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        trace = Trace(
            ended=ended,
            code=code,
            error=error,
            wall_s=time.monotonic() - self.began,
            cpu_s=sum(u.ru_utime + u.ru_stime for u in use),
            files=self._files() if last else {},
            **known,
        )
        fresh = self.channel / "trace.json.new"
        fresh.write_text(trace.to_json(), encoding="utf-8")
        fresh.replace(self.channel / "trace.json")

    def _files(self) -> dict[str, str]:
        """The files of the program's folder that it read or imported, each with what tells a change of it."""
        from .cache import state_of

        own = str(self.place.real) + os.sep
        modules = [str(getattr(m, "__file__", None) or "") for m in list(sys.modules.values())]
        paths = {self.place.real_path(str(Path(m).absolute())) for m in modules if m} | self.guard.read
        return {p: s for p in sorted(paths) if p.startswith(own) and (s := state_of(p)) is not None}


def die_with_parent(parent: int) -> None:
    """Where the system can do it (Linux): a child whose parent is killed ends as well."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def leave(code: int) -> NoReturn:
    """End a re-run as the interpreter would, up to the point where it takes everything apart that was imported: that takes longer than many a training, and nobody sees it."""
    for end in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]  # pyright: ignore
        with contextlib.suppress(Exception):
            end()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(Child(Path(sys.argv[1])).run())
