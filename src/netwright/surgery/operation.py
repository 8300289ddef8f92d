"""``netwright fix``: examine the program, try the remedies that its findings nominate on the program itself, and show the smallest patch that heals.

Nothing of the user's is changed here; :func:`netwright.surgery.files.write` is asked for separately.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from ..diagnosis import Edit
from ..remedies import Patch, Refused, Remedy, Source, Treatment, remedies_of
from ..remedies.standard import standard
from ..report.build import order
from ..report.model import CANNOT_TELL, HEALTHY, Report
from ..report.progress import shown
from ..rerun import Command, Trace
from ..rule import Finding, Severity, every
from ..trial import Cure, search
from ..trial.cure import Set
from ..trial.search import compatible
from . import examined, floor
from .examination import Mended
from .trials import Trials, cut_short

_SETS = 6  # of what is nominated, that are tried besides the proof, as a rule


@dataclass(slots=True)
class Operation:
    """What is known so far of one program.

    ``nominated`` are the patches that remedies make for each finding, or treatments where no edit holds, ``standard`` those that are tried where none of them makes it better, ``refused`` says why others do not hold, ``unmended`` are findings that no edit mends. ``budget_s`` is the time for all re-runs, ``steps`` the length of one (``None``: to
    their own end), ``left`` what an examination finds in the mended program. ``cut_short`` says what the budget kept from being known, and which would do.
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
    cut_short: str = ""
    interrupted: bool = False

    @property
    def tried(self) -> list[Patch | Treatment]:
        """All that is nominated."""
        return [p for options in self.nominated for p in options]


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
    if floor.alone(operation.report.serious) and (patch := floor.unscaled(operation.report)) is not None:
        operation.nominated.append([patch])


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
    nothing_else = floor.alone(serious)
    operation.standard = by_rehearsal(standard(sources, updates=nothing_else), operation.report)
    if nothing_else and (patch := floor.unblurred(operation.report)) is not None:
        operation.standard.insert(0, patch)


def by_rehearsal(remedies: Sequence[Patch | Treatment], report: Report) -> list[Patch | Treatment]:
    """Standard remedies, those that were rehearsed in the order of what came of it: no finding speaks for one of them. The others keep their places.

    What findings nominate stays as it is: their order was right more often than that of rehearsals.
    """
    gains = {r.remedy: r.gain for r in report.rehearsed if r.measure and not r.codes}
    ranked = iter(sorted((p for p in remedies if p.remedy in gains), key=lambda p: -gains[p.remedy]))
    return [next(ranked) if p.remedy in gains else p for p in remedies]


def operate(
    command: Command,
    report: Report,
    *,
    budget: float,
    seeds: int = 5,
    examined_s: float | None = None,
    sick: bool = True,
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
        sick: whether something is wrong with it for certain. Where that is only to be seen, nothing is tried but what the findings nominate.
        stream: where the progress is drawn.
        quiet: draw none.

    Returns:
        What is known, also where it was interrupted (Ctrl-C).
    """
    operation = Operation(command=command, report=report, budget_s=budget)
    nominate(operation)
    if sick:
        add_standard(operation)
    if not operation.nominated and not operation.standard:
        return operation
    with shown("trials", stream or sys.stderr, quiet=quiet) as progress:
        try:
            _search(operation, seeds=seeds, progress=progress)
        except KeyboardInterrupt:
            operation.interrupted = True
    if operation.cure is not None and examined_s is not None:
        examined.keep(command, report, operation.cure.files, budget=examined_s)
    return operation


def _search(operation: Operation, *, seeds: int, progress: Callable[[float], None]) -> None:
    trials = Trials(
        operation.command,
        together=compatible([o[0] for o in operation.nominated])[0],
        sets=min(_SETS, 1 + sum(map(len, operation.nominated))) + len(operation.standard),
        budget=operation.budget_s,
        seeds=seeds,
        progress=progress,
    )
    operation.steps = trials.steps
    by_floor = floor.alone(operation.report.serious)
    mended = Mended(operation.command)

    def run(wanted: Sequence[tuple[Set, int]]) -> Sequence[Trace]:
        trials.beside = int(mended.under_way)  # it gets a core of its own
        return trials.run(wanted)

    def healthy(patches: Set) -> bool:
        if by_floor:
            return False  # an examination does not see what it is worse in
        with trials.aside():
            return mended.healthy(patches)

    def enough(cure: Cure) -> bool:
        return not by_floor or not floor.short(operation.report, cure)

    def chosen(patches: Set) -> None:
        if trials.at_once > 1:
            mended.begin(patches)

    try:
        operation.cure = search(
            operation.nominated,
            run,
            seeds=seeds,
            standard=operation.standard,
            healthy=healthy,
            chosen=chosen,
            rung=trials.rung,
            at_once=trials.at_once,
            enough=enough,
            over=lambda: trials.over,
        )
        if not enough(operation.cure):
            operation.cure = replace(operation.cure, short=True)
        operation.cut_short = cut_short(trials, operation.cure, operation.tried)
        if operation.cure.patches:
            operation.left = mended.left(operation.cure.patches, operation.cure.files)
    finally:
        mended.stop()
