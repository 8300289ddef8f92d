"""Rehearsals of the remedies of what was found, while the recording is there: on copies of the weights, within a few seconds."""

import traceback
from dataclasses import replace

from . import launch
from .patient import Patient
from .report.model import SICK, Report


def prepare(patient: Patient) -> None:
    """Note how the optimizers were made, while the program still has them."""
    if not patient.options.rehearse or patient.session is None:
        return
    from .rehearsal import optimizers_of

    try:
        patient.optimizers = optimizers_of(patient.session.recording)
    except Exception:  # the harm boundary
        patient.traces.append(traceback.format_exc())


def rehearsed(patient: Patient, report: Report, ending: launch.Ending) -> Report:
    """The report with what rehearsals of remedies came to. A program that crashed or was interrupted gets none."""
    session, seconds = patient.session, patient.options.rehearse
    if (
        not seconds
        or session is None
        or report.verdict != SICK
        or ending.error is not None
        or ending.terminated
    ):
        return report
    from .rehearsal import candidates, rehearse
    from .report.progress import shown

    try:
        with shown("rehearsal", patient.stream, quiet=patient.options.quiet) as progress:
            progress(0.0)
            wanted, refused = candidates(report.serious, session)
            found = rehearse(session, wanted, seconds=seconds, optimizers=patient.optimizers)
    except Exception:  # the harm boundary
        return replace(report, traces=(*report.traces, traceback.format_exc()))
    return replace(report, rehearsed=(*found, *refused))
