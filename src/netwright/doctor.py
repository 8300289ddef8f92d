"""Joins the stages: a program is run and captured, its evidence measured, judged and reported.

The only module that knows all of them. torch is imported by the program, not here.
"""

import contextlib
import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from . import launch, logbook
from .config import left_out, load_config
from .engine import Checked, Judgement, State, judge
from .evidence import Crash, History
from .masking import masked
from .measuring import crash_of, measure_rest, measure_training, program_of
from .notes import notes, without_values
from .options import FAILED_ON, USAGE_ERROR, RunOptions
from .patient import Patient
from .registry import all_rules
from .rehearsing import prepare, rehearsed
from .report.build import build_report, diagnosed
from .report.deliver import deliver, exit_code
from .report.model import CANNOT_TELL, HEALTHY, SICK, Report
from .rule import NotApplicable, override_thresholds
from .trying import batch_that_fits, experiment, judged

if TYPE_CHECKING:
    from .capture.session import Session
    from .diagnosis import Proof
    from .rerun import Command

    Proofs = Callable[[Command, Report, TextIO], Proof | None]

_SWALLOWED = 20


def run(options: RunOptions, *, proofs: "Proofs | None" = None) -> int:
    """Run a program under examination and report. The exit code: the program's own, or see ``docs/exit-codes.md``.

    Args:
        options: what to run, and how.
        proofs: asked for the proof of a program in which something is wrong, once it has ended.

    Raises:
        ConfigError: ``[tool.netwright]`` cannot be understood.
    """
    patient = admit(options)
    patient.proofs = proofs
    patient.environment = dict(os.environ)
    patient.command = shlex.join(
        [*(["-m"] if options.is_module else []), options.target, *masked(options.argv)]
    )
    logbook.prepare(patient, kind="check" if options.stop_after_preflight else "run")
    finder = launch.AfterImport("torch", lambda: begin(patient))
    if "torch" in sys.modules:
        begin(patient)
    else:
        sys.meta_path.insert(0, finder)
    try:
        with launch.before_termination(lambda name: _terminated(patient, name)):
            ending = launch.run(
                options.target,
                options.argv,
                is_module=options.is_module,
                expected=lambda: patient.session is not None and patient.session.epochs_cut > 0,
            )
    except launch.CannotStart as why:
        print(f"netwright: {why}", file=sys.stderr)
        return USAGE_ERROR
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
        if patient.logbook is not None:
            patient.logbook.listen_no_more()
    return _finish(patient, ending)


def admit(options: RunOptions) -> Patient:
    """A program that is about to be examined, with the configuration that holds for it.

    Raises:
        ConfigError: ``[tool.netwright]`` cannot be understood.
    """
    script = Path(options.target) if not options.is_module else Path.cwd()
    config = load_config(script)
    ignored = left_out(config, select=options.select, ignore=options.ignore)
    override_thresholds(config.thresholds)
    patient = Patient(options=options, config=config, rules=all_rules(), ignored=ignored)
    patient.started = time.perf_counter()
    return patient


def begin(patient: Patient) -> None:
    """torch is there: put the recording in place. A failure of ours leaves the program alone."""
    try:
        from .capture.gathering import Gathering
        from .capture.session import Limits, Session

        session = Session(
            Limits(steps=first_steps(patient.options)),
            on_recorded=lambda: _recorded(patient),
        )
        session.ends_program = patient.options.stop_after_preflight
        session.look_at = patient.options.look_at
        session.keep_start = bool(patient.options.experiments or patient.options.rehearse)
        if patient.options.experiments:
            session.gathering = Gathering(seconds=min(5.0, patient.options.budget / 10))
            session.on_measured = lambda: _measured(patient)
        patient.session = session
        session.start()
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        patient.session = None
    logbook.begin(patient)


def first_steps(options: RunOptions) -> int:
    """How many steps are recorded at the beginning. Where a later one is to be looked at, one shows what the program is; the second step is recorded with the first."""
    if options.look_at is None:
        return options.steps
    return 1 if options.look_at > 1 else options.look_at + 2


