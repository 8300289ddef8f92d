"""``netwright fix``: examine the program, try the remedies that its findings nominate on the program itself, and show the smallest patch that heals.

Nothing of the user's is changed here; :func:`netwright.surgery.files.write` is asked for separately.
"""

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from ..diagnosis import Edit
from ..remedies import Patch, Refused, Remedy, Source, Treatment, interventions, merged, remedies_of
from ..remedies.standard import standard
from ..report.build import order
from ..report.json import from_json
from ..report.model import CANNOT_TELL, HEALTHY, Report
from ..report.progress import shown
from ..rerun import Command, Plan, Trace
from ..rerun.place import Place
from ..rerun.pool import rerun, workers
from ..rule import Finding, Severity, every
from ..trial import Cure, search
from . import examined
from .files import CannotFix

_CHECK_S = 600.0
_LAST_WORDS_S = 30.0  # for the report of a run that is interrupted
_AGAIN_S = 20.0  # for the experiments of the examination of the mended program
_SETS = 6  # sets of remedies that are tried besides the proof, as a rule


@dataclass(slots=True)
class Operation:
    """What is known so far of one program.

    ``nominated`` are the patches that remedies make for each finding, or treatments where no edit holds, ``standard`` those that are tried where none of them makes it better, ``refused`` says why others do not hold, ``unmended`` are findings that no edit mends. ``budget_s`` is the time for all re-runs, ``steps`` the length of one (``None``: to
    their own end), ``left`` what an examination finds in the mended program.
    """

    command: Command
    report: Report
    nominated: list[list[Patch | Treatment]] = field(default_factory=list[list[Patch | Treatment]])
    standard: list[Patch | Treatment] = field(default_factory=list[Patch | Treatment])
    refused: list[Edit] = field(default_factory=list[Edit])
    unmended: list[Finding] = field(default_factory=list[Finding])
    budget_s: float = 0.0
    steps: int | None = None
    cure: Cure | None = None
    left: tuple[Finding, ...] | None = None
    interrupted: bool = False


def examine(command: Command, *, budget: float) -> Report:
    """What ``netwright check`` says of the program, in a process of its own; or what it said before, where nothing has changed since.

    Raises:
        CannotFix: it gave no report.
    """
    return examined.recall(command, budget=budget) or _examine(command, budget)


def watch(command: Command, *, seconds: float) -> Report | None:
    """What ``netwright run`` says of the whole program, or of as much of it as ends in time; ``None`` where it says nothing.

    Some faults lie behind the first steps: a loss that turns, units that die, weights that are overwritten after the training. It runs in a copy of the folder, as all re-runs do.
    """
    place = Place.make(command.folder)
    try:
        return _report(_within(command, place), "run", [], seconds, stopped=True, base=str(place.base))
    except (CannotFix, subprocess.TimeoutExpired, OSError, ValueError):
        return None
    finally:
        place.remove()


def _within(command: Command, place: Place) -> Command:
    """The same program in a copy of its folder."""
    target = command.target
    if not command.is_module and Path(target).is_absolute():
        target = str(place.base) + target
    return replace(command, target=target, folder=place.folder)


def _examine(command: Command, budget: float) -> Report:
    return _report(command, "check", ["--budget", f"{budget:g}"], _CHECK_S)


def _report(
    command: Command,
    name: str,
    options: Sequence[str],
    seconds: float,
    *,
    stopped: bool = False,
    base: str = "",
) -> Report:
    """The report of ``netwright check`` or ``run`` on a program.

    Args:
        command: the program.
        name: of the command.
        options: for it.
        seconds: how long it may take.
        stopped: it is interrupted then, as by Ctrl-C, and says what it knows.
        base: of the copy that it works in, which is taken off all paths.

    Raises:
        CannotFix: it gave no report.
        subprocess.TimeoutExpired: it took longer.
    """
    with tempfile.TemporaryDirectory(prefix="netwright-fix-") as folder:
        path = Path(folder) / "report.json"
        module = ["-m"] if command.is_module else []
        arguments = ["--quiet", "--no-report", *options, "--json", str(path), *module]
        child = subprocess.Popen(
            [sys.executable, "-m", "netwright", name, *arguments, command.target, *command.argv],
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _, said = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            if not stopped:
                raise
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=_LAST_WORDS_S)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if not path.exists():
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
            raise CannotFix(f"the program could not be examined (exit code {child.returncode}: {last[0]})")
        text = path.read_text("utf-8")
        return from_json(text.replace(base, "") if base else text)


