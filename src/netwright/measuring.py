"""Evidence of one program: what probes make of the recording when its first steps are there, and what is known only at its end."""

import platform
import sys
import traceback
from typing import Any

from . import launch
from .engine import measure
from .evidence import (
    EXPERIMENTS,
    Crash,
    EvalInputs,
    Evaluation,
    EvaluationItems,
    Finiteness,
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
from .masking import masked
from .notes import without_values
from .patient import Patient
from .rule import NotApplicable, NotAsked

_LATE = (Evaluation, EvalInputs, EvaluationItems, Finiteness, Metrics, Splits, Crash, Program, History)
_PROBES_S = 40.0  # for what is measured without experiments, where a step takes seconds
_WITHOUT_VALUES = {Task, Graphs, Optimizers}
_PICTURES = (Task, TrainInputs, Targets, Signals, Graphs)


def measure_training(patient: Patient) -> None:
    """What rules ask for of the training, while the tensors are fresh; only once."""
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


def measure_rest(patient: Patient, crash: Crash | NotApplicable) -> None:
    """What is known only when the program has ended."""
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
    patient.evidence[Program] = program_of(patient)
    patient.evidence[Crash] = crash


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


def program_of(patient: Patient) -> Program:
    """The program itself, as far as it has come."""
    session, options = patient.session, patient.options
    torch: Any = sys.modules.get("torch")
    return Program(
        script=options.target,
        argv=tuple(masked(options.argv)),
        command=patient.command,
        seeds=dict(session.recording.seeds) if session else {},
        random_used=session.randomness.used() if session else (),
        steps_seen=session.recording.updates if session else 0,
        torch_version=str(getattr(torch, "__version__", "")),
        python_version=platform.python_version(),
    )


def crash_of(patient: Patient, ending: launch.Ending) -> Crash | NotApplicable:
    """What the recording knows of the crash; asked before the recording is closed, while its last iteration is there."""
    from .crash import describe

    if ending.error is None or ending.interrupted:
        return NotApplicable("the program did not crash")
    try:
        return describe(ending.error, patient.session)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        return describe(ending.error, None)
