"""Where re-runs are forked from: a process that has imported torch, and of numpy, scipy, pandas and scikit-learn what the program imports. A short program spends more time on importing these than on training.

As a program (``python -m netwright.rerun.nursery MODULE...``) it is that process: an order is a line of JSON on its standard input, the answer the number of the process that was forked. Only on Linux, for re-runs
with a seed, without an accelerator, and for programs that do not touch the environment (which torch reads when it is imported); all others are started anew. Its environment sets no number of threads: a re-run sets that itself.

An examination of the program (``netwright check``) can be forked from it as well: its order bears the arguments of that command.
"""

import atexit
import contextlib
import gc
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from .plan import Command, Plan

_KNOWN = ("torch", "numpy", "scipy", "pandas", "sklearn")
_IMPORTED = re.compile(rf"^[ \t]*(?:import|from)[ \t]+((?:{'|'.join(_KNOWN)})(?:\.\w+)*)\b", re.MULTILINE)
_EARLY = re.compile(r"\benviron\b|\bputenv\b")
_TOOLS = (
    "doctor",
    "measuring",
    "trying",
    "capture.session",
    "capture.gathering",
    "experiments.catalogue",
    "rehearsal",
    "report.json",
)
_LATER = ("torch._dynamo",)  # torch imports it when the first optimizer is made: more than a second
_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
_MOST_FILES = 200
_READY_S, _ANSWER_S = 60.0, 30.0


class Forked:
    """A re-run that was forked, with what of :class:`subprocess.Popen` is needed of it."""

    def __init__(self, nursery: "Nursery", pid: int, channel: Path) -> None:
        self.nursery, self.pid, self.channel = nursery, pid, channel
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; ``None`` while it runs."""
        if self.returncode is None:
            lost = not self.nursery.lives()
            with contextlib.suppress(OSError, ValueError):
                self.returncode = int((self.channel / "ended").read_text())
            if lost and self.returncode is None:
                self.returncode = -signal.SIGKILL  # it dies with the process that it was forked from
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        while (code := self.poll()) is None:
            time.sleep(0.005)
        return code


class Nursery:
    """The process, as the one that gives it orders sees it.

    Args:
        environment: of the program; torch and Python read it when they start.
        modules: what to import beside torch.
    """

    def __init__(self, environment: Mapping[str, str], modules: tuple[str, ...]) -> None:
        self.key = (dict(environment), modules)
        self.running: list[Forked] = []
        self._answers = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netwright.rerun.nursery", *modules],
            cwd=os.sep,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def lives(self) -> bool:
        """Whether it can be given orders."""
        return self.process.poll() is None

    def fork(self, channel: Path, folder: Path, argv: Sequence[str] = ()) -> Forked | None:
        """A re-run whose plan lies in a channel, or the command of netwright's with these arguments, with its output there too; ``None`` where it could not be had."""
        order = json.dumps({"channel": str(channel), "folder": str(folder), "argv": list(argv)}) + "\n"
        try:
            assert self.process.stdin is not None
            os.write(self.process.stdin.fileno(), order.encode())
        except OSError:
            return None
        answer = self.answer(_ANSWER_S)
        if answer is None:
            self.close()  # it might still begin it
            return None
        child = Forked(self, int(answer), channel)
        self.running = [c for c in self.running if c.poll() is None] + [child]
        return child

    def answer(self, seconds: float) -> bytes | None:
        """The next line that it says; ``None`` where it says none in time."""
        assert self.process.stdout is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._answers:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not more:
                return None
            self._answers += more
        line, _, self._answers = self._answers.partition(b"\n")
        return line

    def close(self) -> None:
        """End it, and every re-run that it has."""
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


_OPEN: list[Nursery] = []
_NONE: list[tuple[dict[str, str], tuple[str, ...]]] = []  # keys of those that said that it cannot be done