def nominate(operation: Operation) -> None:
    """Ask the remedies of every error and warning whether they hold."""
    # In the order of the rules, whatever earlier trials have proven: the same search gives the same trials.
    for top in sorted(operation.report.serious, key=order):
        for finding in every(top):
            if finding.severity is Severity.INFO:
                continue
            options: list[Patch | Treatment] = []
            refused: dict[str, str] = {}
            for remedy in remedies_of(finding):
                try:
                    options.append(remedy.apply(finding))
                except Refused as why:
                    refused[remedy.name] = str(why)
            if not options:
                options = _treatments(finding, refused)
            held = {o.remedy for o in options}
            operation.refused += [
                _refused(remedy, finding, refused[remedy.name])
                for remedy in remedies_of(finding)
                if remedy.name in refused and remedy.name not in held
            ]
            if options:
                operation.nominated.append(options)
            if finding is top and not any(isinstance(o, Patch) for o in options):
                operation.unmended.append(finding)


def _refused(remedy: Remedy, finding: Finding, why: str) -> Edit:
    return Edit(name=remedy.name, title=remedy.title, codes=(finding.code,), where=finding.where, why=why)


def _treatments(finding: Finding, refused: Mapping[str, str]) -> list[Patch | Treatment]:
    """What can be tried without an edit, where none holds: the source is not understood, and the program may be all the same."""
    found: list[Patch | Treatment] = []
    for remedy in remedies_of(finding):
        with contextlib.suppress(Refused):
            found.append(remedy.treat(finding, why=refused.get(remedy.name, "")))
    return found


def add_standard(operation: Operation) -> None:
    """Ask for what helps many sick programs. A healthy program gets none, nor one that crashes: no rate mends that."""
    serious = operation.report.serious
    if operation.report.verdict in (HEALTHY, CANNOT_TELL) or not serious:
        return
    findings = [f for top in serious for f in every(top)]
    if any(f.code.startswith("NW9") and f.severity is Severity.ERROR for f in findings):
        return
    files = {Path(w.file).resolve() for f in findings for w in (f.where, *f.also) if w.file is not None}
    if not operation.command.is_module:
        files.add((operation.command.folder / operation.command.target).resolve())
    sources: list[Source] = []
    for path in sorted(files):
        try:
            sources.append(Source(path))
        except Refused:
            continue
    operation.standard = standard(sources)


def operate(
    command: Command,
    report: Report,
    *,
    budget: float,
    seeds: int = 5,
    examined_s: float | None = None,
    stream: TextIO | None = None,
    quiet: bool = False,
) -> Operation:
    """Try what the findings nominate.

    Args:
        command: the program.
        report: what was found in it.
        budget: seconds for all re-runs together.
        seeds: matched pairs of re-runs that prove the set that is found.
        examined_s: the budget of the examination that made the report, where a later one of the same program may take its place.
        stream: where the progress is drawn.
        quiet: draw none.

    Returns:
        What is known, also where it was interrupted (Ctrl-C).
    """
    operation = Operation(command=command, report=report, budget_s=budget)
    nominate(operation)
    add_standard(operation)
    if not operation.nominated and not operation.standard:
        return operation
    with shown("trials", stream or sys.stderr, quiet=quiet) as progress:
        try:
            trials = _Trials(command, operation, budget, seeds, progress)
            operation.steps = trials.steps
            operation.cure = search(operation.nominated, trials.run, seeds=seeds, standard=operation.standard)
            files = operation.cure.files
            if examined_s is not None:
                examined.keep(command, report, files, budget=examined_s)
            if operation.cure.patches:
                operation.left = _left(operation, files)
        except KeyboardInterrupt:
            operation.interrupted = True
    return operation


