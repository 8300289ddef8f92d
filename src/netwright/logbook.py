"""What of a program under examination goes into its record (:mod:`netwright.runs`): what is known before it starts, after its first steps, and at its end."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .accumulation import accumulation
from .evidence import Events, Graphs, Optimizers, Where
from .evidence.history import Sample
from .inference import read_objective
from .launch import Ending
from .masking import cleared, hider_of_command
from .options import FAILED_ON, RunOptions
from .patient import Patient
from .report.build import counted
from .report.deliver import new_run_dir
from .report.model import Report
from .rule import Finding, Severity, every
from .runs import Record, collect
from .runs.files import FilesRead
from .runs.settings import Arguments, configurations, constants

if TYPE_CHECKING:
    import torch

    from .capture.graphs import GraphCapture
    from .capture.recording import LoaderRecord
    from .capture.session import Session
    from .monitor import Watcher

_MOST_LOADERS = 16
_MOST_INPUTS = 16


class Logbook:
    """Keeps the record of one program. ``record`` is there once the program has loaded torch. ``kind`` is how it is examined: ``run``, ``check`` or ``watch``."""

    def __init__(self, options: RunOptions, *, kind: str) -> None:
        self.options, self.kind = options, kind
        self.arguments = Arguments()
        self.record: Record | None = None
        self._folder = Path.cwd()
        self.files = FilesRead(self._folder)
        self._loaders: dict[int, dict[str, object]] = {}
        self._batch: dict[str, object] = {}
        self._variables = collect.variables(os.environ)
        self._noted = False
        self._places: Mapping[str, Where] = {}

    def open(self) -> Path | None:
        """Begin the record. The folder of the run, or ``None`` where none can be made."""
        options = self.options
        assert options.run_dir is not None
        self.record = Record.create(
            _claimed(options.run_dir),
            {
                "command": collect.command(
                    options.target,
                    options.argv,
                    is_module=options.is_module,
                    kind=self.kind,
                    folder=self._folder,
                )
            },
        )
        return None if self.record.failed else self.record.folder

    def training(self, session: "Session", evidence: Mapping[type, object]) -> None:
        """The first steps are measured."""
        record = self.record
        if record is None or self._noted:
            return
        self._noted = True
        main = sys.modules.get("__main__")
        frame = sys._getframe()
        hide = self._hide()
        optimizers = evidence.get(Optimizers)
        record.meta(
            {
                "arguments": cleared(self.arguments.found(), hide),
                "constants": cleared(constants(main), hide),
                "configurations": cleared(configurations(main, frame, self.arguments.objects()), hide),
                "optimizers": [
                    {"type": o.type, "groups": [_without_parameters(g) for g in o.groups]}
                    for o in (optimizers.optimizers if isinstance(optimizers, Optimizers) else ())
                ],
                "accumulation": _accumulation(evidence),
                "seeds": _seeds(session),
                "data": self._data(session),
            }
        )
        seconds = time.perf_counter() - session.started if session.started is not None else 0.0
        for step, loss in enumerate(session.recording.losses):
            record.add(Sample(step=step, seconds=seconds, values={"loss/0": loss}))
        self._collect(record)

    def samples(self, session: "Session", watcher: "Watcher") -> Callable[[Sample], None] | None:
        """Where the samples of the watch go. It begins after the first steps; in the record the seconds of the run are counted through. What the record's
        thread takes goes to the account of the watch."""
        record = self.record
        if record is None:
            return None
        self._places = watcher.places
        seconds = time.perf_counter() - session.started if session.started is not None else 0.0
        seen = record.spent_s

        def add(sample: Sample) -> None:
            nonlocal seen
            record.add(Sample(step=sample.step, seconds=sample.seconds + seconds, values=sample.values))
            spent = record.spent_s
            watcher.account.spent += spent - seen
            seen = spent

        return add

    def finding(self, finding: Finding, *, step: int | None = None, state: str = "stands") -> None:
        """A finding, or what has become of it."""
        if self.record is not None:
            finding = cleared(finding, self._hide())
            self.record.finding(finding, key=f"{finding.code} {finding.where.at}", step=step, state=state)

    def _hide(self) -> Callable[[str], str]:
        """What takes the secrets of the command line out of a text."""
        return hider_of_command(self.options.argv)

    def _data(self, session: "Session") -> dict[str, object]:
        """Fingerprints of what came into the first step, and of the data sets of the loaders. Loaders that were seen before stay as they were then."""
        from . import fingerprints
        from .capture.sandbox import untouched

        recording = session.recording
        with untouched():
            for number, seen in enumerate(recording.loaders[:_MOST_LOADERS]):
                loader = seen.loader()
                if loader is not None and number not in self._loaders:
                    self._loaders[number] = fingerprints.of_loader(loader)
                if number in self._loaders:
                    self._loaders[number]["role"] = _role(seen)
            if not self._batch and recording.captures:
                self._batch = _first_batch(recording.captures)
        return {**self._batch, "loaders": [self._loaders[n] for n in sorted(self._loaders)]}

    def _collect(self, record: Record) -> None:
        """In the record's own time: the files of the program, those that it has read, packages and the machine."""
        script = None if self.options.is_module else str(self._folder / self.options.target)
        record.later(lambda: collect.code(record, script, self._folder))
        record.later(self.files.found)
        record.later(
            lambda: {
                "environment": collect.environment(self._variables),
                "hardware": collect.hardware(),
            }
        )

    def listen(self) -> None:
        """The program is about to begin: hear of its settings, and of the files that it reads."""
        self.arguments.start()
        self.files.start()

    def listen_no_more(self) -> None:
        """The program is over: what it calls is its own again."""
        self.arguments.stop()
        self.files.stop()

    def close(self, ending: Ending, report: Report | None, session: "Session | None") -> None:
        """The program is over: what was found, and how it ended."""
        record = self.record
        if record is None:
            return
        hide = self._hide()
        self._collect(record)  # modules and files may have come since
        if self._noted and session is not None:
            record.meta({"data": self._data(session)})
        if not self._noted:
            record.meta(
                {
                    "arguments": cleared(self.arguments.found(), hide),
                    "constants": cleared(constants(sys.modules.get("__main__")), hide),
                }
            )
        for finding in (f for top in (report.findings if report else ()) for f in every(top)):
            self.finding(finding)
        record.meta(
            {
                "exit_code": ending.code,
                "error": ""
                if ending.error is None
                else hide(f"{type(ending.error).__name__}: {ending.error}"),
                "verdict": report.verdict if report else "",
                "places": {name: where.at for name, where in self._places.items()},
                "found": {s.value: counted(report.findings, s) for s in Severity} if report else {},
            }
        )
        record.end(_status(ending))
        record.close()


