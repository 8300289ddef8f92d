"""``netwright check`` of a program, and ``run`` where that shows nothing, in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..options import REHEARSE_S, SERIOUS
from ..remedies import Treatment, merged
from ..report.json import from_json
from ..report.model import HEALTHY, Report
from ..rerun import Command, folders
from ..rerun.place import Place
from ..rerun.pool import examination
from ..rule import Finding
from ..trial.cure import Set
from . import examined
from .files import CannotFix

_CHECK_S = 600.0
_POLL_S = 0.05
_EVERY = 8  # steps between two samples of a run that is ours alone: none of the 60 healthy recipes of FaultBench is spoken of when they are watched so (docs/faultbench-watching.md)
_LAST_WORDS_S = 30.0  # for the report of a run that is interrupted
_AGAIN_S = 20.0  # for the experiments of the examination of the mended program


class Examination:
    """One that is under way: ``netwright check`` of a program, or ``run``.

    Args:
        command: the program.
        budget: seconds for experiments (``None``: the program runs to its end, and there are none).
        seconds: how long it may take.
        base: of the copy of the folder that it works in, which is taken off all paths.
        rehearse: whether the remedies of what is found are rehearsed.
    """

    def __init__(
        self,
        command: Command,
        budget: float | None,
        *,
        seconds: float = _CHECK_S,
        base: str = "",
        rehearse: bool = False,
    ) -> None:
        self._until = time.monotonic() + seconds
        self._seconds, self._base, self._whole = seconds, base, budget is None
        self._folder = folders.make("fix")
        self._report = self._folder / "report.json"
        self._said = self._folder / "output"
        # The usual share of the run time leaves a quick program without a single sample.
        begin = (
            ["run", "--watch-every", f"{_EVERY}"]
            if budget is None
            else ["check", "--only", SERIOUS, "--budget", f"{budget:g}"]
        )
        module = ["-m"] if command.is_module else []
        options = ["--quiet", "--no-report", "--json", str(self._report), *module]
        options += ["--rehearse", f"{REHEARSE_S:g}"] if rehearse else []
        arguments = [*begin, *options, command.target, *command.argv]
        forked = None if self._whole else examination(command, arguments, self._folder)
        self._process = forked or self._anew(command, arguments)

    def _anew(self, command: Command, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self._said.open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "netwright", *arguments],
                cwd=command.folder,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )

    def result(self) -> Report:
        """The report, when it is there.

        Raises:
            CannotFix: there is none.
        """
        try:
            while (code := self._process.poll()) is None:
                if time.monotonic() > self._until:
                    if not self._whole:
                        raise CannotFix(f"the program could not be examined within {self._seconds:g} s")
                    self._whole, self._until = False, time.monotonic() + _LAST_WORDS_S
                    os.kill(self._process.pid, signal.SIGINT)  # as Ctrl-C: it says what it knows
                time.sleep(_POLL_S)
            if not self._report.exists():
                said = self._said.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
                raise CannotFix(f"the program could not be examined (exit code {code}: {said[0]})")
            text = self._report.read_text("utf-8")
            return from_json(text.replace(self._base, "") if self._base else text)
        finally:
            self.stop()

    @property
    def under_way(self) -> bool:
        """Whether it still takes time."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, where it is not over."""
        if self.under_way:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        folders.remove(self._folder)


def examine(command: Command, *, budget: float) -> Report:
    """What ``netwright check`` says of the program, in a process of its own; or what it said before, where nothing has changed since.

    Raises:
        CannotFix: it gave no report.
    """
    return examined.recall(command, budget=budget) or Examination(command, budget, rehearse=True).result()


def watch(command: Command, *, seconds: float) -> Report | None:
    """What ``netwright run`` says of the whole program, or of as much of it as ends in time; ``None`` where it says nothing.

    Some faults lie behind the first steps: a loss that turns, units that die, weights that are overwritten after the training. It runs in a copy of the folder, as all re-runs do.
    """
    place = Place.make(command.folder)
    try:
        inside = _within(command, place)
        return Examination(inside, None, seconds=seconds, base=str(place.base), rehearse=True).result()
    except (CannotFix, OSError, ValueError):
        return None
    finally:
        place.remove()


def _within(command: Command, place: Place) -> Command:
    """The same program in a copy of its folder."""
    target = command.target
    if not command.is_module and Path(target).is_absolute():
        target = str(place.base) + target
    return replace(command, target=target, folder=place.folder)


class Mended:
    """Examinations of a program with sets of remedies, each made once. There is none with a treatment among them: without a patch there is no mended program."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._reports: dict[Set, Report | None] = {}
        self._begun: tuple[Set, Place, Examination] | None = None

    def healthy(self, patches: Set) -> bool:
        """Whether nothing is found in it any more; it is waited for."""
        report = self._report(patches)
        return report is not None and report.verdict == HEALTHY

    def left(self, patches: Set, files: Mapping[str, str]) -> tuple[Finding, ...] | None:
        """What is still found in it; ``None`` where it could not be examined. ``files`` are those that the program read: with them the result is kept for later."""
        report = self._report(patches)
        if report is None:
            return None
        examined.keep(self.command, report, files, budget=_AGAIN_S, changed=merged(patches))
        return report.serious

    def begin(self, patches: Set) -> None:
        """Start the examination, so that other things can be done beside it. That of another set is given up."""
        if self._begun is not None and self._begun[0] != patches:
            self.stop()
        if (
            patches in self._reports
            or self._begun is not None
            or any(isinstance(p, Treatment) for p in patches)
        ):
            return
        changed, command = merged(patches), self.command
        known = examined.recall(command, budget=_AGAIN_S, changed=changed)
        if known is not None:
            self._reports[patches] = known
            return
        place = Place.make(command.folder)
        try:
            for path, text in changed.items():
                place.put(str(path), text)
            self._begun = patches, place, Examination(_within(command, place), _AGAIN_S)
        except (OSError, ValueError):
            place.remove()

    @property
    def under_way(self) -> bool:
        """Whether an examination takes time at this moment."""
        return self._begun is not None and self._begun[2].under_way

    def stop(self) -> None:
        """End what is under way."""
        if self._begun is not None:
            _, place, examination = self._begun
            self._begun = None
            examination.stop()
            place.remove()

    def _report(self, patches: Set) -> Report | None:
        self.begin(patches)
        if self._begun is not None and self._begun[0] == patches:
            with contextlib.suppress(CannotFix, OSError, ValueError):
                self._reports[patches] = self._begun[2].result()
            self.stop()
        return self._reports.setdefault(patches, None)
