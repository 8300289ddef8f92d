"""What of a program under examination goes into its record (:mod:`netwright.runs`): what is known before it starts, after its first steps, and at its end."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .evidence import Loaders, Optimizers, Where
from .evidence.history import Sample
from .launch import Ending
from .options import RunOptions
from .patient import Patient
from .report.build import counted
from .report.deliver import new_run_dir
from .report.model import Report
from .rule import Finding, Severity, every
from .runs import Record, collect
from .runs.settings import Arguments, configurations, constants

if TYPE_CHECKING:
    import torch

    from .capture.session import Session
    from .monitor import Watcher

_HASHED = 1 << 18  # numbers of a tensor that a fingerprint is made of


class Logbook:
    """Keeps the record of one program. ``record`` is there once the program has loaded torch. ``kind`` is how it is examined: ``run``, ``check`` or ``watch``."""

    def __init__(self, options: RunOptions, *, kind: str) -> None:
        self.options, self.kind = options, kind
        self.arguments = Arguments()
        self.record: Record | None = None
        self._folder = Path.cwd()
        self._variables = collect.variables(os.environ)
        self._noted = False
        self._places: Mapping[str, Where] = {}

    @property
    def failed(self) -> bool:
        """Whether the record could not be written, which was said."""
        return self.record is not None and self.record.failed is not None

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
        optimizers = evidence.get(Optimizers)
        record.meta(
            {
                "arguments": self.arguments.found(),
                "constants": constants(main),
                "configurations": configurations(main, frame),
                "optimizers": [
                    {"type": o.type, "groups": [_without_parameters(g) for g in o.groups]}
                    for o in (optimizers.optimizers if isinstance(optimizers, Optimizers) else ())
                ],
                "seeds": _seeds(session),
                "data": _data(session, evidence),
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
            self.record.finding(finding, key=f"{finding.code} {finding.where.at}", step=step, state=state)

    def _collect(self, record: Record) -> None:
        """In the record's own time: the files of the program, packages and the machine."""
        script = None if self.options.is_module else str(self._folder / self.options.target)
        record.later(lambda: collect.code(record, script, self._folder))
        record.later(
            lambda: {
                "environment": collect.environment(self._variables),
                "hardware": collect.hardware(),
            }
        )

    def close(self, ending: Ending, report: Report | None) -> None:
        """The program is over: what was found, and how it ended."""
        record = self.record
        if record is None:
            return
        self._collect(record)  # modules may have come since
        if not self._noted:
            record.meta(
                {"arguments": self.arguments.found(), "constants": constants(sys.modules.get("__main__"))}
            )
        for finding in (f for top in (report.findings if report else ()) for f in every(top)):
            self.finding(finding)
        record.meta(
            {
                "exit_code": ending.code,
                "error": "" if ending.error is None else f"{type(ending.error).__name__}: {ending.error}",
                "verdict": report.verdict if report else "",
                "places": {name: where.at for name, where in self._places.items()},
                "found": {s.value: counted(report.findings, s) for s in Severity} if report else {},
            }
        )
        record.end(_status(ending))
        record.close()


def prepare(patient: Patient, *, kind: str) -> None:
    """Before the program begins, where it is to be recorded: from now on its settings are heard of. ``kind``: as for :class:`Logbook`."""
    if patient.options.run_dir is not None and patient.options.record:
        patient.logbook = Logbook(patient.options, kind=kind)
        patient.logbook.arguments.start()


def begin(patient: Patient) -> None:
    """torch is there: this run is recorded from now on."""
    if patient.logbook is None:
        return
    try:
        patient.options = replace(patient.options, run_dir=patient.logbook.open())
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
    patient.logbook.arguments.stop()
    try:
        patient.logbook.close(ending, report)
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


def _without_parameters(group: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in group.items() if k != "params"}


def _seeds(session: "Session") -> dict[str, object]:
    """What the program seeded by library; the value where it is a plain number."""
    found = dict[str, object](dict.fromkeys(session.recording.seeds))
    for event in session.recording.events:
        if event.kind == "seed":
            library = str(event.detail.get("library"))
            if found.get(library) is None:
                found[library] = event.detail.get("value")
    return found


def _data(session: "Session", evidence: Mapping[type, object]) -> dict[str, object]:
    """Fingerprints of what the networks got in the first step, and the size of what the loaders read."""
    from .capture.doors import door_tensors
    from .capture.sandbox import untouched

    with untouched():
        first = session.recording.captures[0] if session.recording.captures else None
        batch = [_fingerprint(t) for t in door_tensors(first)] if first is not None else []
    loaders = evidence.get(Loaders)
    return {
        "first_batch": batch,
        "loaders": [
            {
                "role": x.role, "samples": x.dataset_length, "batch_size": x.batch_size,
                "shuffled": x.shuffled, "workers": x.workers,
            }
            for x in (loaders.loaders if isinstance(loaders, Loaders) else ())
        ],
    }  # fmt: skip


def _fingerprint(tensor: "torch.Tensor") -> dict[str, Any]:
    """Shape, type, and a digest of the first numbers."""
    import torch

    from .rerun.digests import digest

    start = tensor.detach().flatten()[:_HASHED] if tensor.layout is torch.strided else tensor
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype), "digest": digest([start])}