class _Trials:
    """Re-runs for the search: every one with the same number of steps, within the budget."""

    def __init__(
        self, command: Command, operation: Operation, budget: float, seeds: int, progress: object
    ) -> None:
        self.command = command
        self.until = time.monotonic() + budget
        self.progress = progress
        self.at_once = workers(None)
        cores = os.cpu_count() or 1
        own = "OMP_NUM_THREADS" in command.environment
        self.threads = max(1, cores // self.at_once) if self.at_once > 1 and not own else None
        self.done = 0
        nominated = sum(len(o) for o in operation.nominated)
        self.wanted = 1 + min(_SETS, 1 + nominated) + len(operation.standard) + 2 * seeds
        rounds = math.ceil(self.wanted / self.at_once) + 1
        self.each = budget / rounds
        self.steps: int | None = None
        self.steps = self._length(operation)

    def _length(self, operation: Operation) -> int | None:
        """How many steps every re-run makes, so that all fit: seen on the program as it is, or, where that crashes, on the mended one."""
        from ..trial.search import compatible

        together, _ = compatible([o[0] for o in operation.nominated])
        for patches in ((), together):
            (scout,) = rerun(self.command, [self._plan(patches, 0)], seconds=self.each)
            self._told()
            if scout.whole:
                return None
            if scout.ended in ("seconds", "killed") and scout.steps:
                share = max(
                    0.1, (self.each * 0.8 - scout.before_s) / max(scout.wall_s - scout.before_s, 1e-3)
                )
                return max(1, int(scout.steps * min(share, 0.8)))
        return None

    def _plan(self, patches: Sequence[Patch | Treatment], seed: int) -> Plan:
        overlay = {os.path.realpath(p): text for p, text in merged(patches).items()}
        return Plan(
            seed=seed,
            steps=self.steps,
            threads=self.threads,
            overlay=overlay,
            interventions=interventions(patches),
        )

    def _told(self) -> None:
        self.done += 1
        if callable(self.progress):
            self.progress(min(0.99, self.done / self.wanted))

    def run(self, wanted: Sequence[tuple[tuple[Patch | Treatment, ...], int]]) -> list[Trace]:
        """One re-run for each set of remedies and seed."""
        plans = [self._plan(patches, seed) for patches, seed in wanted]
        left = max(1.0, self.until - time.monotonic())
        before = self.done
        traces = rerun(
            self.command,
            plans,
            at_once=self.at_once,
            seconds=left,
            progress=lambda share: self._at(before + share * len(plans)),
        )
        self.done = before + len(plans)
        return traces

    def _at(self, done: float) -> None:
        if callable(self.progress):
            self.progress(min(0.99, done / self.wanted))


def _left(operation: Operation, files: Mapping[str, str]) -> tuple[Finding, ...] | None:
    """What an examination still finds in the mended program; ``None`` where it could not be examined: there is none without a patch for all of it."""
    assert operation.cure is not None
    if any(isinstance(p, Treatment) for p in operation.cure.patches):
        return None
    command = operation.command
    changed = merged(operation.cure.patches)
    known = examined.recall(command, budget=_AGAIN_S, changed=changed)
    if known is not None:
        return known.serious
    place = Place.make(command.folder)
    try:
        for path, text in changed.items():
            place.put(str(path), text)
        report = _examine(_within(command, place), _AGAIN_S)
    except (CannotFix, subprocess.TimeoutExpired, OSError, ValueError):
        return None
    finally:
        place.remove()
    examined.keep(command, report, files, budget=_AGAIN_S, changed=changed)
    return report.serious