_commands: list["Logbook"] = []  # what `netwright run` or `check` records in this process


def kept_by_command() -> Path | None:
    """The folder of the record that `netwright run` or `check` keeps of this process, where there is one."""
    open_ones = [book.record for book in _commands if book.record is not None]
    return next((r.folder for r in open_ones if r.failed is None and r.is_here), None)


def prepare(patient: Patient, *, kind: str) -> None:
    """Before the program begins, where it is to be recorded: from now on its settings are heard of. ``kind``: as for :class:`Logbook`."""
    if patient.options.run_dir is not None and patient.options.record:
        patient.logbook = Logbook(patient.options, kind=kind)
        patient.logbook.listen()


def begin(patient: Patient) -> None:
    """torch is there: this run is recorded from now on."""
    if patient.logbook is None:
        return
    try:
        patient.options = replace(patient.options, run_dir=patient.logbook.open())
        if patient.logbook.kind != "watch":
            _commands.append(patient.logbook)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        patient.logbook = None


def note_training(patient: Patient) -> None:
    """The first steps are measured: what is known of the training goes into the record."""
    if patient.logbook is None or patient.session is None:
        return
    try:
        patient.logbook.training(patient.session, patient.evidence)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())


def conclude(patient: Patient, ending: Ending, report: Report | None) -> None:
    """The program is over: the record ends, and says how."""
    if patient.logbook is None:
        return
    patient.logbook.listen_no_more()
    if patient.logbook in _commands:
        _commands.remove(patient.logbook)
    vigil = patient.vigil
    if patient.logbook.kind == "run" and vigil is not None and vigil.stopped is not None:
        ending = replace(ending, code=FAILED_ON)  # as the process will end
    try:
        patient.logbook.close(ending, report, patient.session)
    except Exception:  # the harm boundary: what is recorded stays
        print("netwright: NW000 the record failed; this is a fault of netwright's:", file=patient.where_to())
        traceback.print_exc(file=patient.where_to())


def _status(ending: Ending) -> str:
    if ending.stopped:
        return "stopped"
    if ending.interrupted:
        return "interrupted"
    if ending.terminated:
        return "terminated"
    return "crashed" if ending.error is not None else "failed" if ending.code else "finished"


def _claimed(folder: Path) -> Path:
    """A folder of this run alone: another that began in the same second may have the name by now."""
    for _ in range(100):
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            folder = new_run_dir(folder.parents[2])
        except OSError:
            break  # the record says so
        else:
            break
    return folder


def _role(loader: "LoaderRecord") -> str:
    return "train" if loader.trained else "evaluation" if loader.epochs else "unknown"


def _without_parameters(group: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in group.items() if k != "params"}


def _accumulation(evidence: Mapping[type, object]) -> dict[str, object]:
    graphs, events = evidence.get(Graphs), evidence.get(Events)
    found = (
        accumulation(graphs, events) if isinstance(graphs, Graphs) and isinstance(events, Events) else None
    )
    return {} if found is None else {"batches_per_step": found.batches, "loss_divided_by": found.divided_by}


def _seeds(session: "Session") -> dict[str, object]:
    """What the program seeded by library; the value where it is a plain number."""
    found = dict[str, object](dict.fromkeys(session.recording.seeds))
    for event in session.recording.events:
        if event.kind == "seed":
            library = str(event.detail.get("library"))
            if found.get(library) is None:
                found[library] = event.detail.get("value")
    return found


def _first_batch(captures: "list[GraphCapture]") -> dict[str, object]:
    """What came into the networks in the first step, and what its losses took for targets."""
    from . import fingerprints
    from .capture.doors import door_tensors

    groups = {"first_batch": door_tensors(captures[0]), "first_targets": list(_targets(captures))}
    found = {name: [fingerprints.of_array(t) for t in held[:_MOST_INPUTS]] for name, held in groups.items()}
    return {name: [part for part in parts if part is not None] for name, parts in found.items()}


def _targets(captures: "list[GraphCapture]") -> "Iterator[torch.Tensor]":
    for capture in captures:
        term = read_objective(capture.graph, 0).term
        if term is not None and term.target is not None and term.target in capture.data:
            yield capture.data[term.target]
