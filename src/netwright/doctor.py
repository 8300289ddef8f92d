"""Joins the stages: a program is run and captured, its evidence measured, judged and reported.

The only module that knows all of them. torch is imported by the program, not here.
"""

import contextlib
import io
import os
import platform
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import launch
from .config import Config, left_out, load_config
from .diagnosis.measurement import LEFT_OUT
from .engine import Checked, Judgement, State, judge, measure
from .evidence import (
    EXPERIMENTS,
    Crash,
    EvalInputs,
    Evaluation,
    EvaluationItems,
    Finiteness,
    Forms,
    Graphs,
    History,
    Metrics,
    Optimizers,
    Program,
    Signals,
    Splits,
    Targets,
    Task,
    TrainInputs,
)
from .notes import notes, without_values
from .options import FAILED_ON, USAGE_ERROR, RunOptions
from .registry import all_rules
from .report.build import build_report, diagnosed
from .report.deliver import deliver, exit_code
from .report.model import CANNOT_TELL, HEALTHY, SICK, Report, Sample
from .rule import NotApplicable, NotAsked, Rule, override_thresholds

if TYPE_CHECKING:
    from .capture.session import Session
    from .diagnosis import Proof
    from .experiments._fitting import Fitting
    from .experiments.experiment import Experiment, Material
    from .logbook import Logbook
    from .rerun import Command
    from .vigil import Vigil

    Proofs = Callable[[Command, Report, TextIO], Proof | None]

_LATE = (Evaluation, EvalInputs, EvaluationItems, Finiteness, Metrics, Splits, Crash, Program, History)
_SWALLOWED = 20
# An experiment may take longer than its share, which those after it then miss; all of them together may not.
_MOST, _OVER, _GRACE_S = 3.0, 1.1, 1.0
_PROBES_S = 40.0  # for what is measured without experiments, where a step takes seconds
_WITHOUT_VALUES = {Task, Graphs, Optimizers}
_PICTURES = (Task, TrainInputs, Targets, Signals, Graphs)


@dataclass(slots=True)
class Patient:
    """One program under examination, and what is known of it so far."""

    options: RunOptions
    config: Config
    rules: tuple[Rule, ...]
    ignored: Mapping[str, str]
    session: "Session | None" = None
    vigil: "Vigil | None" = None
    evidence: dict[type, object] = field(default_factory=dict[type, object])
    samples: tuple[Sample, ...] = ()
    folder: Path = field(default_factory=Path.cwd)
    environment: dict[str, str] = field(default_factory=dict[str, str])
    command: str = ""
    proofs: "Proofs | None" = None
    notes: list[str] = field(default_factory=list[str])
    traces: list[str] = field(default_factory=list[str])
    started: float = 0.0
    spent: float = 0.0
    deadline: float | None = None
    stops: int = 0
    tried: bool = False
    logbook: "Logbook | None" = None
    only_shown: set[type] = field(default_factory=set[type])
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    @property
    def active(self) -> list[Rule]:
        """Rules that are to run."""
        return [r for r in self.rules if r.code not in self.ignored]


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
    patient.command = shlex.join([*(["-m"] if options.is_module else []), options.target, *options.argv])
    _prepare_record(patient)
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
            patient.logbook.arguments.stop()
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
            Limits(steps=patient.options.steps if patient.options.look_at is None else 1),
            on_recorded=lambda: _recorded(patient),
        )
        session.ends_program = patient.options.stop_after_preflight
        session.look_at = patient.options.look_at
        if patient.options.experiments:
            session.keep_start = True
            session.gathering = Gathering(seconds=min(5.0, patient.options.budget / 10))
            session.on_measured = lambda: _measured(patient)
        patient.session = session
        session.start()
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        patient.session = None
    _open_record(patient)


def _prepare_record(patient: Patient) -> None:
    """Before the program begins: from now on its settings are heard of."""
    if patient.options.run_dir is not None and patient.options.record:
        from .logbook import Logbook

        patient.logbook = Logbook(patient.options)
        patient.logbook.arguments.start()


def _open_record(patient: Patient) -> None:
    """torch is there: this run is recorded from now on."""
    if patient.logbook is None:
        return
    try:
        patient.options = replace(patient.options, run_dir=patient.logbook.open())
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        patient.logbook = None


def _record_training(patient: Patient) -> None:
    """The first steps are measured: what is known of the training goes into the record."""
    if patient.logbook is None or patient.session is None:
        return
    try:
        patient.logbook.training(patient.session, patient.evidence)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())


def _close_record(patient: Patient, ending: launch.Ending, report: Report | None) -> None:
    """The program is over."""
    if patient.logbook is None:
        return
    try:
        patient.logbook.close(ending, report)
    except Exception:  # the harm boundary: what is recorded stays
        print("netwright: NW000 the record failed; this is a fault of netwright's:", file=_stream(patient))
        traceback.print_exc(file=_stream(patient))


def _measured(patient: Patient) -> None:
    """The training steps are there: measure what rules ask for while it is fresh."""
    start = time.perf_counter()
    try:
        _measure_training(patient)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
    patient.spent += time.perf_counter() - start