def nursery(command: Command, plan: Plan, environment: Mapping[str, str]) -> Nursery | None:
    """The process for a re-run, started where there is none yet; ``None`` where the re-run is better started anew."""
    modules = _modules(command) if _fits(plan) else None
    if modules is None:
        return None
    environment = {k: v for k, v in environment.items() if k != "PWD"}
    for known in [n for n in _OPEN if not n.lives()]:
        known.close()
        _OPEN.remove(known)
    if (environment, modules) in _NONE:
        return None
    for known in _OPEN:
        if known.key == (environment, modules):
            return known
    for idle in [n for n in _OPEN if all(c.poll() is not None for c in n.running)]:
        idle.close()
        _OPEN.remove(idle)
    fresh = Nursery(environment, modules)
    if fresh.answer(_READY_S) is None:
        fresh.close()
        _NONE.append(fresh.key)
        return None
    _OPEN.append(fresh)
    return fresh


@atexit.register
def close_all() -> None:
    """End those that are open."""
    while _OPEN:
        _OPEN.pop().close()


def _fits(plan: Plan) -> bool:
    """Whether a forked process would be as a new one: without a seed both would draw the same. Torch need not be known here: the process says itself, too, when there is an accelerator."""
    torch = sys.modules.get("torch")
    accelerated = (
        torch.cuda.is_available() if torch is not None else any(os.path.exists(d) for d in _DEVICES)  # noqa: PTH110
    )
    return sys.platform == "linux" and plan.seed is not None and plan.same_hashes and not accelerated


def _modules(command: Command) -> tuple[str, ...] | None:
    """What of the known libraries the files beside the program import; ``None`` where a file sets the environment, or bears the name of a library."""
    files = [p for p in sorted(command.folder.glob("*.py"))[:_MOST_FILES] if p.is_file()]
    if not command.is_module:
        files.append(command.folder / command.target)
    if any((command.folder / name).exists() or (command.folder / f"{name}.py").exists() for name in _KNOWN):
        return None
    found: set[str] = set()
    for path in files:
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError):
            return None
        if _EARLY.search(text):
            return None
        found.update(_IMPORTED.findall(text))
    return tuple(sorted(found))


# -- the process itself -----------------------------------------------------------------------------------------------------------


def main(modules: list[str]) -> int:
    """Import, and fork a re-run for every order until there are no more."""
    for name in ("netwright.rerun.watch", *modules, *_LATER):
        with contextlib.suppress(Exception):  # the program will say itself what it misses
            import_module(name)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return 1  # what is forked could not use it
    from .__main__ import Child, die_with_parent, leave

    # What is there by now stays: looked at by no collection, its memory remains shared by all that are forked.
    gc.collect()
    gc.freeze()
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    os.write(1, b"ready\n")
    channels: dict[int, Path] = {}
    orders = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(channels)
        if 0 not in ready:
            continue
        more = os.read(0, 1 << 16)
        if not more:
            return 0
        orders += more
        while b"\n" in orders:
            line, _, orders = orders.partition(b"\n")
            order = json.loads(line)
            channel, argv = Path(order["channel"]), order["argv"]
            if argv:  # before the fork, so that the next one has it already
                _import_tools()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(woken)
                os.close(wakes)
                _move(channel, order["folder"], quiet=bool(argv))
                if argv:
                    die_with_parent(os.getppid())
                leave(_command(argv) if argv else Child(channel).run())
            channels[pid] = channel
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)  # here as well: it may be ended before it comes to that itself
            os.write(1, f"{pid}\n".encode())


def _reap(channels: dict[int, Path]) -> None:
    """Write down the exit codes of those that have ended."""
    while channels:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel = channels.pop(pid, None)
        if channel is not None:
            with contextlib.suppress(OSError):
                fresh = channel / "ended.new"
                fresh.write_text(str(os.waitstatus_to_exitcode(status)))
                fresh.replace(channel / "ended")


def _import_tools() -> None:
    """What an examination needs of netwright; by name, since all of it stands above re-runs."""
    for name in _TOOLS:
        import_module(f"netwright.{name}")
    gc.freeze()


def _command(argv: Sequence[str]) -> int:
    """``python -m netwright`` with arguments; its exit code."""
    sys.argv = ["netwright", *argv]
    try:
        import_module("netwright.cli").main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _move(channel: Path, folder: str, *, quiet: bool) -> None:
    """Into a process group of its own, with the folder and the streams of a program that was just started. ``quiet``: what goes to the standard output is not kept."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    os.chdir(folder)
    os.environ["PWD"] = folder
    sys.path[0] = folder
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(channel / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for target, source in ((0, nothing), (2, output), (1, output)):
        os.dup2(source, target)
    if quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.close(nothing)
    os.close(output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