def _measured(patient: Patient) -> None:
    """The training steps are there: measure what rules ask for while it is fresh."""
    start = time.perf_counter()
    try:
        measure_training(patient)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
    patient.spent += time.perf_counter() - start


def _recorded(patient: Patient) -> None:
    """Nothing more is recorded: try things out where that is wanted; ``check`` then ends the program."""
    _measured(patient)
    start = time.perf_counter()
    logbook.note_training(patient)
    if patient.options.experiments:
        experiment(patient)
    prepare(patient)
    patient.spent += time.perf_counter() - start
    if patient.options.stop_after_preflight and patient.session is not None:
        waits = 0.0 if patient.session.recording.evaluations else patient.options.wait_evaluation
        patient.deadline = time.perf_counter() + waits
        patient.session.on_tick = lambda: _tick(patient)
        if waits <= 0:
            _stop(patient)
    elif patient.options.watch:
        _watch(patient)


def _watch(patient: Patient) -> None:
    """The first steps are known: the rest of the run is watched. A failure of ours leaves the program alone."""
    from .vigil import Vigil

    session = patient.session
    if session is None:
        return
    start = time.perf_counter()
    vigil = patient.vigil = Vigil(session, patient.options, patient.stream, patient.logbook)
    try:
        vigil.begin(
            patient.rules,
            lambda: patient.evidence,
            ignore=patient.ignored,
            severity=patient.config.severity,
        )
    except Exception:  # the harm boundary
        vigil.failed()
    patient.spent += time.perf_counter() - start


def _watched(patient: Patient) -> History | NotApplicable:
    """The whole run as it was watched, which ends here."""
    vigil = patient.vigil
    history = vigil.end() if vigil is not None else None
    if vigil is not None:
        patient.notes += vigil.notes
        patient.traces += vigil.traces
    if history is None:
        return NotApplicable(
            "the run was not watched" if not patient.options.watch else "the run ended with the first steps"
        )
    return history


def _tick(patient: Patient) -> None:
    """After the recording, at every optimizer step of the program: is the wait for an evaluation over?"""
    session = patient.session
    if session is None or patient.deadline is None:
        return
    if len(session.recording.evaluations) >= 1 or time.perf_counter() > patient.deadline:
        _stop(patient)


def _stop(patient: Patient) -> None:
    """End the program; one that swallows everything that is raised in it is ended from here in the end."""
    patient.stops += 1
    if patient.stops <= _SWALLOWED:
        raise launch.Stop
    code = _finish(patient, launch.Ending(stopped=True))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _finish(patient: Patient, ending: launch.Ending) -> int:
    """Judge and report, whatever happened to the program."""
    start = time.perf_counter()
    session = patient.session
    with contextlib.suppress(
        OSError, ValueError, AttributeError
    ):  # the program may have closed it, or put None there
        sys.stdout.flush()
    stream = patient.where_to()
    ending = _own_doing(patient, ending)
    report: Report | None = None
    try:
        report = rehearsed(patient, conclude(patient, ending, start), ending)
        logbook.conclude(patient, ending, report)  # trials are no part of the run
        report = _proven(patient, report, ending, stream)
        deliver(report, patient.options, stream=stream)
        code = exit_code(report, ending.code, _options(patient))
        if patient.vigil is not None and patient.vigil.stopped is not None:
            code = FAILED_ON
    except OSError as error:
        print(f"netwright: the report could not be written: {error.strerror or error}", file=stream)
        code = ending.code
    except Exception:  # the harm boundary: the program's exit code is kept
        print("netwright: NW000 the report failed; this is a fault of netwright's:", file=stream)
        traceback.print_exc(file=stream)
        code = ending.code
    if report is None:
        logbook.conclude(patient, ending, None)
    if session is not None:
        session.close()
    if ending.interrupted:
        launch.interrupt_self()
    return code


def _terminated(patient: Patient, name: str) -> None:
    """A signal ends the process: what is known is said before."""
    patient.notes.append(f"the program was ended from outside ({name})")
    patient.proofs = None  # no time for trials
    with contextlib.suppress(Exception):  # the harm boundary: the process must end
        _finish(patient, launch.Ending(code=1, terminated=True))