def _recorded(patient: Patient) -> None:
    """Nothing more is recorded: try things out where that is wanted; ``check`` then ends the program."""
    _measured(patient)
    start = time.perf_counter()
    _record_training(patient)
    if patient.options.experiments:
        _experiment(patient)
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


def _measure_training(patient: Patient) -> None:
    from .probes import Observed

    session = patient.session
    if session is None or patient.evidence:
        return
    from .capture.clock import limited
    from .capture.samples import samples
    from .capture.sandbox import untouched

    wanted = {need for rule in patient.active for need in rule.needs.values()} | set(_PICTURES)
    given: dict[type, object] = {Observed: Observed(session)}
    with untouched(), limited(_PROBES_S):
        patient.evidence = _measure_what_can_be(patient, wanted - {*_LATE, *EXPERIMENTS}, given)
        try:
            patient.samples = samples(session)
        except Exception:  # the harm boundary
            patient.traces.append(traceback.format_exc())


def _experiment(patient: Patient) -> None:
    """Try things out on copies of the step while the program waits. What is found is evidence like any other."""
    if patient.session is None or patient.tried:
        return
    patient.tried = True
    from .experiments.catalogue import Fitting, material, planned

    try:
        fitting = Fitting(material(patient.session, _command(patient)))
    except NotApplicable as why:
        patient.notes.append(f"no experiment was done: {why}")
        return
    left: list[str] = []
    budget = patient.options.budget
    began = time.perf_counter()
    later: list[tuple[Experiment, float]] = []
    for experiment, seconds in planned(patient.options.experiments, budget):
        if seconds:
            late = _do(patient, experiment, fitting, seconds, began)
            later += [(experiment, late)] if late is not None else []
        else:
            left.append(experiment.name)
            patient.evidence[experiment.makes] = NotApplicable(LEFT_OUT)
    # What was too slow for its share may do with what others have left of theirs.
    for experiment, seconds in later:
        if seconds <= began + budget - time.perf_counter():
            _do(patient, experiment, fitting, seconds, began)
    if left:
        patient.notes.append(
            f"left out, as the {patient.options.budget:g} s for experiments were over: {', '.join(left)} (--budget SECONDS gives more, --only NAME runs one of them)"
        )


def _do(
    patient: Patient, experiment: "Experiment", fitting: "Fitting", seconds: float, began: float
) -> float | None:
    """Do one experiment and keep what came of it; the seconds that it would need where these are too few."""
    left = began + _OVER * patient.options.budget + _GRACE_S - time.perf_counter()
    found, given, form = _tried(patient, experiment, fitting, seconds, min(_MOST * seconds, left))
    patient.evidence[experiment.makes] = found
    if form:
        known = patient.evidence.get(Forms)
        before = dict(known.by_experiment) if isinstance(known, Forms) else dict[str, str]()
        patient.evidence[Forms] = Forms(by_experiment={**before, experiment.name: form})
        if given.batch is not None and experiment.work is not None and not experiment.work.few:
            patient.only_shown.add(experiment.makes)
    if getattr(found, "reruns", False):
        patient.only_shown.add(experiment.makes)
    return getattr(found, "seconds", None) if isinstance(found, NotApplicable) else None


def _tried(
    patient: Patient, experiment: "Experiment", fitting: "Fitting", seconds: float, most: float
) -> tuple[object, "Material", str]:
    """What an experiment found, or why it could not be done; what it was given, and in which form where that is not the whole. ``most``: the seconds after which it is given up."""
    from .capture.clock import limited
    from .report.progress import shown

    name, given = experiment.name, fitting.material
    try:
        with limited(most), shown(name, patient.stream, quiet=patient.options.quiet) as progress:
            given, form = fitting.fit(experiment, seconds)
            return experiment.run(given, seconds, progress), given, form
    except NotApplicable as why:
        return why, given, ""
    except Exception as error:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        return NotApplicable(f"it failed: {type(error).__name__}: {error}"), given, ""


def _command(patient: Patient) -> "Command":
    """How to start the program once more. What it has changed of its environment and working folder by now is not its start."""
    from .rerun import Command

    options = patient.options
    return Command(
        target=options.target,
        argv=options.argv,
        is_module=options.is_module,
        folder=patient.folder,
        environment=patient.environment,
    )


def _crash(patient: Patient, ending: launch.Ending) -> Crash | NotApplicable:
    """What the recording knows of the crash; asked before the recording is closed, while its last iteration is there."""
    from .crash import describe

    if ending.error is None or ending.interrupted:
        return NotApplicable("the program did not crash")
    try:
        return describe(ending.error, patient.session)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        return describe(ending.error, None)


def _measure_rest(patient: Patient, crash: Crash | NotApplicable) -> None:
    session = patient.session
    for kind, name in EXPERIMENTS.items():
        patient.evidence.setdefault(
            kind, NotAsked(f"the experiment {name} was not done (netwright check --only {name})")
        )
    if session is not None:
        from .capture.sandbox import untouched
        from .probes import Observed
        from .probes._named import with_evaluation

        wanted = {need for rule in patient.active for need in rule.needs.values()} | {EvalInputs}
        given = {**patient.evidence, Observed: Observed(session)}
        with untouched():
            if isinstance(graphs := given.get(Graphs), Graphs):
                given[Graphs] = with_evaluation(graphs, Observed(session))
            patient.evidence = _measure_what_can_be(patient, wanted - {Crash, Program}, given)
    patient.evidence[Program] = _program(patient)
    patient.evidence[Crash] = crash


