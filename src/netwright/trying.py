"""Experiments while the program waits: which are done, for how long, in which form, and what came of them."""

import time
import traceback
from typing import TYPE_CHECKING

from .diagnosis.measurement import LEFT_OUT
from .evidence import Forms, LargestBatch, StepMemory
from .options import SERIOUS
from .patient import Patient
from .rule import NotApplicable

if TYPE_CHECKING:
    from .experiments._fitting import Fitting
    from .experiments.experiment import Experiment, Material

# An experiment may take longer than its share, which those after it then miss; all of them together may not.
_MOST, _OVER, _GRACE_S = 3.0, 1.1, 1.0


def experiment(patient: Patient) -> None:
    """Try things out on copies of the step while the program waits. What is found is evidence like any other."""
    if patient.session is None or patient.tried:
        return
    patient.tried = True
    from .experiments.catalogue import Fitting, material, planned, serious

    try:
        fitting = Fitting(material(patient.session, patient.again()))
    except NotApplicable as why:
        patient.notes.append(f"no experiment was done: {why}")
        return
    left: list[str] = []
    budget = patient.options.budget
    began = time.perf_counter()
    later: list[tuple[Experiment, float]] = []
    names = patient.options.experiments
    if SERIOUS in names:
        names = (*names, *serious(patient.config.severity))
    for experiment, seconds in planned(names, budget):
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


def batch_that_fits(patient: Patient, step: StepMemory) -> None:
    """The program died for want of memory: where it was asked for, find by running it which batch fits."""
    if LargestBatch.experiment not in patient.options.experiments or patient.tried:
        return
    patient.tried = True
    from .experiments.largest_batch import after_crash
    from .report.progress import shown

    name, seconds = LargestBatch.experiment, patient.options.budget
    try:
        with shown(name, patient.stream, quiet=patient.options.quiet) as progress:
            found = after_crash(patient.again(), step, seconds=seconds, progress=progress)
        patient.evidence[LargestBatch], patient.reran = found, True
    except Exception as error:  # the harm boundary
        patient.traces.append(traceback.format_exc())
        patient.evidence[LargestBatch] = NotApplicable(f"it failed: {type(error).__name__}: {error}")


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


def judged(patient: Patient) -> dict[type, object]:
    """The evidence that rules are given: without experiments done in a form that does not hold for the whole program."""
    few = NotApplicable("the experiment was done in a lesser form; what it found is shown and not judged")
    return {**patient.evidence, **dict.fromkeys(patient.only_shown, few)}
