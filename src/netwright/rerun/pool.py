"""Starts re-runs in processes of their own, a few at a time, and sees to it that each comes to an end."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ..capture import machine
from . import folders
from .cache import Cache
from .nursery import Forked, nursery
from .place import Place
from .plan import Command, Plan
from .trace import CRASHED, KILLED, Trace

_GRACE_S = 5.0  # between the child's own end by the clock and the one from outside
EARLIER_S = 1.0  # before the time is over a re-run ends by its own clock
_POLL_S = 0.02
_LINES = 20
_LEAST = 400 << 20  # bytes of a re-run: a small one takes about 350 MiB, most of it for torch


def workers(most: int | None = None) -> int:
    """How many re-runs fit beside each other: one for each core, as memory allows (each is taken to need what this process, or the largest that it has started, has needed), one on an accelerator."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    own, started = (
        resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    fitting = int(0.8 * machine.shared_memory() / max(own, started, _LEAST))
    return max(1, min(cores, fitting, most or cores))


@dataclass(slots=True)
class _Running:
    index: int
    plan: Plan
    process: "subprocess.Popen[bytes] | Forked"
    channel: Path
    place: Place
    log: IO[bytes]
    began: float
    deadline: float | None

    def kill(self) -> None:
        """End it and whatever it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def clean(self) -> None:
        self.log.close()
        self.place.remove()
        folders.remove(self.channel)


def rerun(
    command: Command,
    plans: Sequence[Plan],
    *,
    at_once: int | None = None,
    seconds: float | None = None,
    cache: bool = True,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Trace]:
    """Run the program once for each plan.

    Args:
        command: how the program was started.
        plans: what to change each time.
        at_once: how many at a time (``None``: as many as fit).
        seconds: time for all of them; what runs then is ended, what has not begun is not started.
        cache: whether results of earlier calls are taken, and these are kept.
        progress: called with the share that is done.

    Returns:
        One trace for each plan, in order. A program that fails is a result like any other.
    """
    store = Cache(command) if cache else None
    found: dict[int, Trace] = {}
    for index, plan in enumerate(plans):
        if store is not None and (known := store.get(plan)) is not None:
            found[index] = known
    waiting = [i for i in range(len(plans)) if i not in found]
    running: list[_Running] = []
    most = at_once or workers()
    until = time.monotonic() + seconds if seconds is not None else None
    try:
        while waiting or running:
            late = until is not None and time.monotonic() >= until
            while waiting and len(running) < most and not late:
                index = waiting.pop(0)
                running.append(_start(command, plans[index], index, until))
            if late:
                found.update({i: Trace(ended=KILLED) for i in waiting})
                waiting.clear()
            for child in list(running):
                if _over(child):
                    running.remove(child)
                    found[child.index] = trace = _finish(child)
                    if store is not None:
                        store.put(child.plan, trace)
                    progress(len(found) / len(plans))
            if running:
                time.sleep(_POLL_S)
    finally:
        for child in running:
            child.kill()
            child.clean()
    return [found[i] for i in range(len(plans))]


def _over(child: _Running) -> bool:
    return child.process.poll() is not None or (
        child.deadline is not None and time.monotonic() > child.deadline
    )


def _start(command: Command, plan: Plan, index: int, until: float | None) -> _Running:
    channel = folders.make("channel")
    place = Place.make(command.folder)
    for path, text in plan.overlay.items():
        place.put(path, text)
    target = command.target
    if not command.is_module and os.path.isabs(target):  # noqa: PTH117
        target = str(place.base) + target
    now = time.monotonic()
    own = now + plan.seconds + _GRACE_S if plan.seconds is not None else None
    deadline = min((t for t in (own, until) if t is not None), default=None)
    if until is not None and (plan.seconds is None or now + plan.seconds > until - EARLIER_S):
        # By its own clock it ends in order, with everything it has seen; from outside only what it has written down is there.
        plan_sent = replace(plan, seconds=max(0.5, until - now - EARLIER_S))
    else:
        plan_sent = plan
    (channel / "plan.json").write_text(plan_sent.to_json(), "utf-8")
    told = {
        "target": target,
        "argv": command.argv,
        "is_module": command.is_module,
        "base": str(place.base),
        "real": str(place.real),
    }
    (channel / "command.json").write_text(json.dumps(told), "utf-8")
    log = (channel / "output").open("wb")
    process = _process(command, plan, place, channel, log)
    began = time.monotonic()  # what it is forked from may have had to be started first
    return _Running(index, plan, process, channel, place, log, began, deadline)


def _process(
    command: Command, plan: Plan, place: Place, channel: Path, log: IO[bytes]
) -> "subprocess.Popen[bytes] | Forked":
    """Forked from a process that has done the imports, where that makes no difference; else started anew."""
    ready = nursery(command, plan, _environment(command, replace(plan, threads=None), place.folder))
    forked = ready.fork(channel, place.folder) if ready is not None else None
    return forked or subprocess.Popen(
        [sys.executable, "-m", "netwright.rerun", str(channel)],
        cwd=place.folder,
        env=_environment(command, plan, place.folder),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def examination(command: Command, arguments: Sequence[str], channel: Path) -> Forked | None:
    """``netwright`` with these arguments in the program's folder, forked from the process that re-runs are forked from; ``None`` where that cannot be. What it says on its standard error lies in ``output`` in the channel."""
    plan = Plan(seed=0)
    ready = nursery(command, plan, _environment(command, plan, command.folder))
    return ready.fork(channel, command.folder, arguments) if ready is not None else None


def _environment(command: Command, plan: Plan, folder: Path) -> dict[str, str]:
    """The program's own environment; the order of sets of strings is the same in all re-runs with a seed."""
    env = dict(command.environment)
    env["PWD"] = str(folder)
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    if plan.seed is not None and plan.same_hashes:
        env.setdefault("PYTHONHASHSEED", "0")
    if plan.threads is not None:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            env[name] = str(plan.threads)
    ours = str(Path(__file__).parents[2])
    given = env.get("PYTHONPATH", "")
    if Path(ours).name not in ("site-packages", "dist-packages") and ours not in given.split(os.pathsep):
        env["PYTHONPATH"] = os.pathsep.join(p for p in (given, ours) if p)
    return env


def _finish(child: _Running) -> Trace:
    """What came of a child that has ended, or is to end now."""
    in_time = child.process.poll() is not None
    child.kill()
    tail = _tail(child.channel / "output")
    code = child.process.wait()
    wall = time.monotonic() - child.began
    try:
        trace = Trace.from_json((child.channel / "trace.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        trace = Trace(ended=CRASHED if in_time else KILLED, code=code)
    if trace.ended == KILLED and in_time:  # it wrote down what it had, and then died of something
        trace = replace(trace, ended=CRASHED, code=code)
    child.clean()
    return replace(trace, tail=tail, wall_s=wall)


def _tail(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(line.rstrip() for line in lines if line.strip())[-_LINES:]