def _proven(patient: Patient, report: Report, ending: launch.Ending, stream: TextIO) -> Report:
    """The report with what trials of remedies prove of it, where that is known or asked for. The program has ended."""
    if patient.proofs is None or report.verdict != SICK or ending.interrupted:
        return report
    start = time.perf_counter()
    try:
        proof = patient.proofs(patient.again(), report, stream)
    except Exception as error:  # the harm boundary: what was found is reported without
        note = f"NW000: the proof failed ({type(error).__name__}: {error}); this is a fault of netwright's"
        return replace(report, notes=(*report.notes, note), traces=(*report.traces, traceback.format_exc()))
    if proof is None:
        return report
    return diagnosed(replace(report, seconds=report.seconds + time.perf_counter() - start), proof)


def _options(patient: Patient) -> RunOptions:
    return replace(patient.options, fail_on=patient.options.fail_on or patient.config.fail_on)


def conclude(patient: Patient, ending: launch.Ending, start: float) -> Report:
    """Measure what is left to measure, judge, and put the report together."""
    session = patient.session
    crash = crash_of(patient, ending)
    if session is not None:
        if session.look_at is not None:
            if session.recording.steps <= session.look_at:
                patient.notes.append(
                    f"step {session.look_at:,} (counted from 0) was never reached: the program made {session.recording.steps:,}"
                )
            session.look_at, session.recorded = None, False
        if not session.recorded:
            session.on_recorded = lambda: None
            session.finish_recording()
            measure_training(patient)
            logbook.note_training(patient)
            if patient.options.experiments and ending.error is None:
                experiment(patient)
            elif isinstance(crash, Crash) and crash.memory is not None:
                batch_that_fits(patient, crash.memory)
        session.evaluation_ends()
    patient.evidence[History] = _watched(patient)
    measure_rest(patient, crash)
    judgement = judge(
        patient.rules, judged(patient), ignore=patient.ignored, severity=patient.config.severity
    )
    judgement = _with_failures(patient, judgement)
    seconds = patient.spent + (session.recorder.spent if session else 0.0) + time.perf_counter() - start
    report = build_report(
        judgement,
        patient.evidence,
        program=program_of(patient),
        rules=patient.rules,
        notes=[
            *patient.notes,
            *notes(
                session,
                ended_early=ending.stopped and patient.options.stop_after_preflight,
                reran=patient.reran,
            ),
        ],
        samples=patient.samples,
        seconds=seconds,
        steps=_seen(session),
        live=patient.vigil.live if patient.vigil is not None else (),
        watched=patient.vigil.watched if patient.vigil is not None else 0,
    )
    if report.verdict == HEALTHY and session is not None and without_values(session) is not None:
        return replace(report, verdict=CANNOT_TELL)
    return report


def _own_doing(patient: Patient, ending: launch.Ending) -> launch.Ending:
    """An exception after an epoch was cut short may come of just that: it is mentioned, and not judged as a crash."""
    session = patient.session
    if session is None or not session.epochs_cut:
        return ending
    patient.notes.append(
        "the training epoch was cut short to come to the evaluation; what the program printed about it is not its real result"
    )
    if ending.error is None or ending.interrupted:
        return ending
    kind = type(ending.error).__name__
    patient.notes.append(
        f"after that the program raised {kind}, which may come of the cut and was not judged"
    )
    return launch.Ending(stopped=True)


def _seen(session: "Session | None") -> int:
    return max(session.recording.steps, session.recording.backwards) if session is not None else 0


def _with_failures(patient: Patient, judgement: Judgement) -> Judgement:
    """NW000: what of ours failed while recording."""
    traces = [*patient.traces]
    if patient.session is not None and patient.session.recorder.broken:
        traces.append(patient.session.recorder.broken)
    if not traces:
        return judgement
    checked = Checked(
        code="NW000",
        name="could-not-run",
        state=State.BROKEN,
        reason="recording failed: " + traces[0].strip().splitlines()[-1],
    )
    return replace(judgement, checked=(checked, *judgement.checked), traces=(*judgement.traces, *traces))