def _program(patient: Patient) -> Program:
    session, options = patient.session, patient.options
    torch: Any = sys.modules.get("torch")
    return Program(
        script=options.target,
        argv=options.argv,
        command=patient.command,
        seeds=dict(session.recording.seeds) if session else {},
        random_used=session.random_used() if session else (),
        steps_seen=session.recording.steps if session else 0,
        torch_version=str(getattr(torch, "__version__", "")),
        python_version=platform.python_version(),
    )


def _finish(patient: Patient, ending: launch.Ending) -> int:
    """Judge and report, whatever happened to the program."""
    start = time.perf_counter()
    session = patient.session
    with contextlib.suppress(
        OSError, ValueError, AttributeError
    ):  # the program may have closed it, or put None there
        sys.stdout.flush()
    stream = _stream(patient)
    ending = _own_doing(patient, ending)
    report: Report | None = None
    try:
        report = conclude(patient, ending, start)
        _close_record(patient, ending, report)  # trials are no part of the run
        report = _proven(patient, report, ending, stream)
        told = patient.logbook is not None and patient.logbook.failed
        deliver(report, patient.options, stream=stream, told=told)
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
        _close_record(patient, ending, None)
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
        _finish(patient, launch.Ending(code=1))


def _proven(patient: Patient, report: Report, ending: launch.Ending, stream: TextIO) -> Report:
    """The report with what trials of remedies prove of it, where that is known or asked for. The program has ended."""
    if patient.proofs is None or report.verdict != SICK or ending.interrupted:
        return report
    start = time.perf_counter()
    try:
        proof = patient.proofs(_command(patient), report, stream)
    except Exception as error:  # the harm boundary: what was found is reported without
        note = f"NW000: the proof failed ({type(error).__name__}: {error}); this is a fault of netwright's"
        return replace(report, notes=(*report.notes, note), traces=(*report.traces, traceback.format_exc()))
    if proof is None:
        return report
    return diagnosed(replace(report, seconds=report.seconds + time.perf_counter() - start), proof)


def _stream(patient: Patient) -> TextIO:
    """Where the report goes: stderr as it was at the start, whatever the program has put there."""
    for stream in (patient.stream, sys.stderr, sys.__stderr__):
        if stream is not None and not stream.closed:
            return stream
    return io.StringIO()


def _options(patient: Patient) -> RunOptions:
    return replace(patient.options, fail_on=patient.options.fail_on or patient.config.fail_on)


def conclude(patient: Patient, ending: launch.Ending, start: float) -> Report:
    """Measure what is left to measure, judge, and put the report together."""
    session = patient.session
    crash = _crash(patient, ending)
    if session is not None:
        if session.look_at is not None:
            patient.notes.append(
                f"step {session.look_at:,} was never reached: the program made {session.recording.steps:,}"
            )
            session.look_at, session.recorded = None, False
        if not session.recorded:
            session.on_recorded = lambda: None
            session.finish_recording()
            _measure_training(patient)
            _record_training(patient)
            if patient.options.experiments and ending.error is None:
                _experiment(patient)
        session.evaluation_ends()
    patient.evidence[History] = _watched(patient)
    _measure_rest(patient, crash)
    judgement = judge(
        patient.rules, _judged(patient), ignore=patient.ignored, severity=patient.config.severity
    )
    judgement = _with_failures(patient, judgement)
    seconds = patient.spent + (session.recorder.spent if session else 0.0) + time.perf_counter() - start
    report = build_report(
        judgement,
        patient.evidence,
        program=_program(patient),
        rules=patient.rules,
        notes=[*patient.notes, *notes(session, ended_early=ending.stopped)],
        samples=patient.samples,
        seconds=seconds,
        steps=_seen(session),
        live=patient.vigil.live if patient.vigil is not None else (),
        watched=patient.vigil.watched if patient.vigil is not None else 0,
    )
    if report.verdict == HEALTHY and session is not None and without_values(session) is not None:
        return replace(report, verdict=CANNOT_TELL)
    return report


def _judged(patient: Patient) -> dict[type, object]:
    """The evidence that rules are given: without experiments done in a form that does not hold for the whole program."""
    few = NotApplicable("the experiment was done in a lesser form; what it found is shown and not judged")
    return {**patient.evidence, **dict.fromkeys(patient.only_shown, few)}


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


def _measure_what_can_be(
    patient: Patient, wanted: set[type], given: dict[type, object]
) -> dict[type, object]:
    from .probes import all_probes

    session = patient.session
    why = without_values(session) if session is not None else None
    if why is None:
        return measure(wanted, given, all_probes())
    found = measure(wanted & _WITHOUT_VALUES, given, all_probes())
    return {**found, **{kind: NotApplicable(why) for kind in wanted - _WITHOUT_VALUES}}
